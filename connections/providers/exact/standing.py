"""An order as it stands in Exact beside the body it should have: what differs, and the calls that make it so.

Every step may be repeated: lines are changed where they differ, added where they lack and removed where there are too
many, so that a change whose answers were lost is carried on from whatever it reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import zip_longest
from typing import Any

from connections.providers.exact import orders
from connections.providers.exact.client import ExactClient
from connections.providers.exact.orders import Form, OrderHead, OrderLineRow

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """An order with its lines, as read just now."""

    head: OrderHead
    lines: Sequence[OrderLineRow]

    @property
    def total(self) -> Decimal:
        """With VAT, from the lines: the header of a quotation does not say whether its amount includes it."""
        return sum((line.amount + line.vat for line in self.lines), Decimal(0))

    def is_closed(self, form: Form) -> bool:
        """Closed without anything delivered or invoiced: what `orders.close` leaves behind."""
        return self.head.status in form.closed and not any(line.is_used for line in self.lines)


def read(client: ExactClient, form: Form, ids: Sequence[str]) -> dict[str, Standing]:
    """Orders by id, two calls for thirty; one that is gone is left out. Closed ones with what was used of them."""
    heads = orders.heads(client, form, ids)
    closed = [key for key, head in heads.items() if head.status in form.closed]
    lines = orders.lines(client, form, [key for key in heads if key not in closed])
    lines |= orders.lines(client, form, closed, in_bulk=False)
    return {key: Standing(head, lines.get(key, [])) for key, head in heads.items()}


def differences(form: Form, body: Body, found: Standing) -> Iterator[str]:
    """What is not as the body says, in words."""
    head, wanted = found.head, body[form.collection]
    if head.customer != body[form.account]:
        yield "another customer"
    if head.reference != body["YourRef"]:
        yield "another reference"
    if head.currency != body["Currency"]:
        yield f"currency {head.currency}, meant {body['Currency']}"
    if (due := body.get("DeliveryDate")) and _day(head.delivery_date) != due:
        yield f"another delivery date than {due}"
    if (terms := body.get("PaymentCondition")) and head.payment_condition != terms:
        yield f"payment terms {head.payment_condition or '(none)'}, meant {terms}"
    if len(found.lines) != len(wanted):
        yield f"{len(found.lines)} lines, meant {len(wanted)}"
    for place, (line, meant) in enumerate(zip(found.lines, wanted, strict=False), 1):
        if not is_line(form, line, meant):
            yield f"line {place} ({line.description or line.item})"


def is_line(form: Form, line: OrderLineRow, meant: Body) -> bool:
    """Item, quantity, price, VAT code, net amount and, where it was stated, VAT and delivery date."""
    stated = not form.vat or form.vat not in meant or line.vat == meant[form.vat]
    dated = "DeliveryDate" not in meant or _day(line.delivery_date) == meant["DeliveryDate"]
    same = (line.item, line.quantity, line.net_price, line.vat_code) == (
        meant["Item"], meant["Quantity"], meant["NetPrice"], meant["VATCode"],
    )  # fmt: skip
    return same and stated and dated and line.amount == _net(line.amount, meant)


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else ""


def _net(like: Decimal, meant: Body) -> Decimal:
    """Quantity x price, rounded as finely as the amount that stands there is written, and to cents at least."""
    places = max(2, -int(like.as_tuple().exponent)) if like else 2
    amount = Decimal(meant["Quantity"]) * Decimal(meant["NetPrice"])
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def is_foreign(form: Form, found: Standing, *bodies: Body) -> bool:
    """Whether a line stands there that is in none of the bodies: somebody changed the order in Exact."""
    ours = [_key(line) for body in bodies for line in body.get(form.collection, ())]
    return any((line.item, line.quantity, line.net_price, line.vat_code) not in ours for line in found.lines)


def _key(line: Body) -> tuple[str, Decimal, Decimal, str]:
    return line["Item"], Decimal(line["Quantity"]), Decimal(line["NetPrice"]), line["VATCode"]


def change(client: ExactClient, form: Form, body: Body, found: Standing) -> None:
    """Make the order what the body says: header, then lines, the surplus last since one line must remain."""
    header = {name: value for name, value in body.items() if name not in (form.collection, "YourRef", "Currency")}
    if form is orders.SALES_ORDER:
        header.pop(form.account)  # fixed once the order exists
    client.change(form.heads.path, found.head.order_id, header)
    for line, meant in zip_longest(found.lines, body[form.collection]):
        if meant is None:
            client.delete(form.lines.path, line.id)
        elif line is None:
            client.create(form.lines.path, {form.key: found.head.order_id, **meant}, representation=False)
        elif not is_line(form, line, meant) or line.description != meant["Description"]:
            client.change(form.lines.path, line.id, {"Notes": "", **meant})
