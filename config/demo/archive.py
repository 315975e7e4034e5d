"""The archive of the demo: an account at the stand-in of Snowflake, a connection, and a lane that copies Exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from config.demo.shop import Shop
from connections import clock, diagnosis
from connections.models import Connection, Division
from connections.providers.snowflake.keypair import KeyPair
from connections.sandbox.app import Sandbox
from connections.sandbox.archive import ACCOUNT, DATABASE, ROLE, USER, WAREHOUSE, open_archive
from connections.sandbox.snowflake.account import Account
from sync.archive.catalogue import ENTITIES
from sync.models import ArchiveAttestation, ArchivePolicy, SyncLane
from sync.models.lanes import ARCHIVE

SCHEMA = "exact"


def connect(sandbox: Sandbox, label: str, *, pem: str = "") -> Connection:
    """Their side and ours: the key registered at the user, and a connection that has passed its test."""
    pem = pem or new_key()
    open_archive(sandbox, public_key=KeyPair.read(pem).public, schema=SCHEMA)
    return authorise(label, pem)


def authorise(label: str, pem: str) -> Connection:
    """Our side alone, where that key is registered already."""
    row = Connection.objects.create(
        system=Connection.System.SNOWFLAKE, environment=Connection.Environment.LOCAL_SANDBOX, label=label,
        account_identifier=ACCOUNT, user_name=USER, role=ROLE, warehouse=WAREHOUSE, database=DATABASE, schema=SCHEMA,
        private_key=pem, public_key=KeyPair.read(pem).public,
    )  # fmt: skip
    diagnosis.test_connection(row)
    row.refresh_from_db()
    return row


def open_lane(shop: Shop, target: Connection, *, is_enabled: bool = True, **choices: object) -> SyncLane:
    """Weekly, every pinned division of the shop's Exact connection."""
    label = shop.lane.label.replace("payments", "archive")
    return lane_of(shop.division, target, label=label, is_enabled=is_enabled, **choices)


def lane_of(
    division: Division, target: Connection, *, label: str, is_enabled: bool = True, **choices: object
) -> SyncLane:
    lane = SyncLane.objects.create(
        label=label, flow=ARCHIVE, source=division.connection, division=division,
        go_live=clock.now().date(), cadence_minutes=7 * 24 * 60, is_enabled=is_enabled,
        due_at=clock.now() if is_enabled else None,
    )  # fmt: skip
    ArchivePolicy.objects.create(lane=lane, target=target, **choices)
    return lane


@dataclass(frozen=True, slots=True)
class Verdict:
    is_equal: bool
    sentence: str


def figures(account: Account) -> Iterator[tuple[str, int, str]]:
    """(table, rows, sum of amounts) of each table with rows, straight from what the stand-in holds."""
    for entity in ENTITIES:
        summed = f'SUM("data":{entity.amount}::NUMBER(38,2))' if entity.amount else "NULL"
        [[rows, amount]] = account.query(f'SELECT COUNT(*), {summed} FROM "{entity.name}"')  # noqa: S608
        if rows and int(rows):
            yield entity.name, int(rows), f"EUR {amount}" if amount is not None else ""


def verdict() -> Verdict:
    found = list(ArchiveAttestation.objects.values_list("is_equal", flat=True))
    equal = sum(found)
    return Verdict(all(found), f"{equal} of {len(found)} tables hold the same rows, sums and versions on both sides.")


def new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
