"""After a rule was saved: what was booked by the former one, and the button that plans its correction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit import adminkit
from audit.adminkit import CannotDo, ConfirmedAction, Outcome, number
from mappings.models import Decision, GLMapping
from mappings.signals import decision_saved
from sync import remapping, undo
from sync.admin.decisions import UNDO
from sync.admin.verbs import by
from sync.models import SyncRun
from sync.remapping import Otherwise

NAME = "correct"
# A person waits for the page after saving.
AT_ONCE = 500


@receiver(decision_saved, sender=GLMapping)
def offer_correction(row: GLMapping, **_: Any) -> SafeString | None:
    """'12 entries since 1 March were booked by the former rule', with the way to correct them."""
    found = remapping.booked_otherwise(row, most=AT_ONCE)
    if not found:
        return None
    url = reverse("admin:mappings_glmapping_do", args=[row.pk, NAME])
    return format_html('{} <a href="{}">Plan a correction</a>', _sentence(found), url)


def _sentence(found: Sequence[Otherwise]) -> str:
    entries = sum(len(one.entries) for one in found)
    since = min(one.since for one in found)
    at_least = "At least " if any(one.is_cut for one in found) else ""
    were = "entry" if entries == 1 else "entries"
    return (
        f"{at_least}{number(entries)} {were} since {since:%-d %B %Y}, booked by the former rule, would be booked "
        "otherwise now. What is booked stays as it is."
    )


def preview(rows: QuerySet[GLMapping]) -> Sequence[tuple[str, Any]]:
    found = [one for row in rows[:1] for one in remapping.booked_otherwise(row)]
    if not found:
        return (("Booked otherwise", "Nothing: whatever is booked would be booked the same now."),)
    changes = [(told,) for one in found for told in one.words()]
    return (("Booked otherwise", _sentence(found)), ("Would become", format_html_join("", "<div>{}</div>", changes)))


def plan(request: HttpRequest, rows: QuerySet[GLMapping], reason: str) -> Outcome:
    """One plan per lane."""
    row = rows.get()
    made: list[SyncRun] = []
    for found in remapping.booked_otherwise(row):
        subject = f"what rule {row.pk} ({row}) now books otherwise. {reason}"
        try:
            made.append(remapping.plan(found, by=by(request), subject=subject))
        except undo.NothingToUndo as refusal:
            raise CannotDo(f"Nothing of it can be corrected. {refusal}") from refusal
    if not made:
        raise CannotDo("Whatever is booked would be booked the same now: there is nothing to correct.")
    goto = adminkit.admin_url(SyncRun, made[0].pk) if len(made) == 1 else adminkit.list_url(SyncRun, state="planned")
    sentence = "The correction is planned. Nothing is sent before somebody approves the plan."
    return Outcome(done=len(made), sentence=sentence, goto=goto)


adminkit.add_action(
    GLMapping,
    ConfirmedAction(
        name=NAME,
        label="Plan a correction",
        explains="Looks for what was booked otherwise than the mapping of now would book it, and writes down the "
        "entries that take it back. Once somebody has approved that plan and they stand in the ledger, the same "
        "records are booked again by the mapping of then. The newest 2,000 amounts are looked at.",
        permission=UNDO,
        run=plan,
        done="planned",
        reversible="Reject the plan.",
        asks_reason=True,
        applies=lambda row: row.status == Decision.MATCHED,
        preview=preview,
        on_list=False,
    ),
)
