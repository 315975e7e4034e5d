"""Open until proven matched: after posting, Exact's list of open terms says what is left of each invoice.

Asked for what this run touched, and once a day for everything that is not settled; forty entries a call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from audit.trail import Fact
from connections import clock
from connections.money import KNOWN, to_minor
from connections.providers.errors import NotAuthorised, Refused
from connections.providers.exact import invoices as exact
from mappings.bookkeeping.legs import Debtor, LegKind
from mappings.bookkeeping.open_terms import LEFTOVERS, OVER, Facts, Why, why
from mappings.roles import Role
from sync import engine
from sync.engine import Outcome
from sync.flows.base import Flow, Work
from sync.legs import plan_of
from sync.lifecycle import ItemState, LegState
from sync.models import Leg, SyncItem
from sync.models.invoices import InvoiceStanding
from sync.standings import debtors_of

LOOK_EVERY = timedelta(hours=24)
CHUNK = 300
BOOKED = (LegState.POSTED, LegState.CONFIRMED)
HELD_UP = (LegState.WAITING, LegState.REFUSED)
KINDS = (LegKind.SALE, LegKind.RECEIPT, LegKind.INVOICE_CREDIT)
ENDED = ("CANCELED", "FAILED")
UPDATED = ["open_amount", "why", "sentence", "listed_at"]


def prove_settled(work: Work, flow: Flow) -> None:  # noqa: ARG001 - every phase has the same form
    """Ask for the open terms of what may have changed, and say of each invoice why it is open."""
    if not work.lane.books_invoices:
        return
    due, last = _due(work), 0
    try:
        while batch := list(due.filter(pk__gt=last).order_by("pk")[:CHUNK]):
            _store(work, batch)
            last = batch[-1].pk
            work.breathe()
    except (Refused, NotAuthorised) as error:
        work.setbacks.append(f"The open terms of invoices could not be read: {error.sentence}")


def _due(work: Work) -> QuerySet[InvoiceStanding]:
    """What is not settled and was not looked at for a day, what changed since, and what this run touched."""
    now, order = clock.now(), OuterRef("order_id")
    stale = Q(listed_at=None) | Q(listed_at__lte=now - LOOK_EVERY) | Q(changed_at__gt=F("listed_at"))
    booked = Leg.objects.filter(lane=work.lane, order_id=order, kind__in=KINDS, posting__run_id=work.run.pk)
    since = work.run.started_at or work.run.created_at
    paid = SyncItem.objects.filter(lane=work.lane, order_id=order, kind="payment", changed_at__gte=since)
    touched = Q(order_id__gt="") & (Q(Exists(booked)) | Q(Exists(paid)))
    rows = InvoiceStanding.objects.filter(lane=work.lane).select_related("item").defer("item__payload")
    return rows.filter((stale & ~Q(why__in=OVER)) | Q(listed_at=None) | touched)


@dataclass
class _Books:
    """What our own legs say of one order. Amounts positive, on the receivable."""

    reference: str = ""
    is_booked: bool = False
    received: int = 0
    credited: int = 0
    problem: str = ""
    owes: bool = False


def _store(work: Work, batch: Sequence[InvoiceStanding]) -> None:
    books = _books(work, [row.order_id for row in batch if row.order_id])
    opened = _open_amounts(work, batch, books)
    outcome = Outcome()
    for row in batch:
        _judge(work, outcome, row, books[row.order_id], opened.get(row.pk))
        outcome.updates.append((row, UPDATED))
    engine.apply(outcome, grip=work.grip)


def _books(work: Work, orders: Iterable[str]) -> defaultdict[str, _Books]:
    found: defaultdict[str, _Books] = defaultdict(_Books)
    legs = Leg.objects.filter(lane=work.lane, order_id__in=set(orders), kind__in=KINDS, is_reversal=False)
    for leg in legs.exclude(state=LegState.DISMISSED).select_related("posting").order_by("id"):
        book = found[leg.order_id]
        book.owes = True
        if leg.state in HELD_UP:
            book.problem = book.problem or leg.problem
        if leg.state not in BOOKED:
            continue
        if leg.kind == LegKind.SALE:
            book.is_booked, book.reference = True, leg.posting.reference if leg.posting else leg.reference
        elif leg.kind == LegKind.RECEIPT:
            book.received += sum(line.amount for line in plan_of(leg).lines if line.role is Role.RECEIVABLES)
        else:
            book.credited -= leg.amount
    return found


def _open_amounts(work: Work, batch: Sequence[InvoiceStanding], books: defaultdict[str, _Books]) -> dict[int, int]:
    """Standing -> what Exact shows as open, 0 when it is not on the list. Absent for what was not asked."""
    ours = {books[row.order_id].reference: row for row in batch if books[row.order_id].is_booked}
    others = {row.existing_number: row for row in batch if row.existing_number is not None}
    found = {row.pk: 0 for row in (*ours.values(), *others.values())}
    for term in exact.open_terms(work.exact, ours) if ours else ():
        row = ours.get(term.reference)
        if row and row.currency in KNOWN:
            found[row.pk] += to_minor(term.amount, row.currency)
    customers = _customers(work, others.values())
    for term in exact.open_terms_of(work.exact, customers) if customers else ():
        row = others.get(term.invoice_number or term.entry_number or 0)
        if row and term.amount > 0 and row.currency in KNOWN:
            found[row.pk] += to_minor(term.amount, row.currency)
    return found


def _customers(work: Work, rows: Iterable[InvoiceStanding]) -> set[str]:
    rows = list(rows)
    debtors = debtors_of(work, [row.customer_id for row in rows])
    owing = [debtors.of(row.customer_id, on=row.item.local_day) for row in rows]
    return {one.id for one in owing if isinstance(one, Debtor)}


def _judge(work: Work, outcome: Outcome, row: InvoiceStanding, book: _Books, opened: int | None) -> None:
    before = row.why
    is_ours = book.is_booked or row.existing_number is not None
    row.open_amount = opened if is_ours else None
    found, row.sentence = why(
        Facts(
            status=row.status, currency=row.currency, total=row.total, paid=row.paid, received=book.received,
            credited=book.credited, is_booked=is_ours, open=row.open_amount,
            is_before_go_live=row.is_before_go_live and row.existing_number is None,
            owes_nothing=row.status in ENDED and not book.owes,
            problem=row.item.problem if row.item.state == ItemState.WAITING else book.problem,
        )
    )  # fmt: skip
    row.why, row.listed_at = found.value, clock.now()
    if before != row.why and found in (Why.MATCHED, *LEFTOVERS):
        verb = "invoice.matched" if found is Why.MATCHED else "invoice.leftover"
        detail = {"why": row.why, "sentence": row.sentence}
        item, division = row.item, work.lane.division.code
        outcome.facts.append(Fact(verb, "item", item.pk, item.source_id, item.source_id, division, detail))
