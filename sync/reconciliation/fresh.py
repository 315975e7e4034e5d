"""Asking Square again: does it hold what we hold? Only when somebody asks, a call per hundred records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connections import clients, clock
from connections.providers.square.client import Page
from sync.models import LaneLocation, SyncItem, SyncLane
from sync.reconciliation.figures import Cell, Finding, Period
from sync.reconciliation.kinds import Kind
from sync.reconciliation.making import Comparison
from sync.reconciliation.square import amount, local, payment_events, taken_on

Row = Mapping[str, Any]
# What moves money: a payment or refund that is done, a payout that has left.
COUNTS = frozenset({"COMPLETED", "SENT", "PAID", "FAILED"})


def look(comparison: Comparison) -> None:
    """Add to each lane what Square lists and we do not hold. Raises the errors of the providers."""
    for lane in comparison.chart.lanes:
        tally = comparison.tallies[lane.pk]
        for feed in lane.feeds.select_related("location"):
            for finding in _missing(lane, feed, comparison.period):
                tally.figures.find([finding])
                tally.figures.add(tally.figures.square, finding.cells.items())


def _missing(lane: SyncLane, feed: LaneLocation, period: Period) -> Iterator[Finding]:
    square, zone = clients.square_client(lane.source), ZoneInfo(feed.location.timezone)
    begin = datetime.combine(period.begin, time.min, zone)
    until = min(clock.now(), datetime.combine(period.end + timedelta(days=1), time.min, zone) + timedelta(days=16))
    place = feed.location.location_id
    lists: tuple[tuple[str, Callable[[], Iterator[Page]]], ...] = (
        ("payment", lambda: square.payments(place, updated_from=begin, updated_to=clock.now())),
        ("refund", lambda: square.refunds(place, updated_from=begin, updated_to=clock.now())),
        ("payout", lambda: square.payouts(place, created_from=begin, created_to=until)),
    )
    for kind, pages in lists:
        if kind == "payout" and not lane.books_payouts:
            continue
        for page in pages():
            yield from _unknown(feed, kind, page.records, zone, period)


def _unknown(feed: LaneLocation, kind: str, rows: tuple[Row, ...], zone: ZoneInfo, period: Period) -> Iterator[Finding]:
    cursor = feed.cursors.filter(stream=f"{kind}s").first()
    read_up_to = cursor.read_up_to if cursor else None
    ids = [str(row.get("id")) for row in rows]
    held = set(SyncItem.objects.filter(lane=feed.lane, source_id__in=ids).values_list("source_id", flat=True))
    for row in rows:
        if str(row.get("id")) not in held and row.get("status") in COUNTS and _day(kind, row, zone) in period:
            yield _finding(kind, row, zone, read_up_to)


def _day(kind: str, row: Row, zone: ZoneInfo) -> Any:
    if kind == "payment":
        return taken_on(row, zone)
    return local(str(row["created_at"]), zone)


def _finding(kind: str, row: Row, zone: ZoneInfo, read_up_to: datetime | None) -> Finding:
    """A payment with the money it should move; its sale is in an order that nobody has read."""
    day = _day(kind, row, zone)
    cells: dict[Cell, int] = {}
    for owed in payment_events(row, None, zone, sells=False) if kind == "payment" else ():
        for role, moved in owed.moves.items():
            cell = Cell(owed.day, role, owed.currency)
            cells[cell] = cells.get(cell, 0) + moved
    is_new = read_up_to is None or datetime.fromisoformat(str(row["created_at"]).replace("Z", "+00:00")) > read_up_to
    told = "the next run reads it" if is_new else "Tillbridge has never read it. Run the lane from its day on"
    sentence = f"Square lists {kind} {row['id']} of {day} ({row['status']}): {told}."
    stake = amount(row, "total_money") or amount(row, "amount_money")
    return Finding(
        Kind.TIMING if is_new else Kind.MISSING, sentence, cells, source_id=str(row["id"]), stake=abs(stake),
        told_on=day, told_in=str(row.get("amount_money", {}).get("currency", "")),
    )  # fmt: skip
