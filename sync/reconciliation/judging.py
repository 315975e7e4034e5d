"""Square's figures against our legs, record by record, into the lane's tally."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from sync.models import SyncLane
from sync.reconciliation import groups, records
from sync.reconciliation.figures import Cell, Finding, Period
from sync.reconciliation.groups import Held, Standing
from sync.reconciliation.kinds import UNPOSTED, Kind
from sync.reconciliation.legs import LegRow, group_of, ledger_leg
from sync.reconciliation.records import Batch, ItemRow
from sync.reconciliation.square import Group, amount, place_of
from sync.reconciliation.tally import Tally

# What Square settles and so takes a fee for; how long it may take to state it is days at most.
SETTLED = "clearing"


def judge(lane: SyncLane, tally: Tally, main_roles: Mapping[str, str]) -> None:
    """Pass all records of the period by; nothing is held but sums and findings."""
    sold: set[str] = set()
    for items in records.batches(lane, tally.period.begin, tally.period.end):
        _judge(Batch(lane, items, sold), tally, main_roles)


def _judge(batch: Batch, tally: Tally, main_roles: Mapping[str, str]) -> None:
    held: dict[Group, list[Held]] = defaultdict(list)
    owners = dict(batch.owners)
    by_pk = {item.pk: item for item in batch.items}
    for row in batch.legs():
        leg, group = ledger_leg(row, main_roles), group_of(row)
        held[group].append(leg.held)
        if leg.is_booked:
            tally.book(leg)
        if owner := _owner(row, group, batch, by_pk):
            owners.setdefault(group, owner)
    for group in {**batch.owed, **held}:
        for owed in batch.owed.get(group, ()):
            tally.owe(owed, group[1] if group[0] == "sale" else batch.order_of(batch.owners[group]))
    found = [
        finding
        for group in {**batch.owed, **held}
        for finding in groups.compare(
            group, batch.owed.get(group, ()), held.get(group, ()), _standing(batch, owners, group)
        )
    ]
    tally.records += sum(item.local_day in tally.period for item in batch.items)
    tally.busy_orders |= _busy(batch, found)
    tally.figures.find(together(found))
    tally.figures.find(_to_be_known(batch, tally.period))


def _busy(batch: Batch, found: Iterable[Finding]) -> set[str]:
    """Orders of which something is neither booked nor decided."""
    by_pk = {item.pk: item for item in batch.items}
    told = [finding for finding in found if finding.kind in {*UNPOSTED, Kind.TIMING}]
    return {batch.order_of(by_pk[finding.item]) for finding in told if finding.item in by_pk} - {""}


def _owner(row: LegRow, group: Group, batch: Batch, by_pk: Mapping[int, ItemRow]) -> ItemRow | None:
    return batch.by_source.get(group[1]) or by_pk.get(row.item_id)


def _standing(batch: Batch, owners: Mapping[Group, ItemRow], group: Group) -> Standing:
    item = owners.get(group)
    if item is None:
        return Standing(None, group[1], "unknown")
    told = item.payload.get(item.kind) or {}
    return Standing(
        item.pk, item.source_id, item.state, item.problem_kind, item.problem,
        states_fee=bool(told.get("processing_fee")), name=item.name,
        edited=batch.edited.get(group[1], "") if group[0] == "sale" else "",
    )  # fmt: skip


def together(found: Iterable[Finding]) -> Iterator[Finding]:
    """One finding per record and kind: that its sale, receipt and fee wait is one thing to look at. A receipt that is
    on its way waits with its sale.
    """
    found = list(found)
    waiting = {finding.item: finding.kind for finding in found if finding.kind in UNPOSTED}
    held: dict[tuple[Kind, int | None, str], Finding] = {}
    for finding in sorted(found, key=lambda one: one.kind is Kind.TIMING):
        kind = waiting.get(finding.item, finding.kind) if finding.kind is Kind.TIMING else finding.kind
        key = (kind, finding.item, "" if finding.item else finding.source_id)
        if key in held:
            cells: dict[Cell, int] = dict(held[key].cells)
            for cell, part in finding.cells.items():
                cells[cell] = cells.get(cell, 0) + part
            held[key] = replace(held[key], cells={cell: part for cell, part in cells.items() if part})
        else:
            held[key] = finding
    return iter(held.values())


# --- what explains nothing and should be known --------------------------------------------------
def _to_be_known(batch: Batch, period: Period) -> Iterator[Finding]:
    """Records that wait without saying what they owe, fees that Square has not stated, payouts still under way."""
    for item in batch.items:
        if item.local_day not in period:
            continue
        if item.state == "waiting" and not _tells(batch, item):
            kind = Kind.BEFORE_GO_LIVE if item.problem_kind == "before_go_live" else Kind.WAITING
            yield _known(kind, f"{item.name}: {item.problem}", item)
    yield from _pending_fees(batch, period)
    yield from _in_transit(batch, period)


def _tells(batch: Batch, item: ItemRow) -> bool:
    return any(owner.pk == item.pk for owner in batch.owners.values())


def _known(kind: Kind, sentence: str, item: ItemRow) -> Finding:
    return Finding(
        kind, sentence, {}, source_id=item.source_id, item=item.pk, stake=abs(item.amount), told_on=item.local_day,
        told_in=item.currency,
    )  # fmt: skip


def _pending_fees(batch: Batch, period: Period) -> Iterator[Finding]:
    """Per day, since a busy morning has hundreds."""
    pending: dict[date, list[ItemRow]] = defaultdict(list)
    for item in batch.items:
        if item.kind == "payment" and item.local_day in period and _lacks_fee(batch, item):
            pending[item.local_day].append(item)
    for day, items in sorted(pending.items()):
        sentence = f"{day}: Square has not stated its fee for {len(items)} card payment{'s' if len(items) > 1 else ''}."
        first = items[0]
        yield Finding(
            Kind.FEE_PENDING, sentence, {}, first.source_id, item=first.pk, count=len(items), told_on=day,
            told_in=first.currency,
        )  # fmt: skip


def _lacks_fee(batch: Batch, item: ItemRow) -> bool:
    payment = item.payload.get("payment") or {}
    if payment.get("status") != "COMPLETED" or payment.get("processing_fee") or item.source_id in batch.said:
        return False
    if item.state in {"waiting", "dismissed"}:
        return False
    return item not in batch.unreadable and place_of(payment) == SETTLED and amount(payment, "total_money") > 0


def _in_transit(batch: Batch, period: Period) -> Iterator[Finding]:
    """A payout that has left Square and not reached the bank by the end of the period: nothing is wrong."""
    for item in batch.items:
        payout = item.payload.get("payout") or {}
        arrives = str(payout.get("arrival_date") or "")
        late = payout.get("status") == "SENT" or arrives > period.end.isoformat()
        if item.kind == "payout" and item.local_day in period and payout.get("status") in {"SENT", "PAID"} and late:
            until = f" and arrives on {arrives}" if arrives else ""
            sentence = f"{item.name} is under way to the bank at the end of the period{until}."
            yield _known(Kind.TIMING, sentence, item)
