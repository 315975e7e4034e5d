"""Under whom, as what and where one statement runs. Every request is a session of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from connections.sandbox.snowflake.errors import Failed, missing, no_warehouse, unprivileged
from connections.sandbox.snowflake.identifiers import shown
from connections.sandbox.snowflake.people import User, Warehouse
from connections.sandbox.snowflake.relations import Path, Relation

if TYPE_CHECKING:
    from connections.sandbox.snowflake.account import Account

INFORMATION_SCHEMA = "INFORMATION_SCHEMA"


@dataclass(frozen=True)
class Session:
    account: Account
    user: User
    role: str
    warehouse: str
    database: str
    schema: str
    now: datetime

    @property
    def ignores_case(self) -> bool:
        return self.account.switches.quoted_identifiers_ignore_case

    def holds(self, on: str, name: tuple[str, ...], *privileges: str) -> bool:
        return self.account.roles.holds(self.role, on, name, *privileges)

    # -- where

    def path(self, parts: Sequence[str]) -> Path:
        """The full path of a name of one to three parts. Raises `Failed`."""
        known = [self.database, self.schema][: 3 - len(parts)]
        if not all(known):
            what = "database" if not known[0] else "schema"
            raise Failed(
                "090105",
                "22000",
                f"Cannot perform operation. This session does not have a current {what}. Call 'USE {what.upper()}', "
                "or use a qualified name.",
            )
        database, schema, name = [*known, *parts]
        return database, schema, name

    def require_schema(self, database: str, schema: str) -> None:
        if database not in self.account.databases or not self.holds("DATABASE", (database,)):
            raise missing("Database", shown(database))
        known = self.account.databases[database] | {INFORMATION_SCHEMA}
        if schema not in known or (schema != INFORMATION_SCHEMA and not self.holds("SCHEMA", (database, schema))):
            raise missing("Schema", f"{shown(database)}.{shown(schema)}")

    # -- what

    def find(self, path: Path) -> Relation | None:
        """What this role can see at all."""
        relation = self.account.relations.get(path)
        return relation if relation and self.holds(relation.kind, path) else None

    def relation(self, path: Path, privilege: str) -> Relation:
        """Raises `Failed` when it is not there, cannot be seen, or may not be used so."""
        usable = self.holds("DATABASE", path[:1], "USAGE") and self.holds("SCHEMA", path[:2], "USAGE")
        relation = self.find(path) if usable else None
        if relation is None:
            raise missing("Object", ".".join(map(shown, path)))
        if not self.holds(relation.kind, path, privilege):
            raise unprivileged(relation.kind.lower(), shown(path[2]))
        return relation

    def require_creation(self, what: str, path: Path) -> None:
        """`what` as in `CREATE TABLE`."""
        self.require_schema(*path[:2])
        if not self.holds("SCHEMA", path[:2], f"CREATE {what}"):
            raise unprivileged("schema", shown(path[1]))

    # -- with what

    def usable_warehouse(self) -> Warehouse | None:
        """# Reference: 1.2, a role without USAGE gets none, in silence."""
        found = self.account.warehouses.get(self.warehouse)
        return found if found and self.holds("WAREHOUSE", (found.name,), "USAGE") else None

    def work(self) -> None:
        """Wakes the warehouse up. Raises `Failed` when there is none that can work."""
        found = self.usable_warehouse()
        if found is None or not found.use(self.now):
            raise no_warehouse()
