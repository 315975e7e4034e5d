"""Editing how a record is booked: a form beside what Square says, and the page of every edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit.adminkit import ConfirmedAction, DetailAdmin, Outcome, admin_url, badge, link, local_time
from connections.money import exponent, to_decimal, to_minor
from mappings.bookkeeping.edit import Description, Line
from mappings.models import GLMapping, TenderJournal
from sync import edits
from sync.actions import Impossible
from sync.admin import shown
from sync.admin.lane_choice import BookingLanes
from sync.lifecycle import STANDING_EDITS, EditState
from sync.models import ItemEdit, SyncItem, SyncLane

EDIT, APPROVE = "sync.edit_syncitem", "sync.approve_itemedit"
# A form of more fields is refused by the server; orders of so many lines are put right in Square.
MOST_LINES = 100
HIGHEST_RATE = Decimal(999)
PREFIX = "EXTERNAL:"
LINE = ("tax_name", "tax_rate", "category", "total", "tax")
OF_RECORD = {"day": "Day of the sale", "customer": "Square customer", "tender": "External tender"}
TONES = {
    EditState.PROPOSED: "wait", EditState.IN_FORCE: "good", EditState.OVERTAKEN: "wait", EditState.REJECTED: "bad",
    EditState.WITHDRAWN: "quiet",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that can be said otherwise: what Square says, beside the field."""

    label: str
    original: Any
    field: forms.BoundField


@dataclass(frozen=True, slots=True)
class Part:
    """A line of the order, or what concerns the record as a whole."""

    title: str
    rows: Sequence[Row]


class EditForm(forms.Form):
    """Typed fields for what the record's description holds; amounts are decimals of its currency."""

    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), required=False,
        help_text="What is wrong in Square's record and how you know. Kept in the audit trail with your name.",
    )  # fmt: skip

    def __init__(self, item: SyncItem, before: Description, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.item, self.before = item, before
        for name, field in _fields(item, before):
            self.fields[name] = field
        self.after = before

    @property
    def has_lines(self) -> bool:
        return bool(self.before.lines) and len(self.before.lines or {}) <= MOST_LINES

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        self.after = self._described(cleaned)
        for name, sentence in edits.objections(self.item, self.before, self.after):
            self.add_error(name if name in self.fields else None, sentence)
        return cleaned

    def _described(self, cleaned: Mapping[str, Any]) -> Description:
        told = {name: cleaned[name] for name in OF_RECORD if name in self.fields}
        lines = self.before.lines
        if lines and self.has_lines:
            lines = {place: self._line(place, line, cleaned) for place, line in lines.items()}
        return replace(self.before, lines=lines, **told)

    def _line(self, place: int, line: Line, cleaned: Mapping[str, Any]) -> Line:
        given = {name: cleaned[f"{place}-{name}"] for name in LINE}
        total, tax = (to_minor(given.pop(name), self.before.currency) for name in ("total", "tax"))
        return replace(line, total=total, tax=tax, **given)

    def parts(self) -> Iterator[Part]:
        """The fields beside the original, for the page."""
        whole = [
            Row(label, getattr(self.before, name) or "none", self[name])
            for name, label in OF_RECORD.items()
            if name in self.fields
        ]
        if whole:
            yield Part("The record", whole)
        for place, line in (self.before.lines or {}).items() if self.has_lines else ():
            yield Part(line.name or f"Line {place + 1}", list(self._rows(place, line)))

    def _rows(self, place: int, line: Line) -> Iterator[Row]:
        money = self.before.currency
        for name, label, original in (
            ("tax_name", "Tax", line.taxes or "no tax"),
            ("tax_rate", "Rate in %", "" if line.tax_rate is None else f"{line.tax_rate.normalize():f}"),
            ("tax", "Of it tax", shown.money(line.tax, money)),
            ("total", "Total, tax inside", shown.money(line.total, money)),
            ("category", "Category", line.category or "none"),
        ):
            yield Row(label, original, self[f"{place}-{name}"])


def _fields(item: SyncItem, before: Description) -> Iterator[tuple[str, Any]]:
    """Name and field of what this record says of itself, filled in with what Square says."""
    if before.day is not None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        text = "The turnover and its VAT are dated on it. Money stays on the day on which it moved."
        yield "day", forms.DateField(initial=before.day, widget=widget, help_text=text)
    if before.customer is not None:
        text = "Square's id of the customer; empty for a sale at the counter."
        yield "customer", forms.CharField(initial=before.customer, required=False, max_length=191, help_text=text)
    if before.tender is not None:
        choices = [(name, name) for name in _tenders(item.lane, before.tender)]
        yield "tender", forms.ChoiceField(initial=before.tender, choices=choices, required=False)
    if before.lines and len(before.lines) <= MOST_LINES:
        for place, line in before.lines.items():
            yield from _line_fields(place, line, before.currency)


def _line_fields(place: int, line: Line, currency: str) -> Iterator[tuple[str, Any]]:
    limits: dict[str, Any] = {"max_digits": 14, "decimal_places": exponent(currency)}
    bounds: dict[str, Any] = {"max_digits": 7, "decimal_places": 4, "min_value": Decimal(0), "max_value": HIGHEST_RATE}
    listed = forms.TextInput(attrs={"list": "known-taxes"})
    yield f"{place}-tax_name", forms.CharField(initial=line.tax_name, required=False, max_length=255, widget=listed)
    rate = None if line.tax_rate is None else f"{line.tax_rate.normalize():f}"
    yield f"{place}-tax_rate", forms.DecimalField(initial=rate, required=False, **bounds)
    for name, amount in (("tax", line.tax), ("total", line.total)):
        yield f"{place}-{name}", forms.DecimalField(initial=to_decimal(amount, currency), **limits)
    yield f"{place}-category", forms.CharField(initial=line.category, required=False, max_length=192)


def _tenders(lane: SyncLane, now: str) -> list[str]:
    """Types of external tender that the division has decided about, and that of the record."""
    rules = GLMapping.objects.filter(division=lane.division_id, tender__startswith=PREFIX).order_by()
    journals = TenderJournal.objects.filter(division=lane.division_id, tender__startswith=PREFIX).order_by()
    known = {*rules.values_list("tender", flat=True), *journals.values_list("tender", flat=True)}
    return sorted({now, *(name.removeprefix(PREFIX) for name in known)})


def known_taxes(lane: SyncLane) -> list[tuple[str, str]]:
    """Taxes that the division's rules name, with their rates."""
    rows = GLMapping.objects.filter(division=lane.division_id).exclude(tax_name="").order_by("tax_name", "tax_rate")
    found = dict.fromkeys(rows.values_list("tax_name", "tax_rate"))
    return [(name, "" if rate is None else f"{rate.normalize():f} %") for name, rate in found]


# --- edits as rows --------------------------------------------------------------------------------
def _each(verb: Callable[[ItemEdit, str, str], None]) -> Callable[[HttpRequest, QuerySet[ItemEdit], str], Outcome]:
    def run(request: HttpRequest, rows: QuerySet[ItemEdit], reason: str) -> Outcome:
        done, refused = 0, []
        for row in rows.order_by("id"):
            try:
                verb(row, request.user.get_username(), reason)
                done += 1
            except Impossible as refusal:
                refused.append((str(row), str(refusal)))
        return Outcome(done=done, skipped=refused)

    return run


VERBS = (
    ConfirmedAction(
        name="approve", label="Approve", permission=APPROVE, done="approved",
        run=_each(lambda row, by, _reason: edits.approve(row, by=by)),
        explains="The edit counts from now on: the record is worked out anew and booked as edited.",
        reversible="Withdraw the edit; once the record is booked, undo its entry first.",
        applies=lambda row: row.state == EditState.PROPOSED,
    ),
    ConfirmedAction(
        name="reject", label="Reject", permission=APPROVE, done="rejected", asks_reason=True,
        run=_each(lambda row, by, reason: edits.reject(row, reason=reason, by=by)),
        explains="The edit never counts. The record waits as it did before.",
        reversible="The record can be edited anew.", applies=lambda row: row.state == EditState.PROPOSED,
    ),
    ConfirmedAction(
        name="withdraw", label="Withdraw", permission=EDIT, done="withdrawn",
        run=_each(lambda row, by, reason: edits.withdraw(row, reason=reason, by=by)),
        explains="The edit counts no more: the record is worked out as Square has it. What is booked by the edit must "
        "be undone first.",
        reversible="The record can be edited anew.", applies=lambda row: row.state in STANDING_EDITS,
    ),
)  # fmt: skip


def state_badge(row: ItemEdit) -> SafeString:
    return badge(row.get_state_display(), TONES[EditState(row.state)])


@admin.register(ItemEdit)
class ItemEditAdmin(DetailAdmin):
    confirmed_actions = VERBS
    detail_template = "admin/sync/edit.html"
    list_display = ("record", "money", "state_shown", "edited", "decided", "reason")
    list_display_links = ("record",)
    list_filter = ("state", ("item__lane", BookingLanes))
    list_select_related = ("item",)
    introduction = "What people say of records in Square's stead. Square's own record is kept as it came."
    empty = (
        "No record has been edited. One that waits because of how Square describes it has a button 'Edit' on its page."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ItemEdit]:
        rows = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == "sync_itemedit_changelist":
            return rows.defer("item__payload")
        return rows.select_related("item__lane__division", "item__lane__source", "item__location")

    def describe(self, row: ItemEdit) -> str:
        return row.sentence

    @admin.display(description="record")
    def record(self, row: ItemEdit) -> str:
        return row.item.receipt_number or row.item.source_id

    @admin.display(description="amount")
    def money(self, row: ItemEdit) -> SafeString:
        return shown.money(row.amount, row.currency)

    @admin.display(description="state")
    def state_shown(self, row: ItemEdit) -> SafeString:
        return state_badge(row)

    @admin.display(description="edited")
    def edited(self, row: ItemEdit) -> str:
        return f"{row.proposed_by}, {row.proposed_at:%Y-%m-%d}"

    @admin.display(description="decided")
    def decided(self, row: ItemEdit) -> str:
        return f"{row.decided_by or 'by itself'}, {row.decided_at:%Y-%m-%d}" if row.decided_at else "–"

    def detail(self, request: HttpRequest, row: ItemEdit) -> Mapping[str, Any]:
        is_mine = row.proposed_by == request.user.get_username()
        own = [button for button in self.buttons(request, row) if button["action"].name == "withdraw" or not is_mine]
        return {
            "title": str(row).capitalize(),
            "row": row,
            "badge": state_badge(row),
            "amount": self.money(row),
            "buttons": own,
            "record": link(admin_url(SyncItem, row.item_id), self.record(row)),
            "proposed_at": local_time(row.proposed_at),
            "decided_at": local_time(row.decided_at) if row.decided_at else "",
        }
