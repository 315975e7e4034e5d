"""From legs of orders to quotations and sales orders in Exact: written, found again, changed and closed.

The order keeps the reference of its creation in YourRef; each change is an entry of its own that names the one before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connections.money import to_minor
from connections.providers.errors import NotAuthorised, Refused
from connections.providers.exact import orders, standing
from connections.providers.exact.entries import encode
from connections.providers.exact.orders import Form, ItemLine, OrderHead
from connections.providers.exact.standing import Standing
from mappings.bookkeeping import texts
from mappings.bookkeeping.legs import ORDERS, Document, LegPlan, Line
from sync.flows.base import Draft, Entry, LeftAlone, Work
from sync.legs import plan_of
from sync.lifecycle import LegState, PostingState
from sync.models import Leg, Posting

FORMS: Mapping[Document, Form] = {Document.SALES_ORDER: orders.SALES_ORDER, Document.QUOTATION: orders.QUOTATION}
WORDS = {Document.SALES_ORDER: "sales order", Document.QUOTATION: "quotation"}
BATCH = 100


def form_of(posting: Posting) -> Form:
    return FORMS[Document(posting.document)]


def body_of(posting: Posting) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(posting.body, parse_float=Decimal)
    return body


def is_closing(posting: Posting) -> bool:
    """Its body names the order and nothing else."""
    return form_of(posting).collection not in body_of(posting)


def gather(work: Work) -> Iterator[Sequence[Draft]]:
    """Drafts of orders, and of changes whose order is confirmed as it was before."""
    if work.lane.orders == "off":
        return
    ready = Leg.objects.filter(lane=work.lane, state=LegState.READY, document__in=ORDERS)
    last = 0
    while legs := list(ready.filter(pk__gt=last).select_related("location", "posting").order_by("id")[:BATCH]):
        if drafts := [draft for leg in legs if (draft := _draft(leg))]:
            yield drafts
        last = legs[-1].pk


def _draft(leg: Leg) -> Draft | None:
    """Nothing yet for a change while Exact has not shown the order as it was before it."""
    plan, before = plan_of(leg), _before(leg)
    if before and before.state != PostingState.CONFIRMED:
        return None
    root = before.group if before else leg.reference
    form = FORMS[plan.document]
    if plan.terms and plan.terms.is_cancelled and before:
        body: dict[str, Any] = {form.key: before.remote_id}
    else:
        body = _body(form, plan, reference=root, place=leg.location.name)
    refused = leg.posting if leg.posting and leg.posting.state == PostingState.REFUSED else None
    return Draft(
        document=plan.document, journal="", reference=leg.reference, group=root, ordinal=leg.ordinal, date=plan.date,
        currency=plan.currency, total=plan.total, body=encode(body).decode(), find_by=root, expected={},
        leg_ids=[leg.pk], again=refused, corrects=before.pk if before else None,
    )  # fmt: skip


def _before(leg: Leg) -> Posting | None:
    """The entry that says what Exact holds now: that of the latest earlier leg that reached Exact."""
    earlier = Leg.objects.filter(item=leg.item_id, kind=leg.kind, ordinal__lt=leg.ordinal, posting__isnull=False)
    reached = earlier.filter(state__in=[LegState.POSTING, LegState.POSTED, LegState.CONFIRMED])
    latest = reached.select_related("posting").order_by("-ordinal").first()
    return latest.posting if latest else None


def _body(form: Form, plan: LegPlan, *, reference: str, place: str) -> dict[str, Any]:
    terms = plan.terms
    return orders.order_body(
        form, customer=plan.debtor.id if plan.debtor else "", date=plan.date, reference=texts.your_ref(reference),
        description=texts.order_header(place=place, day=plan.date), currency=plan.currency,
        lines=[_line(line) for line in plan.lines], delivery_date=terms.delivery_date if terms else None,
        payment_condition=terms.payment_condition if terms else "",
    )  # fmt: skip


def _line(line: Line) -> ItemLine:
    item = line.item
    if item is None:
        raise ValueError("a line of an order names its item")
    return ItemLine(
        item=item.id, quantity=item.quantity, net_price=item.price, vat_code=line.vat_code, description=item.text,
        vat=line.vat if line.states_vat else None, notes=item.notes,
    )  # fmt: skip


def send(work: Work, posting: Posting) -> Entry:
    """Write, change or close the order. Raises `Refused` also where a right or a module of Exact is missing, so that
    such an order waits by itself and the books go on.
    """
    try:
        return _send(work, posting)
    except NotAuthorised as error:
        if error.code not in ("scope", "forbidden"):
            raise
        raise Refused(error.sentence, status=error.status, code=error.code) from error


def _send(work: Work, posting: Posting) -> Entry:
    form = form_of(posting)
    if posting.corrects is None:
        return _entry(orders.create(work.exact, form, posting.body.encode()), posting)
    found = _standing(work, posting)
    if found is None:
        sentence = f"Square changed the order, and its {_named(posting)} is no longer in Exact. Enter it there by hand"
        raise LeftAlone(f"{sentence} if it is still wanted, then dismiss this record.", code="gone in Exact")
    _must_be_untouched(posting, found)
    if is_closing(posting):
        orders.close(work.exact, form, posting.corrects.remote_id)
    else:
        _must_be_ours(posting, found)
        standing.change(work.exact, form, body_of(posting), found)
    return Entry(found.head.order_id, found.head.number, None)


def _entry(head: OrderHead, posting: Posting) -> Entry:
    total = None if head.amount is None else to_minor(head.amount, posting.currency)
    return Entry(remote_id=head.order_id, number=head.number, total=total)


def _standing(work: Work, posting: Posting) -> Standing | None:
    if posting.corrects is None:
        return None
    order_id = posting.corrects.remote_id
    return standing.read(work.exact, form_of(posting), [order_id]).get(order_id)


def _must_be_untouched(posting: Posting, found: Standing) -> None:
    if found.head.is_untouched:
        return
    state = f" ({found.head.status_words})" if found.head.status_words else ""
    sentence = (
        f"Square changed the order, but its {_named(posting)} is accepted, delivered or invoiced in Exact already, at "
        f"least in part{state}. It is left as it is: put it right in Exact, then dismiss this record."
    )
    raise LeftAlone(sentence, code="order under way in Exact")


def _must_be_ours(posting: Posting, found: Standing) -> None:
    """What a person changed in Exact is not written over."""
    before = body_of(posting.corrects) if posting.corrects else {}
    if not standing.is_foreign(form_of(posting), found, before, body_of(posting)):
        return
    sentence = (
        f"Somebody changed the lines of the {_named(posting)} in Exact, and Square changed the order too. Nothing is "
        "written over: put it right in Exact, then dismiss this record."
    )
    raise LeftAlone(sentence, code="order changed in Exact")


def _named(posting: Posting) -> str:
    number = posting.corrects.remote_number if posting.corrects else None
    return f"{WORDS[Document(posting.document)]} {number or ''}".strip()


def find(work: Work, posting: Posting) -> Sequence[Entry]:
    """What stands in Exact of this entry: the order by its reference; of a change, the order once it is as meant."""
    form = form_of(posting)
    if posting.corrects is None:
        customer = body_of(posting)[form.account]
        heads = orders.find(work.exact, form, customer=customer, day=posting.date, reference=posting.find_by)
        return [_entry(head, posting) for head in heads]
    found = _standing(work, posting)
    return [Entry(found.head.order_id, found.head.number, None)] if found and is_done(posting, found) else []


def is_done(posting: Posting, found: Standing) -> bool:
    form = form_of(posting)
    if is_closing(posting):
        return found.is_closed(form)
    return not any(True for _ in standing.differences(form, body_of(posting), found))
