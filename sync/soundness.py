"""What a new reading of the reference data does to records and lanes: who waited is looked at, and who is ready too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from django.db.models import QuerySet

from mappings.bookkeeping.legs import ProblemKind
from mappings.bookkeeping.validation import checked, unusable
from mappings.models import ExactItem, Journal, LedgerAccount, ReferenceRow
from mappings.soundness import debtor_trouble
from sync.flows.base import Work
from sync.legs import plan_of
from sync.lifecycle import ItemState, LegState
from sync.models import Leg, SyncItem, SyncLane, SyncRun

Row = TypeVar("Row", bound=ReferenceRow)
# (division, code) -> the row that counts: of one that was removed and made anew, the one in use.
Known = dict[tuple[int, str], Row]


def to_look_at_again(work: Work) -> Iterator[QuerySet[SyncItem]]:
    """Records to be planned anew, once after each reading of the division's reference data.

    1. Those that waited for something unfit in Exact: it may have been put right.
    2. Those with ready legs that name what is blocked or gone by now: better to wait than to be refused.
    """
    read_at = work.lane.division.reference_read_at
    if read_at is None:
        return
    yield SyncItem.objects.filter(
        lane=work.lane, state=ItemState.WAITING, problem_kind=ProblemKind.UNUSABLE, changed_at__lte=read_at
    )
    earlier = SyncRun.objects.filter(lane=work.lane, pk__lt=work.run.pk).order_by("-pk").first()
    if earlier and (earlier.started_at is None or earlier.started_at <= read_at):
        yield SyncItem.objects.filter(
            pk__in=_unfit(work), state__in=[ItemState.RESOLVED, ItemState.WAITING], lane=work.lane
        )


def _unfit(work: Work) -> set[int]:
    """Records with a ready leg that Exact would refuse now."""
    ready = Leg.objects.filter(lane=work.lane, state=LegState.READY)
    return {leg.item_id for leg in ready.iterator(500) if checked(plan_of(leg), work.facts).problem}


# --- lanes -------------------------------------------------------------------------------------
def of_lanes(lanes: Sequence[SyncLane]) -> dict[int, list[str]]:
    """What each lane books on that is blocked or gone in Exact, in words; lanes in order are left out.

    Three statements however many lanes there are; lanes must come with their collective debtor and division. A division
    that has not been read yet says nothing.
    """
    journals = _known(Journal, lanes, (code for lane in lanes for code in _journals(lane).values()))
    own = [row.account for row in journals.values() if row.account]
    accounts = _known(LedgerAccount, lanes, own) if own else {}
    codes = [lane.order_item for lane in lanes if _writes_items(lane)]
    items = _known(ExactItem, lanes, codes) if codes else {}
    found = {lane.pk: list(_troubles(lane, journals, accounts, items)) for lane in lanes}
    return {pk: told for pk, told in found.items() if told}


def _journals(lane: SyncLane) -> dict[str, str]:
    named = {"sales": lane.sales_journal, "clearing": lane.clearing_journal, "cash": lane.cash_journal}
    return {what: code for what, code in named.items() if code}


def _writes_items(lane: SyncLane) -> bool:
    return lane.orders != "off" and bool(lane.order_item)


def _known(model: type[Row], lanes: Iterable[SyncLane], codes: Iterable[str]) -> Known[Row]:
    divisions = {lane.division_id for lane in lanes}
    rows = model._default_manager.filter(division__in=divisions, code__in=set(codes)).order_by("gone_at", "pk")
    found: Known[Row] = {}
    for row in rows:
        if (row.division_id, row.code) not in found or row.gone_at is None:
            found[row.division_id, row.code] = row
    return found


def _troubles(
    lane: SyncLane, journals: Known[Journal], accounts: Known[LedgerAccount], items: Known[ExactItem]
) -> Iterator[str]:
    if lane.division.reference_read_at is None:
        return
    for what, code in _journals(lane).items():
        journal = journals.get((lane.division_id, code))
        yield from _wrong(f"{what} journal {code}", journal)
        if journal and journal.account:
            account = accounts.get((lane.division_id, journal.account))
            yield from _wrong(f"account {journal.account} of {what} journal {code}", account)
    if lane.collective_debtor and (wrong := debtor_trouble(lane.collective_debtor)):
        yield f"collective debtor {lane.collective_debtor} {wrong}"
    if _writes_items(lane) and lane.division.items_read_at:
        item = items.get((lane.division_id, lane.order_item))
        yield from _wrong(f"item for the rest {lane.order_item}", item)


def _wrong(what: str, row: ReferenceRow | None) -> Iterator[str]:
    if row is None:
        yield f"{what} is not known in Exact"
    elif said := unusable(row):
        yield f"{what} {said}"
