"""Customers on two sides, edited by people there, and a lane that keeps them in step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from config.demo import shop as shops
from mappings.models import CustomerMapping, DebtorAccount, Decision
from sync import runs
from sync.models import CustomerLink, SyncLane, SyncRun
from tests import pictures
from tests.journeys.conftest import unfurnished
from tests.world import World

HOTEL, ATELIER, MUSEUM = "Hotel Prinsengracht", "Atelier Vos", "Museum Oud-West"
DAMRAK = {"address_line_1": "Damrak 1", "postal_code": "1012 LG", "locality": "Amsterdam", "country": "NL"}


@dataclass
class Register:
    """Both directories, as people see them there. Three customers are mapped from the start."""

    world: World
    lane: SyncLane

    # --- what people do
    def edit_square(self, who: str, **fields: Any) -> None:
        self.world.sandbox.square.change_customer(who, at=self.world.timeline.now(), **fields)

    def edit_exact(self, name: str, **columns: Any) -> None:
        """In Exact's own screens."""
        books = self.world.books
        row = books.tables["accounts"].first("Name", name)
        books.tables["accounts"].change(row["ID"], **columns, Modified=books.now())

    def customer(self, **fields: Any) -> str:
        """A new one at Square."""
        made = self.world.sandbox.square.add_customer(at=self.world.timeline.now(), **fields)
        return str(made["id"])

    def map(self, square_id: str, name: str, status: Decision = Decision.MATCHED) -> CustomerMapping:
        debtor = DebtorAccount.objects.get(division=self.lane.division, name=name) if name else None
        return CustomerMapping.objects.create(
            division=self.lane.division, merchant=self.lane.source, square_customer_id=square_id, square_name=name,
            status=status, debtor=debtor, effective_from=self.world.timeline.now().date(), decided_by="anna",
        )  # fmt: skip

    # --- what the lane does
    def run(self, *, after: float = 900.0) -> SyncRun:
        """The next run, a quarter of an hour later."""
        run = self.attempt(after=after)
        assert run.state == "done", run.sentence
        return run

    def attempt(self, *, after: float = 900.0) -> SyncRun:
        self.world.timeline.advance(timedelta(seconds=after).total_seconds())
        self.lane.refresh_from_db()
        return runs.work_to_rest(runs.open_run(self.lane, trigger="schedule"))

    # --- what can be seen
    @property
    def ids(self) -> list[str]:
        return self.world.customers

    def at_square(self, who: str) -> dict[str, Any]:
        return self.world.sandbox.square.state.customers[who]

    def in_exact(self, name: str) -> dict[str, Any]:
        row = self.world.books.tables["accounts"].first("Name", name)
        return {key: value.strip() if isinstance(value, str) else value for key, value in row.items()}

    def link(self, who: str) -> CustomerLink:
        return CustomerLink.objects.select_related("debtor").get(square_id=who)

    def terms(self, who: str) -> str | None:
        held = self.world.sandbox.square.state.attributes.get((who, "tillbridge-payment-terms"))
        return held["value"] if held else None

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What was sent that changes anything: (method, path), oldest first."""
        return [
            (entry.method, entry.path) for entry in self.world.sandbox.log.entries
            if (entry.system == "exact" and entry.method != "GET" and "oauth" not in entry.path)
            or (entry.system == "square" and ("bulk-update" in entry.path or "attribute" in entry.path)
                and entry.method != "GET")
        ]  # fmt: skip

    @property
    def calls(self) -> int:
        """Of reading and writing data: tokens, and looking whether the division is still the same, are beside it."""
        beside = ("oauth", "current/Me", "system/Divisions", "token")
        return sum(not any(word in entry.path for word in beside) for entry in self.world.sandbox.log.entries)

    @property
    def refusals(self) -> list[str]:
        return [refusal.reason for refusal in self.world.sandbox.log.refusals]


def open_register(world: World, **choices: Any) -> Register:
    """Of the shop of one counter."""
    unfurnished(world)
    return Register(world, shops.keep_customers(pictures.furnish(world), **choices))


def bodies(world: World, verb: str) -> list[dict[str, Any]]:
    """What was sent to the APIs by this method, as the recording sandbox kept it; then it begins anew."""
    recorded = world.sandbox.recorded  # type: ignore[attr-defined]
    found = [json.loads(body) for method, path, body in recorded if method == verb and "oauth" not in path]
    recorded.clear()
    return found
