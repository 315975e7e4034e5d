"""From ready legs to entries in Exact: grouped, written out, booked, found again and read back.

Shared by the flows that book in Exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from connections import clock
from connections.money import to_minor
from connections.providers.exact import documents, resources
from connections.providers.exact.entries import MoneyLine, SalesLine, bank_entry, cash_entry, encode, sales_entry
from connections.providers.exact.payloads import EntryHead, EntryLine
from connections.providers.http import batches
from mappings.bookkeeping import clearing, summary, texts
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Line, ledger
from mappings.bookkeeping.references import reference
from sync import adoption, corrections
from sync.flows import settled
from sync.flows.base import Draft, Entry, Work
from sync.flows.invoiced import standing_elsewhere
from sync.legs import plan_of
from sync.lifecycle import LegState, PostingState
from sync.models import Leg, Posting, SyncLane
from sync.portions import portions

BATCH = 100  # legs that are read, and frozen, together
# A clearing entry's lines are read back 1,000 at a time and weigh about 350 bytes each: far below Exact's 10 MB a body.
MOST_LINES = 400
RESOURCES = {
    Document.SALES_ENTRY: resources.SALES_ENTRIES,
    Document.BANK_ENTRY: resources.BANK_ENTRIES,
    Document.CASH_ENTRY: resources.CASH_ENTRIES,
}
STAGES = {"sales": (Document.SALES_ENTRY,), "money": (Document.BANK_ENTRY, Document.CASH_ENTRY)}


def gather(work: Work, stage: str) -> Iterator[Sequence[Draft]]:
    """Drafts of a stage, in batches that are frozen together: first the refused ones that may try again."""
    kinds = STAGES[stage]
    yield from _batches(_again(work, kinds))
    if stage == "sales":
        yield from _batches(_alone(work))
        yield from _batches(_summaries(work))
    else:
        yield from _batches(_clearings(work, kinds))


def _batches(drafts: Iterable[Draft]) -> Iterator[Sequence[Draft]]:
    return portions(drafts, weight=lambda draft: len(draft.leg_ids), most=BATCH)


def _ready(work: Work) -> QuerySet[Leg]:
    """Ready legs that no refused entry claims, and no approved plan."""
    ready = Leg.objects.filter(lane=work.lane, state=LegState.READY).exclude(pk__in=work.claimed)
    return ready.filter(Q(posting=None) | ~Q(posting__state=PostingState.REFUSED))


def _again(work: Work, kinds: Sequence[Document]) -> Iterator[Draft]:
    """Refused entries whose legs were replayed: a new body, the old reference."""
    refused = Posting.objects.filter(lane=work.lane, state=PostingState.REFUSED, document__in=kinds)
    for posting in refused.filter(legs__state=LegState.READY).distinct().order_by("id"):
        legs = _of_one_day(posting.legs.filter(state=LegState.READY).select_related("location").order_by("id"))
        legs = legs if posting.document == Document.SALES_ENTRY else with_number(work, legs)
        if legs:
            yield entry_of(work, legs, group=posting.group, ordinal=posting.ordinal, again=posting)


def _of_one_day(legs: Iterable[Leg]) -> list[Leg]:
    """Those that share the first one's days: a closed period may have moved some to another; they form a new entry."""
    legs = list(legs)
    return [leg for leg in legs if (leg.date, leg.moved_from) == (legs[0].date, legs[0].moved_from)]


def _alone(work: Work) -> Iterator[Draft]:
    """Sales that are an entry of their own."""
    sales = _ready(work).filter(document=Document.SALES_ENTRY)
    if work.lane.sales_grouping == "daily_summary":
        sales = sales.filter(stands_alone=True)
    last = 0
    while legs := list(sales.filter(pk__gt=last).select_related("location").order_by("id")[:BATCH]):
        for entry in corrections.pairs(legs):
            yield entry_of(work, entry, group=entry[0].reference, ordinal=0)
        last = legs[-1].pk


def _summaries(work: Work) -> Iterator[Draft]:
    """One sales entry per closed day, location, currency and customer; what comes later is a supplement."""
    if work.lane.sales_grouping != "daily_summary":
        return
    sales = _ready(work).filter(document=Document.SALES_ENTRY, stands_alone=False)
    names = ("location__location_id", "location__timezone", "date", "currency", "debtor", "journal", "moved_from")
    keys = sales.values_list(*names).order_by("date", "moved_from", "location__location_id")
    for location, zone, day, currency, debtor, journal, moved_from in keys.distinct():
        own_day = moved_from or day
        if not _is_closed(work, own_day, zone) or day > clock.now().date():
            continue
        chosen = sales.filter(
            location__location_id=location, date=day, currency=currency, debtor=debtor, journal=journal,
            moved_from=moved_from,
        )  # fmt: skip
        group = f"{location}|{own_day}|{currency}|{debtor}"
        # None are left when somebody took the lane over meanwhile: the next write finds that out.
        if legs := list(chosen.select_related("location").order_by("id")):
            yield from _summary_parts(work, legs, group)


def _summary_parts(work: Work, legs: Sequence[Leg], group: str) -> Iterator[Draft]:
    first = _next_ordinal(work, Document.SALES_ENTRY, group)
    parts: Iterable[Sequence[Leg]] = [legs]
    if work.lane.adopts:
        parts = adoption.as_sold(work, legs, lambda number: _reference(work, legs, group, number), ordinal=first)
    for number, part_of_day in enumerate(parts):
        ordinal = _next_ordinal(work, Document.SALES_ENTRY, group) if number else first
        yield entry_of(work, part_of_day, group=group, ordinal=ordinal)


def _clearings(work: Work, kinds: Sequence[Document]) -> Iterator[Draft]:
    """Receipts and fees of a closed day: one entry per journal and currency, cut where it grows too long."""
    money = _ready(work).filter(document__in=kinds)
    if work.lane.clearing_grouping == "per_payout":
        yield from _per_payout(work, settled.moving(work, money))
        money = money.exclude(pk__in=settled.moving(work, money).values("pk"))
    keys = money.values_list("document", "journal", "date", "currency", "moved_from").order_by("date", "journal")
    for document, journal, day, currency, moved_from in keys.distinct():
        own_day = moved_from or day
        found = money.filter(document=document, journal=journal, date=day, currency=currency, moved_from=moved_from)
        legs = [leg for leg in found.select_related("location") if _is_closed(work, own_day, leg.location.timezone)]
        legs = legs if day <= clock.now().date() else []
        group = f"{work.lane.source.account_id}|{journal}|{own_day}|{currency}"
        yield from _clearing_parts(work, with_number(work, legs), group)


def _per_payout(work: Work, money: QuerySet[Leg]) -> Iterator[Draft]:
    """What a payout settles: one entry per payout and month, cut where it grows too long."""
    for group, ids in settled.groups(work, money, closed=lambda day, zone: _is_closed(work, day, zone)):
        key = group.key(work.lane.source.account_id)
        legs = [
            leg for part in batches(ids, MOST_LINES) for leg in money.filter(pk__in=part).select_related("location")
        ]
        plans = {_place(plan): (leg, plan) for leg, plan in ((leg, plan_of(leg)) for leg in with_number(work, legs))}
        parts = clearing.of_one_payout((plan for _, plan in plans.values()), most_lines=MOST_LINES)
        for part in parts:
            ordinal = _next_ordinal(work, Document.BANK_ENTRY, key)
            owners = [plans[_place(plan)][0] for plan in part]
            yield entry_of(work, owners, group=key, ordinal=ordinal, plans=part)


def _clearing_parts(work: Work, legs: Sequence[Leg], group: str) -> Iterator[Draft]:
    together = adoption.as_paid(work, Document(legs[0].document), legs) if legs and work.lane.adopts else [legs]
    for part_of_day in together:
        yield from _cut_to_length(work, part_of_day, group)


def _cut_to_length(work: Work, legs: Sequence[Leg], group: str) -> Iterator[Draft]:
    plans = {_place(plan): (leg, plan) for leg, plan in ((leg, plan_of(leg)) for leg in legs)}
    parts = clearing.entries((plan for _, plan in plans.values()), most_lines=MOST_LINES)
    for entry, part in parts:
        owners = [plans[_place(plan)][0] for plan in part]
        ordinal = _next_ordinal(work, entry.document, group)
        yield entry_of(work, owners, group=group, ordinal=ordinal, plans=part)


def _place(plan: LegPlan) -> tuple[str, str, int, bool]:
    return plan.source_id, plan.kind, plan.ordinal, plan.is_reversal


def _is_closed(work: Work, day: date, zone: str) -> bool:
    """A day closes some hours after its local midnight."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone))
    return clock.now() >= midnight + timedelta(hours=work.lane.day_closes_after_hours)


def _next_ordinal(work: Work, document: Document, group: str) -> int:
    """One more than the division has, whose lanes may share a journal, and those that this slice has given out."""
    place = (document.value, group)
    lanes = SyncLane.objects.filter(division=work.lane.division_id).values("pk")
    stored = Posting.objects.filter(lane__in=lanes, document=document, group=group).count()
    work.ordinals[place] = max(stored, work.ordinals.get(place, -1) + 1)
    return work.ordinals[place]


def with_number(work: Work, legs: Iterable[Leg]) -> list[Leg]:
    """Legs that need no sale, and those whose sale or credit is booked; each then knows its number (`our_ref`). What is
    taken back follows what it took: it waits for nothing, and keeps the number of a sale that is itself reversed.
    """
    legs = list(legs)
    numbers = _numbers(work, [leg for leg in legs if leg.after_sale and not leg.is_reversal], _BOOKED)
    numbers |= standing_elsewhere(leg.order_id for leg in legs if leg.after_sale and not leg.is_reversal)
    former = _numbers(work, [leg for leg in legs if leg.after_sale and leg.is_reversal], (*_BOOKED, *_TAKEN_BACK))
    for leg in legs:
        found = former if leg.is_reversal else numbers
        leg.our_ref = found.get(_owner(leg))  # type: ignore[attr-defined]  # travels with the leg to its line
    return [leg for leg in legs if not leg.after_sale or leg.is_reversal or _owner(leg) in numbers]


_BOOKED = (LegState.POSTED, LegState.CONFIRMED)
_TAKEN_BACK = (LegState.REVERSING, LegState.REVERSED)


def _numbers(work: Work, waiting: Sequence[Leg], states: Sequence[LegState]) -> dict[str | int, int | None]:
    """Order of a sale or record of a credit -> its number in Exact, None where it is only planned before these legs."""
    if not waiting:
        return {}
    told = Leg.objects.filter(state__in=[*states, LegState.READY], is_reversal=False).order_by("id")
    sales = told.filter(kind=LegKind.SALE, order_id__in={leg.order_id for leg in waiting})
    returned = told.filter(kind=LegKind.REFUND, item__in={leg.item_id for leg in waiting})
    rows: list[tuple[str | int, int | None, str, int]] = [
        *sales.values_list("order_id", "posting__remote_number", "state", "pk"),
        *returned.values_list("item_id", "posting__remote_number", "state", "pk"),
    ]
    return {owner: number for owner, number, state, pk in rows if state in states or pk in work.planned}


def _owner(leg: Leg) -> str | int:
    """What tells the document a money leg settles: the record's own credit for a refund, else its order's sale."""
    return leg.item_id if leg.kind == LegKind.REFUND_MONEY else leg.order_id


def entry_of(
    work: Work,
    legs: Sequence[Leg],
    *,
    group: str,
    ordinal: int,
    again: Posting | None = None,
    own: str = "",
    plans: Sequence[LegPlan] = (),
) -> Draft:
    """Everything that is frozen when an entry is drafted. `own`: its reference, where it is given; `plans`: those of
    the legs, where they are at hand.
    """
    plans = plans or [plan_of(leg) for leg in legs]
    first, document = plans[0], Document(legs[0].document)
    own = own or (again.reference if again else _reference(work, legs, group, ordinal))
    if document is Document.SALES_ENTRY:
        lines, body, find_by = _sales_body(legs, plans, own, ordinal)
    else:
        lines, body, find_by = _money_body(legs, plans)
    main = first.main_account.code if first.main_account else ""
    return Draft(
        document=document, journal=first.journal, reference=own, group=group, ordinal=ordinal, date=first.date,
        currency=first.currency, total=sum(plan.total for plan in plans), body=body.decode(), find_by=find_by,
        expected=ledger(document, main, lines), leg_ids=[leg.pk for leg in legs], again=again, lines=lines,
        corrects=corrections.corrected_entry(legs),
    )  # fmt: skip


def part(work: Work, posting: Posting, legs: Sequence[Leg], ordinal: int | None) -> Draft:
    """Some legs of a refused entry, all of those given: as that ordinal of its group, or under its own reference."""
    if posting.document != Document.SALES_ENTRY:
        with_number(work, legs)  # those whose sale was undone meanwhile stay, as they were frozen, without a number
    if ordinal is None:
        return entry_of(work, legs, group=posting.group, ordinal=posting.ordinal, again=posting)
    return entry_of(work, legs, group=posting.group, ordinal=ordinal)


def _reference(work: Work, legs: Sequence[Leg], group: str, ordinal: int) -> str:
    """A sale on its own carries its leg's reference; a group has one of its own."""
    if group == legs[0].reference:
        return group
    kind = "summary" if legs[0].document == Document.SALES_ENTRY else f"{legs[0].document}-clearing"
    merchant = work.lane.source.account_id
    return reference(
        division=work.lane.division.code,
        system="square",
        merchant=merchant,
        source_id=group,
        kind=kind,
        ordinal=ordinal,
    )


def _sales_body(
    legs: Sequence[Leg], plans: Sequence[LegPlan], own: str, ordinal: int
) -> tuple[Sequence[Line], bytes, str]:
    first, place = plans[0], legs[0].location.name
    is_alone = own == legs[0].reference
    lines = [line for plan in plans for line in plan.lines] if is_alone else summary.merge(plans)
    taken_back = texts.taken_back_word(plans)
    header = (
        texts.sale_header(first, place=place, taken_back=taken_back)
        if is_alone
        else texts.summary_header(
            place=place, day=first.moved_from or first.date, supplement=ordinal, taken_back=taken_back
        )
    )
    body = sales_entry(
        customer=legs[0].debtor, journal=first.journal, date=first.date, reference=texts.your_ref(own),
        description=header, currency=first.currency, lines=[_sales_line(line, own) for line in lines],
        due_date=first.due if is_alone else None,
    )  # fmt: skip
    return lines, encode(body), own


def _sales_line(line: Line, own: str) -> SalesLine:
    return SalesLine(
        gl_account=line.account.id, amount=line.amount, vat_code=line.vat_code,
        vat=line.vat if line.states_vat else None, description=texts.summary_line_text(line, reference=own),
        cost_center=line.cost_center, cost_unit=line.cost_unit,
    )  # fmt: skip


def _money_body(legs: Sequence[Leg], plans: Sequence[LegPlan]) -> tuple[Sequence[Line], bytes, str]:
    lines: list[MoneyLine] = []
    for leg, plan in zip(legs, plans, strict=True):
        lines += [_money_line(leg, plan, line) for line in plan.lines]
    first = plans[0]
    make = bank_entry if first.document is Document.BANK_ENTRY else cash_entry
    body = make(journal=first.journal, currency=first.currency, lines=lines)
    return [line for plan in plans for line in plan.lines], encode(body), lines[0].description


def _money_line(leg: Leg, plan: LegPlan, line: Line) -> MoneyLine:
    return MoneyLine(
        gl_account=line.account.id, amount=line.amount + line.vat, date=plan.date, account=line.debtor,
        vat_code=line.vat_code, vat=line.vat if line.states_vat else None,
        description=texts.line_text(plan, line, reference=leg.reference), cost_center=line.cost_center,
        our_ref=getattr(leg, "our_ref", None) if line.debtor else None, cost_unit=line.cost_unit,
    )  # fmt: skip


def send(work: Work, posting: Posting) -> Entry:
    """Book the entry with the body as it was frozen. The sale's number is the invoice number, else the entry number."""
    head = documents.post(work.exact, RESOURCES[Document(posting.document)], posting.body.encode())
    return _entry(head, posting)


def _entry(head: EntryHead, posting: Posting) -> Entry:
    total = None if head.amount is None else to_minor(head.amount, posting.currency)
    return Entry(remote_id=head.entry_id, number=head.invoice_number or head.entry_number, total=total)


def find(work: Work, posting: Posting) -> Sequence[Entry]:
    """Every entry in Exact that carries the entry's text. Amounts of bank and cash entries show at confirmation."""
    if posting.document == Document.SALES_ENTRY:
        return [_entry(head, posting) for head in documents.sales_entries(work.exact, [posting.find_by])]
    look = documents.bank_lines if posting.document == Document.BANK_ENTRY else documents.cash_lines
    found: dict[str, EntryLine] = {line.entry_id: line for line in look(work.exact, [posting.find_by])}
    return [Entry(remote_id=line.entry_id, number=line.entry_number, total=None) for line in found.values()]


def confirm(work: Work, postings: Sequence[Posting]) -> Mapping[int, Mapping[str, int]]:
    """What the ledger shows for each entry: movement per GL account code, document currency, debit +."""
    by_entry = {posting.remote_id: posting for posting in postings}
    moved: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in documents.ledger_lines(work.exact, by_entry):
        posting = by_entry[line.entry_id]
        moved[posting.pk][line.gl_account_code] += to_minor(line.amount, posting.currency)
    return moved
