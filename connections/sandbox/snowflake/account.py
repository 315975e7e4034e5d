"""One Snowflake account: who may come in, what is there, what was done."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from connections.sandbox.clock import SandboxClock
from connections.sandbox.log import RequestLog
from connections.sandbox.snowflake.engine import Engine
from connections.sandbox.snowflake.errors import Denied, Failed
from connections.sandbox.snowflake.execution import execute
from connections.sandbox.snowflake.people import ADMIN, Grant, PublicKey, Role, Roles, User, Warehouse
from connections.sandbox.snowflake.relations import Path as RelationPath
from connections.sandbox.snowflake.relations import Relation
from connections.sandbox.snowflake.session import Session
from connections.sandbox.snowflake.statements import Statements
from connections.sandbox.snowflake.switches import Switches


class Account:
    """`name` as it stands in tokens: upper case, such as TB-ARCHIVE."""

    def __init__(self, name: str, *, clock: SandboxClock, log: RequestLog, seed: int, folder: Path | None) -> None:
        self.name, self.clock, self.log = name, clock, log
        self.chance = random.Random(f"{seed}/{name}")
        self.switches = Switches()
        self.users: dict[str, User] = {}
        self.roles = Roles({ADMIN: Role(ADMIN)})
        self.warehouses: dict[str, Warehouse] = {}
        self.databases: dict[str, set[str]] = {}
        self.relations: dict[RelationPath, Relation] = {}
        self.login_failures: dict[str, str] = {}
        self.statements = Statements()
        self.engine = Engine(folder / f"{name}.duckdb" if folder else None)

    # -- setting up; all names exact, as SHOW prints them

    def add_role(self, name: str, *, inherits: Iterable[str] = ()) -> Role:
        self.roles[name] = Role(name, inherits=set(inherits))
        return self.roles[name]

    def add_user(
        self,
        name: str,
        public_key: str = "",
        *,
        roles: Iterable[str] = (),
        second_public_key: str = "",
        **defaults: Any,
    ) -> User:
        """`defaults`: default_warehouse, default_database, default_schema. The first role is the default one."""
        keys = [PublicKey.read(text) for text in (public_key, second_public_key) if text]
        self.users[name] = User(name, keys, list(roles), **defaults)
        return self.users[name]

    def add_warehouse(self, name: str, **properties: Any) -> Warehouse:
        self.warehouses[name] = Warehouse(name, **properties)
        return self.warehouses[name]

    def add_schema(self, database: str, schema: str) -> None:
        self.databases.setdefault(database, set()).add(schema)
        self.engine.add_schema(database, schema)

    def grant(self, role: str, privilege: str, on: str, *name: str) -> None:
        self.roles[role].grants.add(Grant(privilege, on, name))

    def revoke(self, role: str, privilege: str, on: str, *name: str) -> None:
        self.roles[role].grants.discard(Grant(privilege, on, name))

    # -- looking

    def query(self, text: str, *values: object, **context: str) -> list[list[str | None]]:
        """As the account's administrator, without a warehouse's say; `context`: database, schema. Raises `Failed`."""
        self.statements.settle(self.clock.now())
        house = Warehouse("", auto_suspend=0, is_suspended=False)
        self.warehouses[""] = house
        try:
            admin = Session(self, User(ADMIN, roles=[ADMIN]), ADMIN, "", *self._place(context), self.clock.now())
            return execute(admin, text, values).rows
        finally:
            del self.warehouses[""]

    def _place(self, context: Mapping[str, str]) -> tuple[str, str]:
        database = context.get("database") or next(iter(self.databases), "")
        schema = context.get("schema") or next(iter(sorted(self.databases.get(database, ()))), "")
        return database, schema

    def log_of_statements(self) -> list[dict[str, Any]]:
        return [statement.summary() for statement in self.statements.history.values()]

    # -- within

    def session(self, user: User, context: Mapping[str, Any], now: datetime) -> Session:
        """# Reference: 1.1, what the body leaves out is the user's default. Raises `Denied`."""
        role = str(context.get("role") or (user.roles[0] if user.roles else "PUBLIC"))
        if role != "PUBLIC" and (role not in user.roles or role not in self.roles):
            # The code is that of the drivers; that the SQL API answers the same, and with 422, is a guess.
            said = f"Role '{role}' specified in the connect string does not exist or not authorized."
            raise Failed("390189", "08001", said)
        return Session(
            account=self,
            user=user,
            role=role,
            warehouse=str(context.get("warehouse") or user.default_warehouse),
            database=str(context.get("database") or user.default_database),
            schema=str(context.get("schema") or user.default_schema),
            now=now,
        )

    def refused(self, reason: str) -> None:
        self.log.refuse(
            at=self.clock.now(), system="snowflake", method="POST", path="/api/v2/statements", reason=reason
        )


__all__ = ["Account", "Denied", "Failed"]
