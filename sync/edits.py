"""What people do with edits of records: propose, approve, reject, withdraw. Each says what it could not do and why.

An edit of a record above its lane's limit counts once somebody else has approved it. Whatever is decided, the record is
worked out anew; what is booked by an edit has to be undone before the edit is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from audit.trail import Fact
from connections import clock
from mappings.bookkeeping import edit
from mappings.bookkeeping.edit import Description, NotEditable
from mappings.bookkeeping.legs import LegKind
from mappings.models import CustomerMapping
from sync import actions, engine
from sync.actions import Impossible, Preview
from sync.engine import Move, Outcome, Overtaken
from sync.flows import edited
from sync.lifecycle import STANDING_EDITS, EditState, ItemState, LegState
from sync.models import ItemEdit, SyncItem, SyncLane

IN_BOOKS = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED, LegState.REVERSING)
# Which legs rest on what can be said; a fee is the same whatever is.
RESTS: dict[str, frozenset[LegKind]] = {
    "day": frozenset({LegKind.SALE}),
    "lines": frozenset({LegKind.SALE}),
    "customer": frozenset({LegKind.SALE, LegKind.RECEIPT}),
    "tender": frozenset({LegKind.RECEIPT}),
}
MOVED = "it changed a moment ago; look at it again"


def standing(item: SyncItem) -> ItemEdit | None:
    """The one edit that the record has now."""
    return item.edits.filter(state__in=STANDING_EDITS).first()


def description(item: SyncItem) -> Description:
    """What Square says of a record that may be edited now; None of what is booked already. Raises `Impossible`."""
    if item.state != ItemState.WAITING:
        raise Impossible(f"The record is {item.get_state_display()}: only one that waits is edited.")
    try:
        found = edited.description(item)
    except NotEditable as why:
        raise Impossible(str(why)) from None
    closed = _closed(item)
    if closed == set(RESTS):
        raise Impossible("It is in the books already. Undo its entries first, then edit the record.")
    none: dict[str, Any] = dict.fromkeys(closed)
    return replace(found, **none)


def _closed(item: SyncItem) -> set[str]:
    """What cannot be said otherwise any more, because an entry holds it."""
    booked = set(item.legs.filter(state__in=IN_BOOKS).values_list("kind", flat=True))
    return {name for name, kinds in RESTS.items() if booked & kinds}


def is_in_books(row: ItemEdit) -> bool:
    """Whether an entry holds, or is about to hold, what the edit says."""
    kinds = {kind for name in row.change for kind in RESTS[name]}
    return row.item.legs.filter(state__in=IN_BOOKS, kind__in=kinds).exists()


def objections(item: SyncItem, before: Description, after: Description) -> list[tuple[str, str]]:
    """(field, sentence) of what must not be said of this record."""
    change = edit.differences(before, after)
    found = list(edit.objections(before, after))
    if "day" in change and after.day:
        found += [("day", sentence) for sentence in _about_day(item, after.day)]
    if change.get("customer") and not _is_known(item.lane, change["customer"]):
        sentence = f"Nobody here knows a Square customer {change['customer']}. Map the customer first."
        found.append(("customer", sentence))
    if "tender" in change and not change["tender"]:
        found.append(("tender", "An external tender has a type; give it."))
    return found


def _about_day(item: SyncItem, day: date) -> Iterable[str]:
    today = clock.now().astimezone(ZoneInfo(item.location.timezone)).date()
    if day > today:
        yield f"{day} is still to come."
    if day < item.lane.go_live and not item.released:
        yield f"{day} lies before the lane's go-live ({item.lane.go_live})."


def _is_known(lane: SyncLane, customer: str) -> bool:
    rows = CustomerMapping.objects.filter(division=lane.division_id, merchant=lane.source_id)
    return rows.filter(square_customer_id=customer).exists()


def stake(item: SyncItem) -> int:
    """What an edit of the record is about, in minor units: of a shared order the whole sale, not one payment of it."""
    return max(abs(item.amount), edited.description(item).due)


def needs_approval(item: SyncItem) -> bool:
    limit = item.lane.edit_limit
    return limit is not None and stake(item) > limit


def preview(item: SyncItem, before: Description, after: Description) -> Preview:
    """What the record would be booked as. Nothing is written."""
    tried = _drawn_up(item, _with_kept(item, edit.differences(before, after)), reason="only tried", by="you")
    return actions.preview(item, tried=tried)


def propose(item: SyncItem, before: Description, after: Description, *, reason: str, by: str) -> ItemEdit:
    """Say otherwise what `after` says otherwise; a standing edit of the record is withdrawn, but what is booked by it
    goes on being said. Raises `Impossible`.
    """
    change = edit.differences(before, after)
    if not change:
        raise Impossible("Nothing is said otherwise than Square says it.")
    if not reason.strip():
        raise Impossible("Give a reason: the auditor will ask for it.")
    row = _drawn_up(item, _with_kept(item, change), reason=reason.strip(), by=by)
    verb = "item.edited" if row.state == EditState.IN_FORCE else "item.edit_proposed"
    detail = {"changes": row.shown, "reason": row.reason, "by": by}
    former = standing(item)
    try:
        # The database holds one standing edit a record, so the former one goes before this one comes.
        with transaction.atomic():
            if former:
                engine.apply(_decided(former, EditState.WITHDRAWN, by=by, reason="Edited anew."), grip=None)
            _work_out_anew(item, Outcome(created=[row], facts=[_fact(verb, item, detail)]))
    except IntegrityError:
        raise Impossible(MOVED) from None
    _open(item, by)
    return row


def _with_kept(item: SyncItem, change: Mapping[str, Any]) -> dict[str, Any]:
    former = standing(item)
    closed = _closed(item) if former and former.state == EditState.IN_FORCE else set()
    return (
        {**{name: said for name, said in former.change.items() if name in closed}, **change} if former else {**change}
    )


def _drawn_up(item: SyncItem, change: dict[str, Any], *, reason: str, by: str) -> ItemEdit:
    before = edited.description(item)
    state = EditState.PROPOSED if needs_approval(item) else EditState.IN_FORCE
    return ItemEdit(
        item=item, change=change, shown=edit.sentences(before, change), source_digest=edited.digest(before),
        currency=item.currency, amount=stake(item), reason=reason, state=state, proposed_by=by, proposed_at=clock.now(),
    )  # fmt: skip


def approve(row: ItemEdit, *, by: str) -> None:
    """Let it count. Raises `Impossible`."""
    _require(row, EditState.PROPOSED)
    if row.proposed_by == by:
        raise Impossible("You made this edit yourself: somebody else approves it.")
    _decide(row, EditState.IN_FORCE, "item.edit_approved", by=by)


def reject(row: ItemEdit, *, reason: str, by: str) -> None:
    """It never counts; the record waits as it did. Raises `Impossible`."""
    _require(row, EditState.PROPOSED)
    if not reason.strip():
        raise Impossible("Give a reason: whoever made the edit will want to know.")
    _decide(row, EditState.REJECTED, "item.edit_rejected", by=by, reason=reason.strip())


def withdraw(row: ItemEdit, *, reason: str, by: str) -> None:
    """It counts no more; the record is worked out as Square has it. Raises `Impossible`."""
    _require(row, *STANDING_EDITS)
    if row.state == EditState.IN_FORCE and is_in_books(row):
        raise Impossible("The record is in the books as edited. Undo its entry first, then withdraw the edit.")
    _decide(row, EditState.WITHDRAWN, "item.edit_withdrawn", by=by, reason=reason.strip())


def _require(row: ItemEdit, *states: EditState) -> None:
    if row.state not in states:
        raise Impossible(f"The edit is {row.get_state_display()} already.")


def _decide(row: ItemEdit, after: EditState, verb: str, *, by: str, reason: str = "") -> None:
    outcome = _decided(row, after, by=by, reason=reason)
    detail = {"changes": row.shown, "edited_by": row.proposed_by, "by": by, "reason": reason}
    outcome.facts.append(_fact(verb, row.item, detail))
    _work_out_anew(row.item, outcome)
    _open(row.item, by)


def _decided(row: ItemEdit, after: EditState, *, by: str, reason: str) -> Outcome:
    changes = {"decided_by": by, "decided_at": clock.now(), "decision": reason}
    return Outcome([Move(ItemEdit, {"pk": row.pk}, EditState(row.state), after, changes)])


def _fact(verb: str, item: SyncItem, detail: Mapping[str, Any]) -> Fact:
    return Fact(verb, "item", item.pk, item.source_id, item.source_id, item.lane.division.code, detail)


def _work_out_anew(item: SyncItem, outcome: Outcome) -> None:
    """A dismissed record stays so; one that is to be worked out already needs no step."""
    before = ItemState(item.state)
    if before not in (ItemState.EXTRACTED, ItemState.DISMISSED):
        outcome.moves.append(Move(SyncItem, {"pk": item.pk}, before, ItemState.EXTRACTED, {"changed_at": clock.now()}))
    try:
        engine.apply(outcome, grip=None)
    except Overtaken:
        raise Impossible(MOVED) from None


def _open(item: SyncItem, by: str) -> None:
    actions.run_lanes([item.lane], by=by, trigger="replay")
