"""Snowflake as a whole: accounts by name, each with its own users, warehouses and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connections.sandbox.clock import SandboxClock
from connections.sandbox.log import RequestLog
from connections.sandbox.wire import Request, Response

if TYPE_CHECKING:
    from connections.sandbox.snowflake.account import Account

_ACCOUNT = re.compile(r"^/(?P<account>(?!api/)[A-Za-z0-9._-]+)(?P<path>/.*)$")
NOT_INSTALLED = (
    "The stand-in of Snowflake needs the extra 'sandbox' (DuckDB and sqlglot): pip install 'tillbridge[sandbox]'."
)


class SnowflakeSandbox:
    """The address of an account is `<prefix>/<identifier>`, where Snowflake has a host for each.

    `folder`: where accounts opened from now on keep their tables; None is memory, which a million rows would fill.
    """

    name = "snowflake"

    def __init__(self, *, clock: SandboxClock, log: RequestLog, seed: int = 1, folder: Path | None = None) -> None:
        self.clock, self.log, self.seed, self.folder = clock, log, seed, folder
        self.accounts: dict[str, Account] = {}

    def account(self, name: str) -> Account:
        """The account, opened at the first mention. Raises `RuntimeError` where the database is not installed."""
        key = _key(name)
        if key not in self.accounts:
            # Half a second of imports, which only those pay who archive.
            try:
                from connections.sandbox.snowflake.account import Account
            except ImportError as absent:
                raise RuntimeError(NOT_INSTALLED) from absent
            self.accounts[key] = Account(
                name.upper().partition(".")[0], clock=self.clock, log=self.log, seed=self.seed, folder=self.folder
            )
        return self.accounts[key]

    def close(self) -> None:
        for account in self.accounts.values():
            account.engine.close()
        self.accounts.clear()

    # What the sandbox asks of each system.

    def handle(self, request: Request) -> Response:
        account, inner = self._at(request)
        if account is None:
            # A guess: what a host without an account answers.
            self.log.refuse(
                at=self.clock.now(),
                system=self.name,
                method=request.method,
                path=request.path,
                reason="no such account",
            )
            return Response.html("Not Found", 404)
        from connections.sandbox.snowflake import front

        return front.answer(account, inner)

    def _at(self, request: Request) -> tuple[Account | None, Request]:
        match = _ACCOUNT.match(request.path)
        if match is None:
            # Without an account in the address there is no doubt only while there is one.
            return (next(iter(self.accounts.values())) if len(self.accounts) == 1 else None), request
        return self.accounts.get(_key(match["account"])), replace(request, path=match["path"])

    def throttled(self, request: Request) -> Response:  # noqa: ARG002 - the signature of all systems
        return Response.json({"code": "390505", "message": "Too many requests."}, 429)

    def expire_token(self, access_token: str) -> None:
        """Nothing to do: the caller makes its tokens itself. A faster clock lets them grow old."""

    def revoke_token(self, access_token: str) -> None:
        """Taking the public key away is what ends a caller; `control("remove_key")` does."""

    def summary(self) -> dict[str, Any]:
        """Account -> tables with their rows."""
        return {
            account.name: {".".join(path): relation.kind for path, relation in sorted(account.relations.items())}
            for account in self.accounts.values()
        }

    def control(self, action: str, arguments: Mapping[str, object]) -> object:
        """Raises `LookupError`, `TypeError` or `ValueError`."""
        if action not in _ACTIONS:
            raise LookupError(f"Unknown action {action!r}; known are {', '.join(sorted(_ACTIONS))}.")
        given = dict(arguments)
        name = str(given.pop("account", "") or next(iter(self.accounts), ""))
        if not name:
            raise LookupError("There is no account yet: name one in 'account'.")
        return _ACTIONS[action](self.account(name), given)


def _key(name: str) -> str:
    """Hosts know no case and no underscore."""
    return name.upper().replace("_", "-")


def _add_user(account: Account, given: dict[str, Any]) -> object:
    user = account.add_user(str(given.pop("name")), str(given.pop("public_key", "")), **given)
    return {"name": user.name, "fingerprints": [key.fingerprint for key in user.keys]}


def _set_warehouse(account: Account, given: dict[str, Any]) -> object:
    """Changes or adds one: auto_resume, auto_suspend, is_suspended."""
    name = str(given.pop("name"))
    house = account.warehouses.get(name) or account.add_warehouse(name)
    unknown = set(given) - {"auto_resume", "auto_suspend", "is_suspended", "size"}
    if unknown:
        raise LookupError(f"A warehouse has no {min(unknown)}.")
    for key, value in given.items():
        setattr(house, key, value)
    return asdict(house)


def _query(account: Account, given: dict[str, Any]) -> object:
    from connections.sandbox.snowflake.errors import Failed

    try:
        return account.query(str(given.pop("statement")), **{key: str(value) for key, value in given.items()})
    except Failed as failed:
        raise ValueError(failed.message) from None


def _switch(account: Account, given: dict[str, Any]) -> object:
    for name, value in given.items():
        account.switches.set(name, value)
    return asdict(account.switches)


def _grant(account: Account, given: dict[str, Any]) -> object:
    account.grant(str(given["role"]), str(given["privilege"]), str(given["on"]), *map(str, given["name"]))
    return {}


def _revoke(account: Account, given: dict[str, Any]) -> object:
    account.revoke(str(given["role"]), str(given["privilege"]), str(given["on"]), *map(str, given["name"]))
    return {}


def _remove_key(account: Account, given: dict[str, Any]) -> object:
    account.users[str(given["user"])].keys.clear()
    return {}


def _add_role(account: Account, given: dict[str, Any]) -> object:
    return {"name": account.add_role(str(given["name"]), inherits=given.get("inherits", ())).name}


def _add_schema(account: Account, given: dict[str, Any]) -> object:
    account.add_schema(str(given["database"]), str(given["schema"]))
    return {}


_ACTIONS: dict[str, Callable[[Account, dict[str, Any]], object]] = {
    "add_user": _add_user,
    "add_role": _add_role,
    "add_schema": _add_schema,
    "set_warehouse": _set_warehouse,
    "grant": _grant,
    "revoke": _revoke,
    "remove_key": _remove_key,
    "switch": _switch,
    "query": _query,
    "statements": lambda account, _: account.log_of_statements(),
}
