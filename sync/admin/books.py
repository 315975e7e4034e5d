"""Proofs of the live books on the screen: what was proven in plain sentences, what was found, and each event's legs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_q.tasks import async_task

from audit.adminkit import (
    ChoiceFilter,
    ConfirmedAction,
    DetailAdmin,
    Outcome,
    admin_url,
    badge,
    link,
    local_time,
    number,
)
from connections import clock
from sync.admin import shown, timeline
from sync.admin.lane_choice import BookingLanes
from sync.admin.verbs import asked_of_lanes, by
from sync.books_proof import keeping, making
from sync.books_proof.kinds import MEANINGS, TITLES, Kind
from sync.models import BooksFinding, BooksProof, Leg, Posting, SyncItem, SyncLane

PROVE = "sync.prove_booksproof"
MOST = 100  # findings on the page
A_PAGE = 50  # events on one
MOST_DIGITS = 7  # of a page's number


# --- asking ---------------------------------------------------------------------------------------
def _ask(division: int, month: str, name: str) -> None:
    """A worker does it: it reads Exact's ledger."""
    async_task("sync.tasks.prove_books", division, month, name, q_options={"task_name": f"books-{division}-{month}"})


def prove_lane(request: HttpRequest, rows: QuerySet[SyncLane], reason: str) -> Outcome:
    """The months that every night looks at."""
    del reason

    def ask(lanes: Sequence[SyncLane]) -> None:
        for division in sorted({lane.division_id for lane in lanes}):
            for month in keeping.due_tonight(clock.now().date()):
                _ask(division, month.isoformat(), by(request))

    return asked_of_lanes(rows, ask, shown_in=BooksProof, told="A worker looks for each entry in Exact now.")


def prove_again(request: HttpRequest, rows: QuerySet[BooksProof], reason: str) -> Outcome:
    del reason
    for division, month in sorted({(row.lane.division_id, row.begin) for row in rows.select_related("lane")}):
        _ask(division, month.isoformat(), by(request))
    return Outcome(
        done=rows.count(), sentence="A worker looks again now; the new proof stands above this one in a moment."
    )  # fmt: skip


LANE_VERB = ConfirmedAction(
    name="prove",
    label="Prove entries",
    explains="Looks for every leg of this month in Exact by its reference: each must stand in exactly one document.",
    permission=PROVE,
    run=prove_lane,
    done="asked for",
    confirms=False,
    applies=lambda lane: lane.books,
)
PROOF_VERB = ConfirmedAction(
    name="again",
    label="Look again",
    explains="Reads Exact's ledger of the same month again and looks for every leg in it.",
    permission=PROVE,
    run=prove_again,
    done="asked for",
    confirms=False,
)


# --- in words -------------------------------------------------------------------------------------
def verdict(row: BooksProof) -> SafeString:
    return badge("proven", "good") if row.is_proven else badge("not as it should be", "bad")


def sentence(row: BooksProof) -> str:
    """The verdict for a colleague."""
    if not row.legs and not row.found:
        return "Nothing of this month is booked yet, and Exact holds nothing in our name."
    if row.is_proven:
        return (
            f"Each of the {number(row.legs)} legs of {number(row.events)} Square events stands in exactly one document "
            f"in Exact, and all {number(row.entries)} documents show what was sent, to the cent."
        )
    return f"{number(row.found)} {'thing is' if row.found == 1 else 'things are'} not as it should be: see below."


def statements(row: BooksProof) -> list[tuple[bool, str]]:
    """What was looked at, each with whether it holds."""
    legs = f"{number(row.in_one)} of {number(row.legs)} booked legs stand in exactly one document, the one noted."
    equal = f"{number(row.equal)} of {number(row.entries)} documents show on each account what was sent, to the cent."
    return [
        (row.in_one == row.legs, legs),
        (not row.missing, f"{number(row.missing)} booked legs are missing from Exact."),
        (not row.doubled, f"{number(row.doubled)} booked legs stand in Exact more than once."),
        (row.equal == row.entries, equal),
        (True, f"{number(row.unbooked)} legs are not booked; Exact must not hold them, which was looked at too."),
        (True, f"{number(row.settling)} legs were on their way at that moment: the next proof tells of them."),
    ]  # fmt: skip


# --- each event, its legs and entries -------------------------------------------------------------
def _events(row: BooksProof, page: int) -> tuple[list[SyncItem], bool]:
    """Events of a page, in the order they took place; whether there are more."""
    legs = making.legs_of(row.lane, row.begin, row.end)
    items = SyncItem.objects.filter(pk__in=legs.values("item")).order_by("took_place_at", "pk").defer("payload")
    own = legs.select_related("posting").defer("content", "posting__body").order_by("pk")
    start = page * A_PAGE
    found = list(items.prefetch_related(Prefetch("legs", own))[start : start + A_PAGE + 1])
    return found[:A_PAGE], len(found) > A_PAGE


def _shown_event(item: SyncItem, row: BooksProof, findings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "link": link(admin_url(SyncItem, item.pk), f"{item.get_kind_display()} {item.receipt_number or item.pk}"),
        "day": item.local_day,
        "amount": shown.money(item.amount, item.currency),
        "legs": [_shown_leg(leg, row, findings) for leg in item.legs.all()],
    }


def _shown_leg(leg: Leg, row: BooksProof, findings: Mapping[str, str]) -> dict[str, Any]:
    entry = leg.posting
    return {
        "link": link(admin_url(Leg, leg.pk), leg.reference),
        "kind": leg.get_kind_display(),
        "amount": shown.money(leg.amount, leg.currency),
        "entry": link(admin_url(type(entry), entry.pk), entry.remote_number or entry.reference) if entry else "",
        "badge": _leg_badge(leg, row, findings),
    }


def _leg_badge(leg: Leg, row: BooksProof, findings: Mapping[str, str]) -> SafeString:
    """What the proof says of a leg. What was sent since, or while the ledger was read, is no part of it."""
    entry = leg.posting
    kind = findings.get(leg.reference) or (findings.get(entry.reference) if entry else None)
    if kind:
        return badge(TITLES[Kind(kind)].lower(), "bad")
    is_booked = leg.state in making.BOOKED or (entry is not None and entry.state == "conflict")
    if entry is None or not is_booked:
        return shown.leg_badge(leg)
    if not _was_seen(entry, row):
        return badge("booked since", "busy")
    if row.found > keeping.MOST_FINDINGS:
        return badge("see the counts above", "quiet")  # not each finding has a row: nothing is claimed of one leg
    return badge("found once", "good")


def _was_seen(entry: Posting, row: BooksProof) -> bool:
    """Whether the entry stood in Exact, and had had the time to show, when the ledger was read."""
    was_confirmed = entry.state in {"confirmed", "reversed"} and entry.changed_at <= row.began_at
    return was_confirmed or (entry.sent_at or entry.created_at) < row.began_at - making.LAG


class ProvenFilter(ChoiceFilter):
    title = "verdict"
    parameter_name = "is_proven__exact"
    options = (("1", "proven"), ("0", "not as it should be"))


@admin.register(BooksProof)
class BooksProofAdmin(DetailAdmin):
    confirmed_actions = (PROOF_VERB,)
    detail_template = "admin/sync/books.html"
    list_display = ("month", "lane", "state", "legs_in_one", "entries_equal", "found_shown", "looked")
    list_display_links = ("month",)
    list_filter = (("lane", BookingLanes), ProvenFilter)
    list_select_related = ("lane",)
    sortable_by = ()
    introduction = (
        "Does Exact hold each event exactly once? Every leg is looked for in Exact's ledger by its reference, and "
        "every document compared with what was sent."
    )
    empty = (
        "The books have not been proven yet. They are each night, by 'Prove entries' on a lane, and by 'manage.py "
        "prove --live': every leg is looked for in Exact by its reference."
    )

    @admin.display(description="month")
    def month(self, row: BooksProof) -> str:
        return f"{row.begin:%B %Y}"

    @admin.display(description="verdict")
    def state(self, row: BooksProof) -> SafeString:
        return verdict(row)

    @admin.display(description="legs in one document")
    def legs_in_one(self, row: BooksProof) -> str:
        return f"{number(row.in_one)} of {number(row.legs)}"

    @admin.display(description="documents to the cent")
    def entries_equal(self, row: BooksProof) -> str:
        return f"{number(row.equal)} of {number(row.entries)}"

    @admin.display(description="findings")
    def found_shown(self, row: BooksProof) -> str:
        return number(row.found)

    @admin.display(description="looked at")
    def looked(self, row: BooksProof) -> SafeString:
        return local_time(row.made_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BooksProof]:
        rows: QuerySet[BooksProof] = super().get_queryset(request)
        return rows.select_related("lane__division")

    def detail(self, request: HttpRequest, row: BooksProof) -> Mapping[str, Any]:
        page = _page_of(request)
        kept = list(row.findings.select_related("leg__item", "posting").defer("leg__item__payload", "posting__body"))
        kinds = {found.reference: found.kind for found in reversed(kept)}
        events, has_more = _events(row, page)
        return {
            "title": f"Proof of {row.begin:%B %Y}",
            "row": row,
            "badge": verdict(row),
            "sentence": sentence(row),
            "statements": [(badge("holds", "good") if holds else badge("does not hold", "bad"), told)
                           for holds, told in statements(row)],
            "sums": shown.sums(row.sums),
            "lane_url": admin_url(SyncLane, row.lane_id),
            "findings": list(_findings(kept[:MOST])),
            "more_findings": number(max(0, row.found - MOST)) if row.found > MOST else "",
            "events": [_shown_event(item, row, kinds) for item in events],
            "earlier": f"?page={page}" if page else "",
            "later": f"?page={page + 2}" if has_more else "",
            "page": page + 1,
            "timeline": timeline.of_subject("booksproof", row.pk),
        }  # fmt: skip


def _page_of(request: HttpRequest) -> int:
    """From 0; what cannot be read is the first."""
    asked = request.GET.get("page", "")
    is_number = asked.isascii() and asked.isdigit() and len(asked) <= MOST_DIGITS
    return max(int(asked) - 1, 0) if is_number else 0


def _findings(rows: Sequence[BooksFinding]) -> Iterator[dict[str, Any]]:
    """By kind, each with the way to the record and the entry."""
    for kind in Kind:
        if found := [row for row in rows if row.kind == kind]:
            yield {"badge": badge(TITLES[kind].lower(), "bad"), "meaning": MEANINGS[kind],
                   "rows": [_finding(row) for row in found]}  # fmt: skip


def _finding(row: BooksFinding) -> dict[str, Any]:
    item = row.leg.item if row.leg else None
    return {
        "sentence": row.sentence,
        "item": link(admin_url(SyncItem, item.pk), shown.name_of(item)) if item else "",
        "entry": link(admin_url(type(row.posting), row.posting.pk), row.posting.reference) if row.posting else "",
        "numbers": ", ".join(map(str, row.entries)),
    }


# --- for the work list ----------------------------------------------------------------------------
def concerns() -> list[tuple[str, str, str]]:
    """Title, sentence and page of the months whose newest proof found something."""
    same = BooksProof.objects.filter(lane=OuterRef("lane"), begin=OuterRef("begin")).order_by("-pk")
    newest = BooksProof.objects.filter(is_proven=False, pk=Subquery(same.values("pk")[:1])).select_related("lane")
    return [
        (f"Proof of {row}", str(format_html("{}", sentence(row))), admin_url(BooksProof, row.pk)) for row in newest[:20]
    ]  # fmt: skip
