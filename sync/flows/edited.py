"""The one place where what a person says of a record is laid over what Square says: as a stream works records out.

Everything else (reconciliation, the proofs, the page's Square side) goes on reading Square's own record.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from audit.trail import Fact
from connections import clock
from mappings.bookkeeping import edit
from mappings.bookkeeping.edit import Description, NotEditable
from mappings.bookkeeping.legs import LegKind, LegPlan, Problem, ProblemKind
from sync.engine import Move, Outcome
from sync.flows import records
from sync.flows.base import Record, Resolution, Work
from sync.lifecycle import STANDING_EDITS, EditState
from sync.models import ItemEdit, SyncItem

Resolve = Callable[[Work, Sequence[SyncItem]], list[Resolution]]
# What an edit changes of the record's receipt, too; day and lines are of its sale alone.
OF_RECEIPT = ("customer", "tender")


def heeded(resolve: Resolve) -> Resolve:
    """The records as edited are worked out; one whose edit nobody has approved, or that Square changed since, waits."""

    @wraps(resolve)
    def heeding(work: Work, items: Sequence[SyncItem]) -> list[Resolution]:
        edits = _standing(work, items)
        held = {item.pk: why for item in items if item.pk in edits and (why := _obstacle(item, edits[item.pk]))}
        free = [as_edited(item, edits.get(item.pk)) for item in items if item.pk not in held]
        found = {made.item.pk: _told(made, edits.get(made.item.pk)) for made in (resolve(work, free) if free else ())}
        return [found[item.pk] if item.pk in found else Resolution(item, (), problem=held[item.pk]) for item in items]

    return heeding


def _standing(work: Work, items: Sequence[SyncItem]) -> Mapping[int, ItemEdit]:
    rows = ItemEdit.objects.filter(item__in=[item.pk for item in items], state__in=STANDING_EDITS)
    return {row.item_id: row for row in rows} | work.tried


def description(item: SyncItem) -> Description:
    """What the record says by itself. Raises `NotEditable`."""
    return described(item.kind, item.payload, item, local_day=item.local_day, customer=item.customer_id)


def described(kind: str, payload: Mapping[str, Any], item: SyncItem, **told: Any) -> Description:
    return edit.described(kind, payload, ZoneInfo(item.location.timezone), **told)


def digest(found: Description) -> str:
    """Over everything an edit rests on. Fees that arrive and invoices that are paid leave it as it is."""
    return records.digest(found)


def _obstacle(item: SyncItem, row: ItemEdit) -> Problem | None:
    if row.state == EditState.PROPOSED and row.pk:
        sentence = (
            f"{row.proposed_by} edited how this record is to be booked, and its amount is above the lane's limit. It "
            "waits until somebody else has approved or rejected the edit."
        )
        return Problem(ProblemKind.EDITED, sentence, "edit to be approved")
    if row.state == EditState.OVERTAKEN or _is_other_data(item, row):
        sentence = (
            f"Square changed the record after {row.proposed_by} had edited it, so the edit does not count any more: it "
            "was made on other data. Edit the record anew, or withdraw the edit to have it booked as Square has it now."
        )
        return Problem(ProblemKind.EDITED, sentence, "edit overtaken by Square")
    return None


def _is_other_data(item: SyncItem, row: ItemEdit) -> bool:
    try:
        return digest(description(item)) != row.source_digest
    except NotEditable:
        return True


def as_edited(item: SyncItem, row: ItemEdit | None) -> SyncItem:
    """The record as the edit describes it: a copy that is never stored. Without an edit, the record itself."""
    if row is None:
        return item
    made = copy.copy(item)
    made.payload = edit.laid_over(item.kind, item.payload, row.change, ZoneInfo(item.location.timezone))
    made.customer_id = row.change.get("customer", item.customer_id)
    if item.kind == "invoice" and "day" in row.change:
        made.local_day = date.fromisoformat(row.change["day"])
    return made


def _told(made: Resolution, row: ItemEdit | None) -> Resolution:
    """With the edit in the explanation of every line that rests on it."""
    if row is None:
        return made
    told = row.sentence
    legs = [(reference, _noted(leg, told) if _rests_on(leg, row) else leg) for reference, leg in made.legs]
    return replace(made, legs=legs, notes=(*made.notes, told))


def _rests_on(leg: LegPlan, row: ItemEdit) -> bool:
    if leg.kind is LegKind.RECEIPT:
        return any(name in row.change for name in OF_RECEIPT)
    return leg.kind is LegKind.SALE and any(name in row.change for name in ("customer", "day", "lines"))


def _noted(leg: LegPlan, told: str) -> LegPlan:
    return replace(
        leg, lines=tuple(replace(line, note="\n".join(filter(None, (line.note, told)))) for line in leg.lines)
    )


# --- when Square changes the record ---------------------------------------------------------------
def overtaken(outcome: Outcome, changed: Iterable[tuple[SyncItem, Record]]) -> None:
    """Add what becomes of the edits of records that Square changed: one made on other data counts no more."""
    read = {item.pk: (item, record) for item, record in changed}
    rows = ItemEdit.objects.filter(item__in=read, state__in=(EditState.PROPOSED, EditState.IN_FORCE))
    for row in rows.select_related("item__location").defer("item__payload") if read else ():
        item, record = read[row.item_id]
        if _says_the_same(row, record):
            continue
        changes = {"decided_at": clock.now(), "decision": "Square changed the record."}
        outcome.moves.append(Move(ItemEdit, {"pk": row.pk}, EditState(row.state), EditState.OVERTAKEN, changes))
        detail = {"changes": row.shown, "edited_by": row.proposed_by, "reason": row.reason}
        outcome.facts.append(
            Fact("item.edit_overtaken", "item", item.pk, item.source_id, item.source_id, detail=detail)
        )


def _says_the_same(row: ItemEdit, record: Record) -> bool:
    try:
        now = described(record.kind, record.payload, row.item, local_day=record.local_day, customer=record.customer_id)
    except NotEditable:
        return False
    return digest(now) == row.source_digest
