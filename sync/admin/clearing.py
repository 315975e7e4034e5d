"""The clearing account on the screen: what it began with, whether it is proven, and where differences come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_q.tasks import async_task

from audit import adminkit, trail
from audit.adminkit import (
    BackOfficeAdmin,
    ChoiceFilter,
    ConfirmedAction,
    DetailAdmin,
    Outcome,
    admin_url,
    badge,
    link,
    list_url,
    local_time,
)
from audit.trail import Fact
from connections import clock, money
from mappings.bookkeeping.proof import Difference, DifferenceKind, Proof
from sync import clearing_proof, suspense
from sync.admin import shown
from sync.admin.lane_choice import AsksBookingLane, BookingLanes
from sync.admin.verbs import DISMISS, RUN, asked_of_lanes, by, tallied
from sync.models import SyncItem, SyncLane
from sync.models.clearing import ClearingOpening, ClearingProof
from sync.models.lanes import BOOKING

if TYPE_CHECKING:
    _Form = forms.ModelForm[ClearingOpening]
else:
    _Form = forms.ModelForm

MOST_LINKS = 10
TITLES = {
    DifferenceKind.TIMING: "A matter of time",
    DifferenceKind.FEE_PENDING: "Fee pending",
    DifferenceKind.WAITING: "Records that wait",
    DifferenceKind.DISMISSED: "Records dismissed",
    DifferenceKind.UNVERIFIED: "Payout entries of records we do not hold",
    DifferenceKind.OPENING: "Another opening balance",
    DifferenceKind.EDITED: "Changed in Exact",
    DifferenceKind.DELETED: "Deleted in Exact",
    DifferenceKind.FOREIGN: "Booked by somebody else",
    DifferenceKind.UNEXPLAINED: "Not explained",
}


# --- proofs ---------------------------------------------------------------------------------------
def prove_now(request: HttpRequest, rows: QuerySet[SyncLane], reason: str) -> Outcome:
    """A worker does it: it asks Exact."""
    del reason

    def ask(lanes: Sequence[SyncLane]) -> None:
        for lane in lanes:
            _ask(lane.pk, by(request))

    return asked_of_lanes(rows, ask, shown_in=ClearingProof, told="A worker compares the clearing account now.")


def prove_again(request: HttpRequest, rows: QuerySet[ClearingProof], reason: str) -> Outcome:
    del reason
    for row in rows:
        _ask(row.lane_id, by(request), row.day.isoformat())
    return Outcome(done=rows.count(), sentence="A worker compares it again now; look again in a moment.")


def _ask(lane: int, name: str, day: str = "") -> None:
    async_task("sync.tasks.prove_clearing", lane, name, day, q_options={"task_name": f"clearing-{lane}"})


LANE_VERB = ConfirmedAction(
    name="clearing",
    label="Prove clearing",
    explains="Compares the clearing account up to yesterday with Exact's ledger and with what Square has not paid out.",
    permission=RUN,
    run=prove_now,
    done="asked for",
    confirms=False,
    applies=lambda lane: lane.books,
)
PROOF_VERB = ConfirmedAction(
    name="again",
    label="Compare again",
    explains="Compares the same day anew, with the records and the ledger as they are now.",
    permission=RUN,
    run=prove_again,
    done="asked for",
    confirms=False,
)


class ProvenFilter(ChoiceFilter):
    title = "verdict"
    parameter_name = "is_proven__exact"
    options = (("1", "proven"), ("0", "does not agree"))


@admin.register(ClearingProof)
class ClearingProofAdmin(DetailAdmin):
    confirmed_actions = (PROOF_VERB,)
    detail_template = "admin/sync/clearing.html"
    list_display = ("day_shown", "lane", "verdict", "books", "in_exact", "at_square", "looked")
    list_display_links = ("day_shown",)
    list_filter = (("lane", BookingLanes), ProvenFilter)
    list_select_related = ("lane",)
    sortable_by = ()
    introduction = (
        "What Square holds for you, at the end of a day: what is booked, what Exact shows and what Square has not paid "
        "out must be the same."
    )
    empty = (
        "The clearing account has not been compared yet. It is each night, or press 'Prove clearing' on a lane: what "
        "is booked, what Exact shows and what Square has not paid out must be the same."
    )

    @admin.display(description="end of day")
    def day_shown(self, row: ClearingProof) -> SafeString:
        return local_time(row.day)

    @admin.display(description="verdict")
    def verdict(self, row: ClearingProof) -> SafeString:
        return verdict(row)

    @admin.display(description="in our books")
    def books(self, row: ClearingProof) -> SafeString:
        return shown.money(clearing_proof.restored(row).books, row.currency)

    @admin.display(description="in Exact")
    def in_exact(self, row: ClearingProof) -> SafeString:
        return shown.money(row.found["ledger"], row.currency)

    @admin.display(description="at Square")
    def at_square(self, row: ClearingProof) -> SafeString:
        return shown.money(row.found["square"], row.currency)

    @admin.display(description="compared")
    def looked(self, row: ClearingProof) -> SafeString:
        return local_time(row.made_at)

    def detail(self, request: HttpRequest, row: ClearingProof) -> Mapping[str, Any]:
        proof = clearing_proof.restored(row)
        return {
            "title": f"Clearing of {row.lane}, {row.currency}, {row.day:%-d %b %Y}",
            "row": row,
            "badge": verdict(row),
            "sentence": sentence(proof),
            "figures": figures(proof),
            "openings": ClearingOpening.objects.filter(lane=row.lane_id, currency=row.currency),
            "opening_url": f"{_add_opening()}?lane={row.lane_id}&currency={row.currency}&day={row.lane.go_live}",
            "may_state": request.user.has_perm("sync.add_clearingopening"),
            "differences": differences(proof),
            "notices": proof.notices,
            "lane_url": admin_url(SyncLane, row.lane_id),
        }


def _add_opening() -> str:
    return list_url(ClearingOpening) + "add/"


def verdict(row: ClearingProof) -> SafeString:
    return badge("proven", "good") if row.is_proven else badge("does not agree", "bad")


def sentence(proof: Proof) -> str:
    """The verdict for a colleague."""
    books = shown.written(proof.books, proof.currency)
    if proof.ledger is None:
        return f"Not proven: Exact could not be asked. Our books show {books}."
    if not proof.is_proven:
        count = sum(not difference.kind.is_harmless for difference in proof.differences)
        need = "needs" if count == 1 else "need"
        noun = "difference" if count == 1 else "differences"
        return f"Not proven: {count} {noun} {need} somebody. Our books show {books}."
    if proof.differences:
        return f"Proven: our books show {books}, and what differs goes away by itself."
    return f"Proven: our books, Exact's ledger and what Square has not paid out are all {books}."


def figures(proof: Proof) -> list[tuple[str, Any, Any]]:
    """What, how much, and how far from our books."""
    rows: list[tuple[str, int | None, int | None]] = [
        ("Opening balance, as stated", proof.opening, None),
        ("Booked since by Tillbridge", proof.booked, None),
        ("In our books", proof.books, None),
        ("Clearing account in Exact", proof.ledger, None if proof.ledger is None else proof.ledger - proof.books),
        ("Not paid out, by Square's records", proof.square, proof.square - proof.books),
    ]
    return [
        (label, shown.money(figure, proof.currency), "" if apart is None else shown.money(apart, proof.currency))
        for label, figure, apart in rows
    ]


def differences(proof: Proof) -> list[dict[str, Any]]:
    sides = (("Square", proof.at_square), ("Exact", proof.in_exact))
    return [_difference(found, side, proof.currency) for side, named in sides for found in named]


def _difference(found: Difference, side: str, currency: str) -> dict[str, Any]:
    items = SyncItem.objects.filter(pk__in=found.items[:MOST_LINKS]).defer("payload")
    return {
        "title": TITLES[found.kind],
        "badge": badge("goes away by itself", "quiet") if found.kind.is_harmless else badge("needs somebody", "bad"),
        "side": side,
        "amount": shown.money(found.amount, currency),
        "sentence": found.sentence,
        "items": [
            link(admin_url(SyncItem, item.pk), f"{item.kind} {item.receipt_number or item.pk}") for item in items
        ],
        "all_url": list_url(SyncItem, id__in=",".join(map(str, found.items))) if len(found.items) > 1 else "",
        "count": len(found.items),
        "entries": ", ".join(found.entries[:MOST_LINKS]),
    }


# --- the opening balance ----------------------------------------------------------------------------
class OpeningForm(_Form):
    """The amount as people write it; what Square owed at the beginning of the lane's first day."""

    stated = forms.DecimalField(
        label="Amount", max_digits=15, help_text="What Square owed you then and had not paid out. Negative if you owed."
    )

    class Meta:
        model = ClearingOpening
        fields = ("lane", "currency", "day", "stated", "reason")
        help_texts = {"reason": "For instance: Square dashboard, balance report of 31 December, printed by Anna."}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        lane, day = cleaned.get("lane"), cleaned.get("day")
        if lane and day and day != lane.go_live:
            self.add_error(
                "day", f"The books of this lane begin on {lane.go_live:%-d %b %Y}: state the balance of that morning."
            )
        self._check_amount(cleaned.get("currency", ""), cleaned.get("stated"))
        return cleaned

    def _check_amount(self, currency: str, stated: Decimal | None) -> None:
        if currency and currency not in money.KNOWN:
            self.add_error("currency", f"{currency} is not a currency that Tillbridge can count in.")
        elif currency and stated is not None:
            minor = money.to_minor(stated, currency)
            if money.to_decimal(minor, currency) != stated:
                self.add_error("stated", f"{currency} has no smaller part than {money.to_decimal(1, currency)}.")
            self.instance.amount = minor


@admin.register(ClearingOpening)
class ClearingOpeningAdmin(AsksBookingLane, BackOfficeAdmin):
    """Stated once and never changed: a better figure is a new statement, and the newest counts."""

    form = OpeningForm
    list_display = ("lane", "currency", "day", "amount_shown", "stated_by", "stated_on")
    readonly_fields = ("amount_shown", "stated_by", "stated_on")
    list_filter = (("lane", BookingLanes),)
    list_select_related = ("lane",)
    introduction = (
        "What Square owed when a lane went live, as somebody stated it. The newest of a lane and currency counts."
    )
    empty = (
        "No opening balance has been stated. State what Square owed when a lane went live; without one the clearing "
        "account is taken to begin at nothing."
    )

    @admin.display(description="amount")
    def amount_shown(self, row: ClearingOpening) -> SafeString:
        return shown.money(row.amount, row.currency)

    @admin.display(description="stated")
    def stated_on(self, row: ClearingOpening) -> SafeString:
        return local_time(row.stated_at)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The lane, where there is but one, and what follows from it."""
        lanes = list(SyncLane.objects.filter(flow=BOOKING).select_related("division")[:2])
        only = lanes[0] if len(lanes) == 1 else None
        known = {"lane": only.pk, "currency": only.division.currency, "day": only.go_live} if only else {}
        return {**known, **super().get_changeform_initial_data(request)}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """A statement that stands is read: the amount with its currency, and whose it is."""
        stated = ("amount_shown", "reason", "stated_by", "stated_on") if obj else ("stated", "reason")
        return ("lane", "currency", "day", *stated)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: ClearingOpening, form: Any, change: bool) -> None:
        obj.stated_by, obj.stated_at = by(request), clock.now()
        super().save_model(request, obj, form, change)
        detail = {
            "amount": shown.written(obj.amount, obj.currency), "day": obj.day.isoformat(), "reason": obj.reason,
        }  # fmt: skip
        lane = obj.lane
        fact = Fact("lane.opening_stated", "lane", lane.pk, lane.label, division=lane.division.code, detail=detail)
        trail.record([fact], at=obj.stated_at)


# --- suspense ---------------------------------------------------------------------------------------
SUSPENSE_VERB = ConfirmedAction(
    name="cleared",
    label="Suspense cleared up",
    explains="Says that you found out what the entries of these payouts on suspense were, and booked them over in "
    "Exact. They leave the work list; nothing is booked by this.",
    permission=DISMISS,
    run=tallied(lambda request, rows, reason: suspense.clear(rows, reason=reason, by=by(request))),
    done="cleared up",
    reversible="No: it is a statement in the audit trail.",
    asks_reason=True,
    on_list=False,
    applies=lambda item: item.kind == "payout" and suspense.uncleared().filter(item=item).exists(),
)

adminkit.add_action(SyncLane, LANE_VERB)
adminkit.add_action(SyncItem, SUSPENSE_VERB)


# --- for the work list ------------------------------------------------------------------------------
def concerns() -> list[tuple[str, str, str]]:
    """Title, sentence and page of what the clearing accounts need somebody for."""
    found = [
        (f"Clearing of {row.lane}", sentence(clearing_proof.restored(row)), admin_url(ClearingProof, row.pk))
        for row in _newest().filter(is_proven=False)
    ]
    return [*found, *_suspense()]


def _newest() -> QuerySet[ClearingProof]:
    """The newest proof of each lane and currency."""
    same = ClearingProof.objects.filter(lane=OuterRef("lane"), currency=OuterRef("currency")).order_by("-day")
    return ClearingProof.objects.filter(pk=Subquery(same.values("pk")[:1])).select_related("lane")


def _suspense() -> list[tuple[str, str, str]]:
    legs = list(suspense.uncleared().values_list("item", "amount", "currency")[:200])
    if not legs:
        return []
    sums: dict[str, int] = {}
    for _, amount, currency in legs:
        sums[currency] = sums.get(currency, 0) + amount
    amounts = " and ".join(shown.written(total, currency) for currency, total in sorted(sums.items()))
    items = sorted({item for item, _, _ in legs})
    url = admin_url(SyncItem, items[0]) if len(items) == 1 else list_url(SyncItem, id__in=",".join(map(str, items)))
    said = (
        f"Payouts moved {amounts} that nobody knows the nature of. Find out in Square what it is, book it over, add a "
    )
    return [("Payout entries on suspense", said + "rule if it will come again, and press 'Suspense cleared up'.", url)]
