"""Entries of an approved plan, held against what they would be now: booked only when they are still the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from mappings.bookkeeping.correction import place_of
from mappings.bookkeeping.legs import Document, LegKind, LegPlan
from sync import fingerprints, plans, posting
from sync.fingerprints import KINDS, Part, Reference
from sync.flows import entries
from sync.flows.base import Draft, Flow, Work
from sync.legs import digest_of, plan_of
from sync.lifecycle import LegState, PostingState
from sync.models import Leg, PlannedEntry, Posting, SyncItem

IN_BOOKS = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED, LegState.REVERSING, LegState.REVERSED)
CHANGED = {
    "source": "Square has changed a record of it since it was planned.",
    "reference": "An account, a VAT code, the journal or the period that it uses has changed in Exact since.",
    "body": "It would be written otherwise now: a name that stands in its texts has changed since.",
}


# What each leg of a record leads to: record, kind and place within the record.
Now = Mapping[tuple[int, str, int], LegPlan]


class Changed(Exception):
    """The entry is not what was planned any more; the message says what changed."""

    def __init__(self, sentence: str, *, anew: Sequence[SyncItem] = ()) -> None:
        super().__init__(sentence)
        self.anew = anew


class NotYet(Exception):
    """A sale that the entry settles is on its way: the entry is decided once that is through."""


def carry_out(work: Work, flow: Flow, planned: Sequence[PlannedEntry], reference: Reference) -> None:
    """Draft these entries of one stage of a plan, or refuse them with what changed. They are read together and those
    that are still the same are frozen together; whatever moves meanwhile is refused by the database.
    """
    held, taken = _held(planned), _taken(work, planned)
    agreed: list[tuple[PlannedEntry, Draft]] = []
    for entry in planned:
        try:
            legs = _legs(entry, held)
            _check_free(entry, taken)
            agreed.append((entry, _as_planned(work, flow, entry, reference, legs)))
        except NotYet:
            continue
        except Changed as change:
            # In their order: a refusal may send records back that later entries of the plan hold too.
            _freeze(work, agreed)
            agreed = []
            plans.refuse(work, entry, str(change), anew=change.anew)
    _freeze(work, agreed)


def _freeze(work: Work, agreed: Sequence[tuple[PlannedEntry, Draft]]) -> None:
    if agreed:
        posting.draft(work, [draft for _, draft in agreed], also=[plans.handed_over([entry for entry, _ in agreed])])


def _as_planned(work: Work, flow: Flow, entry: PlannedEntry, reference: Reference, legs: list[Leg]) -> Draft:
    if entry.document != Document.SALES_ENTRY:
        legs = _numbered(work, legs)
    draft = entries.entry_of(work, legs, group=entry.group, ordinal=entry.ordinal, again=entry.again)
    now = _plans_now(work, flow, entry, legs)
    parts = [Part(leg.item_id, leg.reference, _digest(leg, now), leg.item.digest) for leg in legs]
    found = fingerprints.of_entry(draft, parts, reference)
    different = [kind for kind in KINDS if found[kind] != entry.hashes[kind]]
    if "mappings" in different and "source" not in different:
        raise _remapped(legs, now)
    if different:
        raise Changed(CHANGED[different[0]])
    return draft


def _held(planned: Iterable[PlannedEntry]) -> Mapping[int, Leg]:
    """Every leg of these entries as it is now, with its record."""
    ids = [pk for entry in planned for pk in entry.leg_ids]
    rows = Leg.objects.filter(pk__in=ids).select_related("location", "item", "posting").order_by("pk")
    return {leg.pk: leg for leg in rows.defer("item__payload", "posting__body")}


def _legs(entry: PlannedEntry, held: Mapping[int, Leg]) -> list[Leg]:
    """The entry's legs in their order. Raises `Changed` when one of them is not ready any more."""
    for pk in entry.leg_ids:
        leg = held.get(pk)
        if leg is None or leg.state != LegState.READY:
            raise Changed(_not_ready(leg))
    return [held[pk] for pk in entry.leg_ids]


def _not_ready(leg: Leg | None) -> str:
    if leg is None or leg.state == LegState.DISMISSED:
        return "A record of it was dismissed, or no longer owes what was planned."
    if leg.state in IN_BOOKS and leg.posting:
        return f"It was booked meanwhile, with entry {leg.posting.reference}."
    return f"A record of it waits now: {leg.problem}"


def _taken(work: Work, planned: Iterable[PlannedEntry]) -> Set[str]:
    """Which of the references that were planned an entry has by now."""
    names = [entry.reference for entry in planned]
    rows = Posting.objects.filter(division=work.lane.division_id, reference__in=names)
    return set(rows.values_list("reference", flat=True))


def _check_free(entry: PlannedEntry, taken: Set[str]) -> None:
    if entry.again:
        if entry.again.state != PostingState.REFUSED:
            raise Changed(f"Entry {entry.again.reference} was sent again meanwhile.")
    elif entry.reference in taken:
        raise Changed("Another entry of the same day and group was booked meanwhile, under the number planned for it.")


def _numbered(work: Work, legs: list[Leg]) -> list[Leg]:
    """With the numbers of the sales that stand in Exact by now."""
    ready = entries.with_number(work, legs)
    if len(ready) == len(legs):
        return ready
    orders, items = {leg.order_id for leg in legs}, {leg.item_id for leg in legs}
    under_way = Leg.objects.filter(state=LegState.POSTING, is_reversal=False)
    sales = under_way.filter(kind=LegKind.SALE, order_id__in=orders)
    if sales.exists() or under_way.filter(kind=LegKind.REFUND, item__in=items).exists():
        raise NotYet
    raise Changed("A sale that it settles was not booked.")


def _plans_now(work: Work, flow: Flow, entry: PlannedEntry, legs: Sequence[Leg]) -> Now:
    """What the records lead to by the decisions of now; empty while no decision has changed since the plan."""
    if work.fingerprint == entry.run.plan.fingerprint:
        return {}
    ids = {leg.item_id for leg in legs if not leg.is_reversal}
    items = list(SyncItem.objects.filter(pk__in=ids).select_related("location").order_by("id"))
    return {
        (resolution.item.pk, found.kind, place_of(found.ordinal)): found
        for stream in flow.streams(work.lane)
        for resolution in stream.resolve(work, [item for item in items if item.kind == stream.kind])
        for _, found in resolution.legs
        if not found.is_reversal
    }


def _digest(leg: Leg, now: Now) -> str:
    """Of what the leg leads to now. A reversal takes back what stands, whatever the mappings say."""
    if not now or leg.is_reversal:
        return leg.digest
    found = now.get((leg.item_id, leg.kind, place_of(leg.ordinal)))
    return digest_of(found) if found and not found.problem else ""


def _remapped(legs: Sequence[Leg], now: Now) -> Changed:
    """Says which account or code became which, or what is in the way now."""
    other = [leg for leg in legs if _digest(leg, now) != leg.digest]
    sentences = sorted({_difference(leg, now.get((leg.item_id, leg.kind, place_of(leg.ordinal)))) for leg in other})
    told = sentences[0] if sentences else "The rules that chose its accounts are others now."
    items = {leg.item_id: leg.item for leg in other}
    return Changed(f"A decision has changed since it was planned. {told}", anew=[*items.values()])


def _difference(leg: Leg, found: LegPlan | None) -> str:
    if found is None or found.problem:
        return found.problem.sentence if found and found.problem else "A record of it owes nothing any more."
    before, after = _accounts(plan_of(leg)), _accounts(found)
    gone, new = sorted(before - after), sorted(after - before)
    if gone or new:
        return f"It was planned on {_list(gone)} and would be booked on {_list(new)}."
    return "Its amounts would be shared out otherwise."


def _accounts(plan: LegPlan) -> set[str]:
    main = plan.main_account.code if plan.main_account else ""
    lines = {" with VAT code ".join(filter(None, (line.account.code, line.vat_code))) for line in plan.lines}
    return lines | {main, f"journal {plan.journal}", f"customer {plan.debtor.name if plan.debtor else '-'}"}


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
