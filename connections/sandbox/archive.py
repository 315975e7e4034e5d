"""The Snowflake account that the demo, the command and the tests archive into."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connections.sandbox.app import Sandbox
    from connections.sandbox.snowflake.account import Account

ACCOUNT, USER, ROLE, WAREHOUSE, DATABASE, SCHEMA = "TB-ARCHIVE", "LOADER", "ARCHIVIST", "LOAD_WH", "BOOKS", "EXACT"


def open_archive(sandbox: Sandbox, *, public_key: str = "", schema: str = SCHEMA) -> Account:
    """A role that may make tables and views in one schema and use one warehouse, and the user who has it.

    Raises `RuntimeError` where the database behind it is not installed.
    """
    account = sandbox.snowflake.account(ACCOUNT)
    account.add_schema(DATABASE, schema)
    account.add_warehouse(WAREHOUSE)
    account.add_role(ROLE)
    account.grant(ROLE, "USAGE", "WAREHOUSE", WAREHOUSE)
    account.grant(ROLE, "USAGE", "DATABASE", DATABASE)
    for privilege in ("USAGE", "CREATE TABLE", "CREATE VIEW"):
        account.grant(ROLE, privilege, "SCHEMA", DATABASE, schema)
    account.add_user(USER, public_key, roles=[ROLE])
    return account
