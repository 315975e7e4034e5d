"""Invoices beside Exact: whether Exact holds one already, and what is still open of it until proven matched.

Both are asked in bulk. Nothing here books anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from audit.trail import Fact
from connections import clock
from connections.money import KNOWN, to_minor, written
from connections.providers.errors import NotAuthorised, Refused, Unreadable
from connections.providers.exact import invoices as exact
from connections.providers.exact.invoices import NumberedEntry
from connections.providers.square import payloads
from connections.providers.square.payloads import Invoice
from mappings import decisions
from mappings.bookkeeping.legs import Debtor, LegKind, Problem
from mappings.decisions import Debtors
from sync import engine
from sync.engine import Outcome
from sync.flows.base import Work
from sync.lifecycle import LegState
from sync.models import Leg, Posting, SyncItem
from sync.models.invoices import InvoiceStanding

CANCELED = "CANCELED"
SHOWN = ("number", "status", "order_id", "customer_id", "customer_name", "due", "currency", "total", "paid")
LOOKED_UP = ("canceled_on", "is_before_go_live", "existing_id", "existing_number", "obstacle", "changed_at")
# The sale is in an entry, or was before it was refused: whether Exact holds the invoice is no longer the question.
TRIED = (LegState.POSTING, LegState.POSTED, LegState.CONFIRMED, LegState.REVERSED, LegState.REFUSED)


def read_again(pks: Iterable[int]) -> int:
    """Mark invoices to be read again at Square with the next run of their lane. Returns how many."""
    return InvoiceStanding.objects.filter(pk__in=list(pks)).update(wanted_at=clock.now())


def read_again_at_square(lane_id: int, invoice_ids: Iterable[str]) -> int:
    """The same by Square's ids, for whoever hears of a change (a webhook). One that is not known yet needs no mark: the
    newest page, which each run reads, brings it.
    """
    rows = InvoiceStanding.objects.filter(lane=lane_id, item__source_id__in=list(invoice_ids))
    return read_again(rows.values_list("pk", flat=True))


def debtors_of(work: Work, customers: Iterable[str]) -> Debtors:
    lane = work.lane
    return decisions.debtors(
        lane.division, lane.source, customers, collective=lane.collective_debtor,
        unknown_go_collective=lane.unknown_customers == "collective", decided=work.decisions,
    )  # fmt: skip


def is_preview(work: Work) -> bool:
    """Its run is no row: nothing may be asked or written."""
    return bool(work.run._state.adding)


def is_before_go_live(work: Work, item: SyncItem) -> bool:
    return item.local_day < work.lane.go_live and not item.released


# --- does Exact hold it already? ----------------------------------------------------------------
def bring_up_to_date(work: Work, items: Sequence[SyncItem]) -> dict[int, InvoiceStanding]:
    """The standing of each readable invoice, as Square has it now.

    1. Take over what Square says.
    2. Of published ones whose sale was never tried, ask Exact for entries with their number, thirty a call.
    3. Keep what was found, with its facts.
    A preview asks nothing and writes nothing: it sees what is known.
    """
    held = {row.item_id: row for row in InvoiceStanding.objects.filter(item__in=[item.pk for item in items])}
    if is_preview(work):
        return held
    read = {item.pk: found for item in items if (found := _read(item))}
    outcome = Outcome()
    for item in items:
        if item.pk in read:
            held[item.pk] = _taken_over(work, item, read[item.pk], held.get(item.pk))
    asked = _to_ask(work, [item for item in items if item.pk in read and read[item.pk].is_published])
    _LookUp(work, outcome, held).decide(asked)
    for row in held.values():
        if row._state.adding:
            outcome.created.append(row)
        else:
            outcome.updates.append((row, [*SHOWN, *LOOKED_UP]))
    engine.apply(outcome, grip=work.grip)
    return held


def _read(item: SyncItem) -> Invoice | None:
    try:
        return payloads.invoice(item.payload.get("invoice"))
    except Unreadable:
        return None


def _taken_over(work: Work, item: SyncItem, invoice: Invoice, row: InvoiceStanding | None) -> InvoiceStanding:
    row = row or InvoiceStanding(item=item, lane=work.lane, why="not_booked")
    if invoice.status == CANCELED and row.status != CANCELED:
        row.canceled_on = invoice.updated_at.astimezone(ZoneInfo(item.location.timezone)).date()
    row.number, row.status, row.order_id = invoice.number[:191], invoice.status[:30], invoice.order_id
    row.customer_id, row.customer_name = invoice.customer_id, invoice.customer_name[:200]
    row.due, row.currency, row.total, row.paid = invoice.due, invoice.currency, invoice.asked, invoice.paid
    row.is_before_go_live = is_before_go_live(work, item)
    row.changed_at = clock.now()
    return row


def _to_ask(work: Work, items: Sequence[SyncItem]) -> list[SyncItem]:
    orders = {item.order_id for item in items if item.order_id}
    tried = Leg.objects.filter(lane=work.lane, kind=LegKind.SALE, order_id__in=orders, state__in=TRIED)
    done = set(tried.values_list("order_id", flat=True))
    return [item for item in items if item.order_id not in done]


@dataclass
class _LookUp:
    """Exact's entries with the numbers of a batch of invoices, and what they mean for each."""

    work: Work
    outcome: Outcome
    standings: Mapping[int, InvoiceStanding]
    found: list[NumberedEntry] = field(default_factory=list)
    ours: set[str] = field(default_factory=set)
    refusal: str = ""

    def decide(self, items: Sequence[SyncItem]) -> None:
        wanted = [item for item in items if self.standings[item.pk].number]
        if not wanted:
            return
        self._ask({self.standings[item.pk].number for item in wanted})
        debtors = debtors_of(self.work, [item.customer_id for item in wanted])
        for item in wanted:
            self._decide(item, self.standings[item.pk], debtors.of(item.customer_id, on=item.local_day))

    def _ask(self, numbers: set[str]) -> None:
        try:
            self.found = list(exact.with_numbers(self.work.exact, sorted(numbers)))
        except (Refused, NotAuthorised) as error:
            self.refusal = error.sentence
        ids = [entry.entry_id for entry in self.found]
        mine = Posting.objects.filter(division=self.work.lane.division_id, remote_id__in=ids)
        self.ours = set(mine.values_list("remote_id", flat=True))

    def _decide(self, item: SyncItem, row: InvoiceStanding, debtor: Debtor | Problem) -> None:
        """Number, customer, amount and currency must agree: Square's numbers repeat per location."""
        before = (row.existing_number, row.obstacle)
        others = [entry for entry in self.found if entry.entry_id not in self.ours and exact.carries(entry, row.number)]
        same = [entry for entry in others if isinstance(debtor, Debtor) and _is_it(entry, row, debtor)]
        row.existing_id, row.existing_number, row.obstacle = "", None, ""
        if self.refusal:
            row.obstacle = _unasked(row, self.refusal)
        elif len(same) == 1:
            row.existing_id, row.existing_number = same[0].entry_id, same[0].number
        elif others and isinstance(debtor, Debtor) and not row.may_repeat:
            row.obstacle = _several(row, same) if same else _taken(row, others[0])
        self._tell(item, row, before)

    def _tell(self, item: SyncItem, row: InvoiceStanding, before: tuple[int | None, str]) -> None:
        if (row.existing_number, row.obstacle) == before and not row._state.adding:
            return
        verb, detail = "invoice.absent", {"note": "no matching invoice in Exact"}
        if row.existing_number is not None:
            verb, detail = "invoice.left_alone", {"entry": str(row.existing_number)}
        elif row.obstacle:
            verb, detail = "invoice.number_taken", {"problem": row.obstacle}
        division = self.work.lane.division.code
        self.outcome.facts.append(Fact(verb, "item", item.pk, item.source_id, item.source_id, division, detail))


def _is_it(entry: NumberedEntry, row: InvoiceStanding, debtor: Debtor) -> bool:
    is_theirs = (entry.customer, entry.currency) == (debtor.id, row.currency) and row.currency in KNOWN
    return is_theirs and to_minor(entry.amount, row.currency) == row.total


def _taken(row: InvoiceStanding, entry: NumberedEntry) -> str:
    return (
        f"Exact holds entry {entry.number} with the number of this invoice ({row.number}), but for another customer, "
        f"amount or currency ({entry.currency} {entry.amount:,.2f}; this invoice: "
        f"{written(row.total, row.currency) if row.currency in KNOWN else row.total}). Square's numbers repeat per "
        "location, so it may be another invoice, or this one entered differently. Put the entry right in Exact and "
        "replay; or press 'Another invoice: book it' on the invoice's page."
    )


def _several(row: InvoiceStanding, same: Sequence[NumberedEntry]) -> str:
    numbers = ", ".join(str(entry.number) for entry in same)
    return (
        f"Exact holds invoice {row.number} {len(same)} times (entries {numbers}), with the same customer and amount. "
        "Remove or reverse the one that is too much in Exact, then replay."
    )


def _unasked(row: InvoiceStanding, refusal: str) -> str:
    return (
        f"Exact could not be asked whether it holds invoice {row.number} already: {refusal} Nothing was booked, since "
        "it might be booked twice. Put the cause right, then replay."
    )
