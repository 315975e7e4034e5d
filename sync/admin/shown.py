"""How lanes, runs, records and entries look: words for states, tones, causes with their remedies, money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from audit.adminkit import admin_url, amount, badge, list_url, number
from connections.money import UnknownCurrency, to_decimal
from mappings.bookkeeping.legs import LegPlan, ProblemKind
from mappings.models import CustomerMapping, ItemMapping
from mappings.resolution import asked_by
from sync.admin.naming import Names
from sync.lifecycle import ItemState, LegState, PostingState, RunState
from sync.models import SyncItem

LONG = 80

RUN_TONES = {
    RunState.QUEUED: "busy", RunState.RUNNING: "busy", RunState.PAUSED: "wait", RunState.DONE: "good",
    RunState.FAILED: "bad", RunState.CANCELLED: "quiet", RunState.PLANNED: "wait", RunState.APPROVED: "busy",
    RunState.REJECTED: "quiet", RunState.SUPERSEDED: "quiet",
}  # fmt: skip
ITEM_TONES = {
    ItemState.EXTRACTED: "busy", ItemState.RESOLVED: "busy", ItemState.DONE: "good", ItemState.WAITING: "wait",
    ItemState.DISMISSED: "quiet",
}  # fmt: skip
LEG_TONES = {
    LegState.WAITING: "wait", LegState.READY: "busy", LegState.POSTING: "busy", LegState.POSTED: "busy",
    LegState.CONFIRMED: "good", LegState.REVERSING: "busy", LegState.REVERSED: "quiet", LegState.REFUSED: "bad",
    LegState.DISMISSED: "quiet",
}  # fmt: skip
POSTING_TONES = {
    PostingState.DRAFT: "busy", PostingState.SENDING: "busy", PostingState.POSTED: "busy",
    PostingState.CONFIRMED: "good", PostingState.REVERSED: "quiet", PostingState.CONFLICT: "bad",
    PostingState.REFUSED: "bad", PostingState.SPLIT: "quiet",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Remedy:
    """A cause in words, what to do, and the page where it is done ("" when there is none)."""

    title: str
    todo: str
    page: str = ""
    button: str = ""


ADD_RULE = "admin:mappings_glmapping_add"
ADD_CUSTOMER = "admin:mappings_customermapping_add"
GL_RULES = "admin:mappings_glmapping_changelist"
LANES = "admin:sync_synclane_changelist"
ADD_ITEM = "admin:mappings_itemmapping_add"
FOR_ONE = {ADD_CUSTOMER: "square_customer_id", ADD_ITEM: "square_item"}  # page -> field that the subject fills in
DIVISIONS = "admin:connections_division_changelist"

REMEDIES: Mapping[ProblemKind, Remedy] = {
    ProblemKind.UNMAPPED_ACCOUNT: Remedy(
        "No account for this", "Add a GL mapping; the records then go on by themselves.", ADD_RULE, "Add GL mapping"
    ),
    ProblemKind.UNMAPPED_TAX: Remedy(
        "No rule for this tax", "Add a GL mapping with its VAT code; the records then go on by themselves.", ADD_RULE,
        "Add GL mapping",
    ),
    ProblemKind.UNMAPPED_CUSTOMER: Remedy(
        "Customer not mapped", "Say which Exact account it is, or that it is booked on the collective debtor; the "
        "records then go on by themselves.", ADD_CUSTOMER, "Map customer",
    ),
    ProblemKind.UNMAPPED_ITEM: Remedy(
        "Article not mapped to an item", "Say which Exact item it is; the orders then go on by themselves.", ADD_ITEM,
        "Map article",
    ),
    ProblemKind.AMBIGUOUS_TAX: Remedy(
        "Two taxes on one line", "Tillbridge does not guess a VAT code. Edit the record and say which tax it is, put "
        "it right in Square, or book it in Exact by hand and dismiss the record."
    ),
    ProblemKind.UNREADABLE: Remedy(
        "Record cannot be read", "Kept as it came. Replay it once Square or Tillbridge has been put right."
    ),
    ProblemKind.UNKNOWN_CURRENCY: Remedy(
        "Unknown currency", "Tillbridge cannot count in it. Book it by hand and dismiss the record with the reason."
    ),
    ProblemKind.ODD_AMOUNT: Remedy(
        "Amount that cannot be", "Look at the payment in Square. If it is right, book it by hand; dismiss the record."
    ),
    ProblemKind.NO_ORDER: Remedy("Order not there yet", "Nothing to do: it is read again by itself."),
    ProblemKind.NO_LINES: Remedy("Order without lines yet", "Nothing to do: it is read again by itself."),
    ProblemKind.UNBALANCED: Remedy(
        "Order does not add up", "Compare tenders and lines in Square. Edit the record so that its lines come to what "
        "was paid; or book it by hand, then dismiss the record."
    ),
    ProblemKind.EDITED: Remedy(
        "Waits for a decision about an edit", "Approve or reject the edit; one that Square has overtaken is withdrawn, "
        "or made anew.", "admin:sync_itemedit_changelist", "See edits",
    ),
    ProblemKind.UNSUPPORTED: Remedy(
        "Not booked by Tillbridge", "Book it in Exact by hand, then dismiss the record with the reason."
    ),
    ProblemKind.BEFORE_GO_LIVE: Remedy(
        "Before go-live", "Release what your books do not hold yet; dismiss what they do.", LANES, "See the lane"
    ),
    ProblemKind.WAITS_FOR_SALE: Remedy("Waits for its sale", "Nothing to do: it goes on when the sale is booked."),
    ProblemKind.CHANGED_AFTER_POSTING: Remedy(
        "Changed at Square after booking", "Press 'Correct it', or correct the entry in Exact by hand and dismiss the "
        "record."
    ),
    ProblemKind.UNDONE: Remedy("Undone", "Replay the record to book it again, or dismiss it with the reason."),
    ProblemKind.REFUSED: Remedy("Exact refused the entry", "Read Exact's sentence, put the cause right, then replay."),
    ProblemKind.UNSENDABLE: Remedy(
        "Exact would refuse the entry", "Put right what the sentence names, in Exact or in the mapping, then replay."
    ),
    ProblemKind.PERIOD_CLOSED: Remedy(
        "Period closed", "Open the period in Exact and read the division's data again, or let the lane book on the "
        "next open day.", DIVISIONS, "See divisions",
    ),
    ProblemKind.EXHAUSTED: Remedy(
        "Tried too often", "The connection failed again and again. See that it is live, then replay."
    ),
    ProblemKind.CONFLICT: Remedy(
        "Exact holds something else", "Open the entry in Exact and decide which one is right. It is not sent again."
    ),
    ProblemKind.UNUSABLE: Remedy(
        "Blocked or unfit in Exact", "Put it right in Exact and read the division's data again, or decide for another "
        "account, code or journal; the records then go on by themselves.", GL_RULES, "See GL mappings",
    ),
    ProblemKind.NUMBER_TAKEN: Remedy(
        "Invoice number taken in Exact", "Compare both invoices. Put the entry right in Exact and replay, or say on "
        "the invoice's page that it is another one.", "admin:sync_invoicestanding_changelist", "See invoices",
    ),
    ProblemKind.DIVISION_HELD: Remedy(
        "Division held", "Confirm the division, or choose another one.", DIVISIONS, "See divisions"
    ),
}  # fmt: skip


def remedy(kind: str) -> Remedy | None:
    return REMEDIES.get(ProblemKind(kind)) if kind else None


def remedy_url(kind: str, subject: str, names: Names, *, since: date | None = None, division: int | None = None) -> str:
    """Where the cause is put right, with what is known filled in: a rule must hold from the first day that waits.

    A customer that has been proposed is decided on its own mapping; a second one from that day on would be refused.
    """
    found = remedy(kind)
    if found is None or not found.page:
        return ""
    if found.page == ADD_CUSTOMER and subject in names.mappings:
        return admin_url(CustomerMapping, names.mappings[subject])
    if found.page == ADD_ITEM and (proposed := ItemMapping.objects.filter(square_item=subject).last()):
        return admin_url(ItemMapping, proposed.pk)
    url = _page(found.page)
    hints: dict[str, Any] = {"effective_from": since, "division": division, **_hints(found.page, subject)}
    known = {name: value for name, value in hints.items() if value}
    return f"{url}?{urlencode(known)}" if known and found.page in {ADD_RULE, *FOR_ONE} else url


def _hints(page: str, subject: str) -> dict[str, str]:
    if page == ADD_RULE:
        return asked_by(subject)
    return {FOR_ONE[page]: subject} if page in FOR_ONE else {}


def _page(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def explained(what: str, subject: str) -> SafeString:
    """A problem in a cell of a list: short, and wrapped."""
    told = f"{what}: {subject}" if subject else what
    return format_html('<span class="problem-cell">{}</span>', told if len(told) <= LONG else f"{told[:LONG]}…")


def items_url(*, lane: int | None = None, **filters: str) -> str:
    """The list of records, narrowed in the way its filters understand."""
    names = {"state": "state__exact", "kind": "problem_kind__exact", "subject": "problem_subject", "day": "local_day"}
    chosen = {names[name]: value for name, value in filters.items()}
    return list_url(SyncItem, **chosen, **({"lane__id__exact": lane} if lane else {}))


def fix_url(item: SyncItem, names: Names) -> str:
    """Where what keeps this record waiting is put right."""
    division = item.lane.division_id
    return remedy_url(item.problem_kind, item.problem_subject, names, since=item.local_day, division=division)


def decimal(minor: int, currency: str) -> Decimal:
    """For showing only: of a currency nobody can count in, the bare number of minor units."""
    try:
        return to_decimal(minor, currency)
    except UnknownCurrency:
        return Decimal(minor)


def written(minor: int, currency: str) -> str:
    """In running text: EUR 12.10."""
    value = decimal(minor, currency)
    return f"{currency} {number(value, places=max(0, -int(value.as_tuple().exponent)))}".strip()


def name_of(item: SyncItem) -> str:
    """What a person calls the record: its receipt number, "refund" for money that went back."""
    word = "" if item.kind == "payment" else item.get_kind_display()
    return item.receipt_number or word or "–"


def money(minor: int | None, currency: str) -> SafeString:
    return amount(None if minor is None else decimal(minor, currency), currency)


def leg_money(plan: LegPlan) -> SafeString | str:
    """What the leg is about. Of a receipt that only passes through its journal, and so comes to 0.00, what came in;
    nothing while its lines are not known.
    """
    received = sum(line.amount for line in plan.lines if line.amount > 0)
    return money(plan.total or received, plan.currency) if plan.lines else ""


def entry_money(posting: Any) -> SafeString:
    """What the entry comes to; of one that only passes through its journal, what it moves."""
    moved = sum(amount for amount in posting.expected.values() if amount > 0)
    return money(posting.total or moved, posting.currency)


def sums(per_currency: Mapping[str, int]) -> SafeString:
    """One amount per currency, each on a line of its own."""
    shown = [(money(total, currency),) for currency, total in sorted(per_currency.items()) if currency or total]
    return format_html_join("\n", "<div>{}</div>", shown)


def item_badge(item: Any) -> SafeString:
    return badge(item.get_state_display(), ITEM_TONES[ItemState(item.state)])


def leg_badge(leg: Any) -> SafeString:
    return badge(leg.get_state_display(), LEG_TONES[LegState(leg.state)])


def posting_badge(posting: Any) -> SafeString:
    """`sending` with a time to look again is an entry in doubt."""
    if posting.state == PostingState.SENDING and posting.due_at:
        return badge("in doubt", "wait")
    return badge(posting.get_state_display(), POSTING_TONES[PostingState(posting.state)])


def run_badge(run: Any) -> SafeString:
    return badge(run.get_state_display(), RUN_TONES[RunState(run.state)])
