"""A connection to the Snowflake account of the sandbox, as a person enters it and as a row."""

from __future__ import annotations

from connections.models import Connection
from connections.providers.snowflake.keypair import KeyPair
from connections.sandbox.archive import ACCOUNT, DATABASE, ROLE, USER, WAREHOUSE, open_archive
from connections.sandbox.snowflake.account import Account
from tests.connections.sandbox.snowflake_world import PASSPHRASE, pem, public
from tests.connections.vendors import Vendors

SCHEMA = "exact"
ENTERED = {
    "system": "snowflake", "environment": "local_sandbox", "label": "Archive",
    "account_identifier": "https://tb-archive.snowflakecomputing.com", "user_name": "loader", "role": "archivist",
    "warehouse": "load_wh", "database": "Books", "schema": '"exact"',
    "private_key": pem(passphrase=PASSPHRASE), "private_key_passphrase": PASSPHRASE,
}  # fmt: skip


def account(vendors: Vendors) -> Account:
    return open_archive(vendors.sandbox, public_key=public(), schema=SCHEMA)


def connection(**fields: object) -> Connection:
    key = KeyPair.read(pem())
    values = {
        "system": "snowflake", "environment": "local_sandbox", "label": "Archive", "account_identifier": ACCOUNT,
        "user_name": USER, "role": ROLE, "warehouse": WAREHOUSE, "database": DATABASE, "schema": SCHEMA,
        "private_key": pem(), "public_key": key.public,
    }  # fmt: skip
    return Connection.objects.create(**values | fields)
