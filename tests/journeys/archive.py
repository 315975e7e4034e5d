"""Books in Exact, an account at Snowflake, and a lane that copies the one into the other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from config.demo import archive
from config.demo import shop as shops
from connections import credentials, divisions
from connections.grants import Grant
from connections.models import Division
from connections.sandbox.exact.division import ExactDivision
from connections.sandbox.snowflake.account import Account
from sync import runs
from sync.archive import making, reports
from sync.archive.catalogue import ENTITIES
from sync.models import ArchivePolicy, SyncLane, SyncRun
from tests.connections.sandbox.snowflake_world import pem
from tests.world import World

WEEK = timedelta(days=7)


@dataclass
class Archive:
    world: World
    lane: SyncLane
    account: Account

    @property
    def policy(self) -> ArchivePolicy:
        return ArchivePolicy.objects.get(lane=self.lane)

    @property
    def books(self) -> ExactDivision:
        return self.world.books

    # --- what people do in Exact
    def book(self, count: int, *, amount: Decimal = Decimal("1.05"), **fields: Any) -> list[dict[str, Any]]:
        """Transaction lines, as some other program posts them."""
        rows = []
        for number in range(count):
            values = {"LineNumber": 1, "AmountDC": amount, "Description": f"Line {number}", **fields}
            rows.append(self.books.add("transactionlines", **values))
        return rows

    def edit(self, table: str, key: str, **columns: Any) -> None:
        self.books.tables[table].change(key, **columns, Modified=self.books.now())

    def consent_again(self) -> None:
        """After so long that the refresh token has died."""
        now = self.world.timeline.now()
        pair = self.world.site.issue_tokens(shops.EXACT_APP)
        grant = Grant(
            access=pair.access_token, refresh=pair.refresh_token, granted_at=now,
            access_expires_at=now + timedelta(seconds=600), renew_from=now + timedelta(seconds=570),
            dies_at=now + timedelta(days=30),
        )  # fmt: skip
        credentials.adopt(self.lane.source, grant)

    # --- what the lane does
    def run(self, *, after: timedelta = WEEK) -> SyncRun:
        run = self.attempt(after=after)
        assert run.state == "done", run.sentence
        return run

    def attempt(self, *, after: timedelta = WEEK) -> SyncRun:
        return runs.work_to_rest(self.opened(after=after))

    def opened(self, *, after: timedelta = WEEK) -> SyncRun:
        self.world.timeline.advance(after.total_seconds())
        self.lane.refresh_from_db()
        return runs.open_run(self.lane, trigger="schedule")

    # --- what can be seen
    def query(self, text: str) -> list[list[Any]]:
        return self.account.query(text)

    def documents(self, table: str) -> list[dict[str, Any]]:
        rows = self.query(f'SELECT "data" FROM "{table}" ORDER BY "synced_at", "record_id"')
        return [json.loads(str(row[0]), parse_float=Decimal) for row in rows if row[0] is not None]

    def count(self, table: str) -> int:
        return int(self.query(f'SELECT COUNT(*) FROM "{table}"')[0][0])

    def calls(self, system: str, ending: str = "") -> int:
        found = self.world.sandbox.log.counters.items()
        return sum(count for (name, _, path), count in found if name == system and path.endswith(ending))

    def reads(self) -> int:
        """Calls to Exact's data, those that go with a new token aside."""
        return self.calls("exact") - sum(self.calls("exact", end) for end in ("token", "Me", "Divisions"))


# Tables that get a row from the shop's own books, or in a journey. Making the others takes seconds.
USED = frozenset((
    "gl_accounts", "cost_centers", "cost_units", "journals", "transaction_lines", "journal_entries", "suppliers",
    "customers", "items", "vat_codes", "payment_conditions", "periods",
))  # fmt: skip


def open_archive(world: World, *, makes_all: bool = False, **choices: object) -> Archive:
    """`makes_all`: also tables that stay empty; without it they count as made already."""
    if not makes_all:
        made = {one.name: making.digest_of(one.table) for one in ENTITIES if one.name not in USED}
        choices["made"] = {**made, reports.NAME: reports.digest()}
    shop = world.furnish()
    target = archive.connect(world.sandbox, "Archive", pem=pem())
    lane = archive.open_lane(shop, target, **choices)
    return Archive(world, lane, world.sandbox.snowflake.account(target.account_identifier))


def another_division(made: Archive, code: int, name: str) -> Division:
    made.world.site.add_division(code, name, registration_number=f"{code}00")
    row = next(row for row in divisions.discover(made.lane.source) if row.code == code)
    return divisions.pin(row, by="anna")
