"""A Snowflake account on a real socket, and a caller who makes tokens with PyJWT and knows nothing of our client."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connections.sandbox.app import Sandbox
from connections.sandbox.archive import ACCOUNT, DATABASE, ROLE, USER, open_archive
from connections.sandbox.archive import WAREHOUSE as HOUSE
from connections.sandbox.clock import SandboxClock
from connections.sandbox.server import SandboxServer, serve
from connections.sandbox.snowflake.people import PublicKey

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SCHEMA = "exact"
PASSPHRASE = "key-passphrase-canary"


@lru_cache
def key(name: str = "first") -> rsa.RSAPrivateKey:
    """One key per name and test process: making one takes a tenth of a second."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(name: str = "first", passphrase: str = "") -> str:
    sealed: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed).decode()


def public(name: str = "first") -> str:
    return key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fingerprint(name: str = "first") -> str:
    der = key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class SnowflakeWorld:
    def __init__(self, sandbox: Sandbox, server: SandboxServer) -> None:
        self.sandbox, self.server = sandbox, server
        self.account = open_archive(sandbox, public_key=public(), schema=SCHEMA)
        self.now = sandbox.clock.now
        self.context: dict[str, Any] = {"role": ROLE, "warehouse": HOUSE, "database": DATABASE, "schema": SCHEMA}
        self.url = f"{server.base_url}/snowflake/tb-archive/api/v2/statements"
        self.http = requests.Session()

    def token(self, *, name: str = "first", lasts: float = 3540, **claims: Any) -> str:
        now = int(self.now().timestamp())
        subject = f"{ACCOUNT}.{USER}"
        body = {"iss": f"{subject}.{fingerprint(name)}", "sub": subject, "iat": now, "exp": now + lasts, **claims}
        return jwt.encode(body, key(name), algorithm="RS256")

    def headers(self, token: str | None = None, **more: str) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token or self.token()}",
            "X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT",
            "Accept": "application/json",
            "User-Agent": "tests/1.0",
            **more,
        }

    def post(
        self, statement: str, *values: str | tuple[str, str | None], query: dict[str, str] | None = None, **body: Any
    ) -> requests.Response:
        """`values`: texts, or (type, text)."""
        bindings = {}
        for place, value in enumerate(values, 1):
            kind, text = value if isinstance(value, tuple) else ("TEXT", value)
            bindings[str(place)] = {"type": kind, "value": text}
        sent = {"statement": statement, **self.context, **({"bindings": bindings} if bindings else {}), **body}
        sent = {name: part for name, part in sent.items() if part is not None}
        return self.http.post(self.url, json=sent, headers=self.headers(), params=query, timeout=10)

    def rows(self, statement: str, *values: str | tuple[str, str | None], **body: Any) -> list[list[str | None]]:
        answer = self.post(statement, *values, **body)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content)["data"]

    def error(self, statement: str, *values: str | tuple[str, str | None], **body: Any) -> str:
        """The code of a failed statement."""
        answer = self.post(statement, *values, **body)
        assert answer.status_code == 422, answer.text
        return str(answer.json()["code"])

    def get(self, handle: str, tail: str = "", **query: str) -> requests.Response:
        return self.http.get(f"{self.url}/{handle}{tail}", headers=self.headers(), params=query, timeout=10)

    def cancel(self, handle: str) -> requests.Response:
        return self.http.post(f"{self.url}/{handle}/cancel", headers=self.headers(), timeout=10)

    def advance(self, seconds: float) -> None:
        self.sandbox.clock.advance(seconds)


@contextmanager
def snowflake_world() -> Iterator[SnowflakeWorld]:
    sandbox = Sandbox(seed=1, clock=SandboxClock(lambda: START))
    with serve(sandbox) as server:
        world = SnowflakeWorld(sandbox, server)
        try:
            yield world
        finally:
            world.http.close()
            sandbox.snowflake.close()


def request_id() -> str:
    return str(uuid.uuid4())


__all__ = [
    "ACCOUNT", "DATABASE", "HOUSE", "ROLE", "USER", "PublicKey", "SnowflakeWorld", "request_id", "snowflake_world",
]  # fmt: skip
