"""After a mapping was saved: what was booked by the former one, and the button that plans its correction."""

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
from mappings.models import CustomerMapping, Decision, GLMapping, ItemMapping
from mappings.signals import decision_saved
from sync import actions, undo
from sync.admin.decisions import UNDO
from sync.admin.verbs import by, tallied
from sync.models import SyncItem, SyncRun
from sync.remapping import orders, planning
from sync.remapping.found import Otherwise

NAME = "correct"
# A person waits for the page after saving.
AT_ONCE = 500
# What decided the records before, and what is said of one that is booked again.
WORDS = {GLMapping: ("rule", "by the mapping of then"), CustomerMapping: ("mapping", "on the account of then")}
DECIDED = (Decision.MATCHED, Decision.IGNORED)


@receiver(decision_saved, sender=GLMapping)
@receiver(decision_saved, sender=CustomerMapping)
def offer_correction(row: GLMapping | CustomerMapping, **_: Any) -> SafeString | None:
    """'12 entries since 1 March were booked by the former rule', with the way to correct them."""
    found = planning.booked_otherwise(row, most=AT_ONCE) if row.status in DECIDED else []
    return _offer(row, _sentence(row, found)) if found else None


@receiver(decision_saved, sender=ItemMapping)
def offer_amendment(row: ItemMapping, **_: Any) -> SafeString | None:
    """'2 open orders are written with another item', with the way to change them."""
    found = orders.written_otherwise(row, most=AT_ONCE) if row.status in DECIDED else []
    return _offer(row, _orders_sentence(found)) if found else None


def _offer(row: Any, sentence: str) -> SafeString:
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_do", args=[row.pk, NAME])
    label = "Change these orders" if isinstance(row, ItemMapping) else "Plan a correction"
    return format_html('{} <a href="{}">{}</a>', sentence, url, label)


def _sentence(row: GLMapping | CustomerMapping, found: Sequence[Otherwise]) -> str:
    entries = sum(len(one.entries) for one in found)
    since = min(one.since for one in found)
    at_least = "At least " if any(one.is_cut for one in found) else ""
    were, hold = ("entry", "holds") if entries == 1 else ("entries", "hold")
    return (
        f"{at_least}{number(entries)} {were} since {since:%-d %B %Y} {hold} what was booked by the former "
        f"{WORDS[type(row)][0]} and would be booked otherwise now. What is booked stays as it is."
    )


def _orders_sentence(found: Sequence[orders.Written]) -> str:
    count = len(found)
    named = "1 open order in Exact names" if count == 1 else f"{number(count)} open orders in Exact name"
    return f"{named} another item than it would now. What is written stays as it is."


# --- Ledger: planned, approved, then booked ---------------------------------------------------------
def preview(rows: QuerySet[Any]) -> Sequence[tuple[str, Any]]:
    """What would become what, for the one mapping that the page is about."""
    row = rows.get()
    found = planning.booked_otherwise(row)
    if not found:
        return (("Booked otherwise", "Nothing: whatever is booked would be booked the same now."),)
    changes = [(told,) for one in found for told in one.words()]
    told = format_html_join("", "<div>{}</div>", changes)
    return (("Booked otherwise", _sentence(row, found)), ("Would become", told))


def plan(request: HttpRequest, rows: QuerySet[Any], reason: str) -> Outcome:
    """One plan per lane."""
    row = rows.get()
    made: list[SyncRun] = []
    refused: list[tuple[str, str]] = []
    for found in planning.booked_otherwise(row):
        subject = f"what {WORDS[type(row)][0]} {row.pk} ({row}) now books otherwise. {reason}"
        try:
            made.append(planning.plan(found, by=by(request), subject=subject))
        except undo.NothingToUndo as refusal:
            refused.append((str(found.lane), str(refusal)))
    if refused and not made:
        raise CannotDo(f"Nothing of it can be corrected. {' '.join(why for _, why in refused)}")
    if not made:
        raise CannotDo("Whatever is booked would be booked the same now: there is nothing to correct.")
    goto = adminkit.admin_url(SyncRun, made[0].pk) if len(made) == 1 else adminkit.list_url(SyncRun, state="planned")
    sentence = "The correction is planned. Nothing is sent before somebody approves the plan."
    return Outcome(done=len(made), skipped=refused, sentence=sentence, goto=goto)


for model, (_, how) in WORDS.items():
    adminkit.add_action(
        model,
        ConfirmedAction(
            name=NAME,
            label="Plan a correction",
            explains="Looks for what was booked otherwise than the mapping of now would book it, and writes down the "
            "entries that take just that back, with the money and the credits that rest on it. Once somebody has "
            "approved that plan and they stand in the ledger, the same records are booked again "
            f"{how}. The newest 2,000 amounts are looked at.",
            permission=UNDO,
            run=plan,
            done="planned",
            reversible="Reject the plan.",
            asks_reason=True,
            applies=lambda row: row.status in DECIDED,
            preview=preview,
            on_list=False,
        ),
    )


# --- Orders: changed in Exact, without a plan -------------------------------------------------------
def preview_orders(rows: QuerySet[ItemMapping]) -> Sequence[tuple[str, Any]]:
    found = orders.written_otherwise(rows.get())
    if not found:
        return (("Written otherwise", "Nothing: every open order names what it would name now."),)
    told = [(adminkit.link(adminkit.admin_url(SyncItem, one.item.pk), one.words),) for one in found]
    return (
        ("Written otherwise", _orders_sentence(found)),
        ("Would become", format_html_join("", "<div>{}</div>", told)),
    )


def amend(request: HttpRequest, rows: QuerySet[ItemMapping], reason: str) -> actions.Tally:
    """The worker changes each order in Exact, or says on its record why it was left alone."""
    found = orders.written_otherwise(rows.get())
    if not found:
        raise actions.Impossible("Every open order names what it would name now: there is nothing to change.")
    return actions.amend_orders([one.item for one in found], by=by(request), reason=reason)


adminkit.add_action(
    ItemMapping,
    ConfirmedAction(
        name=NAME,
        label="Change open orders",
        explains="Looks for quotations and sales orders in Exact that name another item than the mapping of now would, "
        "and changes their lines. One that is accepted, delivered, invoiced or changed in Exact is left alone and says "
        "so on its record. Orders move nothing in the ledger. The newest 500 open orders are looked at.",
        permission=UNDO,
        run=tallied(amend),
        done="on their way to be changed",
        reversible="Map the article back and change them again.",
        asks_reason=True,
        applies=lambda row: row.status in DECIDED,
        preview=preview_orders,
        on_list=False,
    ),
)
