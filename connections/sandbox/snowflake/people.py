"""Users with their keys, roles with their privileges, warehouses that sleep and wake."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

ADMIN = "ACCOUNTADMIN"


@dataclass(frozen=True)
class PublicKey:
    """# Reference: section 2, the fingerprint is over the DER of the SubjectPublicKeyInfo."""

    key: RSAPublicKey

    @classmethod
    def read(cls, text: str) -> PublicKey:
        """From what `ALTER USER ... SET RSA_PUBLIC_KEY` takes: base 64, with or without the PEM delimiters."""
        lines = [line for line in text.strip().splitlines() if not line.startswith("-----")]
        key = load_der_public_key(base64.b64decode("".join(lines)))
        if not isinstance(key, RSAPublicKey):
            raise TypeError("Only RSA keys are taken.")
        return cls(key)

    @property
    def fingerprint(self) -> str:
        der = self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


@dataclass
class User:
    name: str
    keys: list[PublicKey] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    default_warehouse: str = ""
    default_database: str = ""
    default_schema: str = ""
    disabled: bool = False


@dataclass(frozen=True)
class Grant:
    """`on` is a kind such as SCHEMA; `name` the exact parts of the object's path."""

    privilege: str
    on: str
    name: tuple[str, ...]


@dataclass
class Role:
    name: str
    grants: set[Grant] = field(default_factory=set)
    inherits: set[str] = field(default_factory=set)


@dataclass
class Warehouse:
    name: str
    auto_resume: bool = True
    auto_suspend: int = 600
    size: str = "X-Small"
    is_suspended: bool = True
    used_at: datetime | None = None
    wakes: int = 0

    def settle(self, now: datetime) -> None:
        """Falls asleep after so many seconds without work."""
        idle = self.used_at is not None and now - self.used_at >= timedelta(seconds=self.auto_suspend)
        if self.auto_suspend and idle:
            self.is_suspended = True

    def use(self, now: datetime) -> bool:
        """Whether it can work now; wakes it up where it may."""
        self.settle(now)
        if self.is_suspended and not self.auto_resume:
            return False
        if self.is_suspended:
            self.wake(now)
        self.used_at = now
        return True

    def wake(self, now: datetime) -> None:
        self.is_suspended, self.used_at, self.wakes = False, now, self.wakes + 1


class Roles(dict[str, Role]):
    """name -> role; a role holds what the roles granted to it hold."""

    def within(self, name: str) -> Iterator[Role]:
        seen, waiting = set(), [name]
        while waiting:
            one = waiting.pop()
            if one in seen or one not in self:
                continue
            seen.add(one)
            yield self[one]
            waiting.extend(self[one].inherits)

    def holds(self, name: str, on: str, object_name: tuple[str, ...], *privileges: str) -> bool:
        """Any of the privileges, or the ownership. Without privileges named: anything at all."""
        if name == ADMIN:
            return True
        wanted = {*privileges, "OWNERSHIP"}
        return any(
            grant.on == on and grant.name == object_name and (not privileges or grant.privilege in wanted)
            for role in self.within(name)
            for grant in role.grants
        )
