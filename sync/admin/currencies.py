"""What a lane must refuse at set-up: currencies that its journals, or Tillbridge, cannot keep apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from connections.models import Location
from mappings.bookkeeping.validation import countable, currency_objection
from mappings.models import Journal
from sync.models import Posting, SyncLane


def objections(lane: SyncLane, places: Sequence[Location]) -> Iterator[str]:
    """Sentences for whoever sets the lane up; none when its locations can be booked in its journals."""
    names = {place.currency: place.name for place in reversed(places)}
    if len(names) > 1:
        listed = ", ".join(f"{name} takes {currency}" for currency, name in sorted(names.items()))
        yield f"A lane books in one currency: {listed}. Add a lane with journals of its own for the other currency."
        return
    for currency in names:
        if said := countable(currency):
            yield f"{said} This location cannot be booked by a lane."
        else:
            yield from _of_journals(lane, currency)


def _of_journals(lane: SyncLane, currency: str) -> Iterable[str]:
    codes = [lane.sales_journal, lane.clearing_journal, lane.cash_journal]
    for row in Journal.objects.filter(division=lane.division_id, code__in=[code for code in codes if code]):
        if said := currency_objection(row, currency):
            yield said


def conversion(posting: Posting) -> str:
    """Whose the rate is, for an entry in another currency than its division's; "" for one in the division's own."""
    home = posting.division.currency
    if not home or posting.currency == home:
        return ""
    return (
        f"Amounts are in {posting.currency} and compared in {posting.currency}. Exact converts it to {home} at its own "
        f"rate of the day; a difference between two rates is an entry of Exact's (type 82), not one of Tillbridge's."
    )
