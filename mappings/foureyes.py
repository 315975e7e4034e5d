"""Four eyes on mappings: a change of a division that asks for them is kept aside until somebody else approves it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import trail
from audit.adminkit import admin_url
from audit.trail import Fact
from connections import clock
from mappings.controls import MappingPolicy, ProposedChange
from mappings.signals import mapping_changed

State = ProposedChange.State


class Held(Exception):
    """Raised instead of saving: the row as it would be waits for somebody else."""

    def __init__(self, row: Any) -> None:
        super().__init__(str(row))
        self.row = row


class Undecidable(Exception):
    """The proposal cannot be decided on; the message is a sentence for the person who asked."""


def are_wanted(divisions: Iterable[int | None]) -> bool:
    return MappingPolicy.objects.filter(division__in=[pk for pk in divisions if pk], four_eyes=True).exists()


def hold(row: Any) -> None:
    """Raise `Held` where four eyes are wanted, of the division the row has or had, unless it was just approved."""
    if getattr(row, "approved_by", ""):
        return
    former = type(row)._default_manager.filter(pk=row.pk).values_list("division_id", flat=True).first()
    if are_wanted([row.division_id, former]):
        raise Held(row)


def values_of(row: Any) -> dict[str, Any]:
    """The fields that people decide, as JSON holds them."""
    fields = [field for field in row._meta.concrete_fields if field.editable and not field.primary_key]
    return {field.name: _plain(field.value_from_object(row)) for field in fields if field.name != "candidates"}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str) else str(value)


def propose(row: Any, *, by: str) -> ProposedChange:
    """Keep the change aside. A waiting proposal of the same person for the same row is replaced."""
    model = row._meta.model_name
    former = type(row)._default_manager.filter(pk=row.pk).first() if row.pk else None
    before = values_of(former) if former else {}
    change = ProposedChange(
        division_id=row.division_id, model=model, subject_id=row.pk, subject=str(row)[:200], values=values_of(row),
        before=before, shown=_shown(former, row), proposed_by=by, proposed_at=clock.now(),
    )  # fmt: skip
    with transaction.atomic():
        if row.pk:
            mine = ProposedChange.objects.filter(model=model, subject_id=row.pk, state=State.WAITING, proposed_by=by)
            mine.update(state=State.WITHDRAWN, decided_by=by, decided_at=clock.now(), reason="Proposed anew.")
        change.save()
        _tell(change, "proposed")
    return change


def _shown(former: Any, row: Any) -> list[list[str]]:
    """[field, before, after] of what differs, in words."""
    named = []
    for field in row._meta.concrete_fields:
        if not field.editable or field.primary_key or field.name == "candidates":
            continue
        before, after = (_words(one, field) if one is not None else "" for one in (former, row))
        if before != after:
            named.append([str(field.verbose_name), before, after])
    return named


def _words(row: Any, field: models.Field[Any, Any]) -> str:
    value = getattr(row, field.name)
    return "" if value is None else str(value)


def notices(row: Any) -> list[SafeString]:
    """What is proposed for the row and waits, as sentences with a link."""
    rows = ProposedChange.objects.filter(model=row._meta.model_name, subject_id=row.pk, state=State.WAITING)
    return [
        format_html(
            'A change of this waits for approval: <a href="{}">proposed by {}</a>.',
            admin_url(ProposedChange, change.pk), change.proposed_by,
        )
        for change in rows
    ]  # fmt: skip


def row_of(change: ProposedChange) -> Any:
    """The row as it stands, or an empty one for what is new. Raises `Undecidable` when it changed meanwhile."""
    model = apps.get_model("mappings", change.model)
    if change.subject_id is None:
        return model()
    row = model._default_manager.filter(pk=change.subject_id).first()
    if row is None or values_of(row) != change.before:
        raise Undecidable("it was changed after this was proposed; reject it and propose it anew")
    return row


def may_decide(change: ProposedChange, *, by: str) -> None:
    if change.state != State.WAITING:
        raise Undecidable(f"it is {change.get_state_display()} already")
    if change.proposed_by == by:
        raise Undecidable("you proposed it yourself: somebody else decides")


def decide(change: ProposedChange, state: str, *, by: str, reason: str = "") -> None:
    """Mark it, in the caller's transaction. Raises `Undecidable` when somebody was quicker."""
    rows = ProposedChange.objects.filter(pk=change.pk, state=State.WAITING)
    if not rows.update(state=state, decided_by=by, decided_at=clock.now(), reason=reason):
        raise Undecidable("somebody decided a moment ago")
    change.reason = reason
    _tell(change, state)


def _tell(change: ProposedChange, verb: str) -> None:
    detail = {"changes": change.shown, "proposed_by": change.proposed_by, "reason": change.reason}
    division = change.division.code
    fact = Fact(f"mapping.{verb}", "proposedchange", change.pk, change.subject, division=division, detail=detail)
    trail.record([fact], at=clock.now())


def store(rows: Sequence[Any], *, by: str, kinds: Sequence[str] = ()) -> tuple[int, int]:
    """Save new decisions, or propose them where four eyes are wanted: (saved, proposed). All or none."""
    now, saved, facts = clock.now(), 0, []
    with transaction.atomic():
        for row in rows:
            if are_wanted([row.division_id]):
                propose(row, by=by)
                continue
            row.decided_by, row.decided_at = by, now
            row.full_clean()
            row.save()
            saved += 1
            detail = {name: [None, after] for name, _, after in _shown(None, row)}
            name = row._meta.model_name
            facts.append(Fact(f"{name}.added", name, row.pk, str(row), division=row.division.code, detail=detail))
        trail.record(facts, at=now)
        for model, division in {(type(row), row.division_id) for row in rows if row.pk}:
            mapping_changed.send(sender=model, division_id=division, kinds=tuple(kinds))
    return saved, len(rows) - saved
