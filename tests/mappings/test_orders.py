"""Worked cases of orders: what Square shows, and the lines a sales order or a quotation gets. Figures by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connections.providers.square.payloads import Fulfilment, Goods, Ordered, OrderLine
from mappings.bookkeeping.legs import Document, LegPlan, Problem, ProblemKind
from mappings.bookkeeping.order import Item, OrderContext, plan, price_of
from tests.mappings.shop import BAKERY, JANSEN, NOON, UNTAXED, charge, context, line, order

RATES = {"2": Decimal("0.21"), "1": Decimal("0.09"), "0": Decimal(0), "NV": Decimal(0)}
REST = Item("guid-rest", "REST")
NOBODY_MAPPED = Problem(ProblemKind.UNMAPPED_ITEM, "Article Tea is not mapped.", "T")


@dataclass
class Book:
    """Articles A to Z are items of the same code, but for T."""

    rest: Item | Problem = REST
    asked: list[str] = field(default_factory=list)

    def of(self, goods: Goods, *, on: date) -> Item | Problem:
        assert on == date(2026, 3, 4)
        self.asked.append(goods.catalog_id)
        return NOBODY_MAPPED if goods.catalog_id == "T" else Item(f"guid-{goods.catalog_id}", goods.catalog_id)


def given(document: Document = Document.SALES_ORDER, lines: Any = "mapped_items", **more: Any) -> OrderContext:
    usual = context(UNTAXED, **{"debtor": JANSEN, **more.pop("usual", {})})
    return OrderContext(usual=usual, items=more.pop("items", Book()), document=document, lines=lines, rates=RATES)


def goods(article: str = "A", quantity: str = "1", name: str = "Mug", variation: str = "Regular") -> Goods:
    return Goods(catalog_id=article, name=name, variation=variation, quantity=Decimal(quantity))


def placed(
    *parts: tuple[OrderLine, Goods], fulfilments: Sequence[Fulfilment] = (), total: int | None = None, **changed: Any
) -> Ordered:
    lines = [part for part, _ in parts]
    charges = changed.get("service_charges", ())
    due = sum(part.total for part in lines) + sum(one.total for one in charges if not one.is_apportioned)
    due += changed.get("rounding", 0) + changed.get("tip", 0)
    made = replace(
        order(lines, []), **{"state": "OPEN", "total": due if total is None else total, "closed_at": None, **changed}
    )
    return Ordered(order=made, goods=tuple(item for _, item in parts), fulfilments=tuple(fulfilments))


def written(leg: LegPlan) -> list[str]:
    """Item, quantity x price, net, VAT code, VAT."""
    assert leg.problem is None, leg.problem
    return [
        f"{part.item.code} {part.item.quantity}x{part.item.price} {part.amount} {part.vat_code} v{part.vat}"
        for part in leg.lines
        if part.item
    ]


def only(ordered: Ordered, given_context: OrderContext, frozen: Sequence[LegPlan] = ()) -> LegPlan:
    (leg,) = plan(ordered, given_context, frozen).legs
    return leg


TWO_MUGS = (line(5000, "VAT 21", 868), goods("A", "2"))  # 50.00 = 41.32 + 8.68, each 20.66
CAKE = (line(1295, "VAT 9", 107), goods("B", name="Cake"))  # 12.95 = 11.88 + 1.07
# 10.00 = 8.26 + 1.74; Exact reckons 8.26 x 0.21 = 1.7346, so 1.73.
TOWEL = (line(1000, "VAT 21", 174), goods("C", name="Towel"))

CASES = [
    pytest.param(placed(TWO_MUGS, CAKE), given(), ["A 2x20.66 4132 2 v868", "B 1x11.88 1188 1 v107"], id="two rates"),
    # 41.32 / 3 = 13.7733..: 13.773 x 3 = 41.319, which rounds to 41.32.
    pytest.param(
        placed((line(5000, "VAT 21", 868), goods("A", "3"))), given(), ["A 3x13.773 4132 2 v868"], id="a third"
    ),
    # 0.250 kg of 20.00 a kilo at 9 %: 5.00 = 4.59 + 0.41; 4.59 / 0.250 = 18.36.
    pytest.param(
        placed((line(500, "VAT 9", 41), goods("A", "0.250"))), given(), ["A 0.250x18.36 459 1 v41"], id="by weight"
    ),
    pytest.param(placed((line(300, ""), goods("A"))), given(), ["A 1x3.00 300 0 v0"], id="no tax"),
    # The service charge of 6.05 = 5.00 + 1.05 is no article.
    pytest.param(
        placed(TOWEL, service_charges=(charge(605, tax=105),)), given(),
        ["C 1x8.26 826 2 v174", "REST 1x5.00 500 2 v105"], id="a charge",
    ),
    pytest.param(
        placed(TOWEL, service_charges=(charge(605, tax=105, treatment="APPORTIONED_TREATMENT"),)), given(),
        ["C 1x8.26 826 2 v174"], id="a charge inside the lines",
    ),
    pytest.param(
        placed((line(2500, item_type="GIFT_CARD"), goods("G"))), given(), ["G 1x25.00 2500 NV v0"], id="a gift card"
    ),
    pytest.param(
        placed(TOWEL, rounding=-2), given(), ["C 1x8.26 826 2 v174", "REST 1x-0.02 -2 NV v0"], id="cash rounding"
    ),
    pytest.param(placed(TOWEL, tip=200), given(), ["C 1x8.26 826 2 v174"], id="a tip is no part of an order"),
    pytest.param(
        placed(TWO_MUGS, TOWEL, CAKE), given(lines="total_line"),
        ["REST 1x49.58 4958 2 v1042", "REST 1x11.88 1188 1 v107"], id="one total line per code",
    ),
    pytest.param(
        placed(TWO_MUGS, CAKE), given(Document.QUOTATION), ["A 2x20.66 4132 2 v868", "B 1x11.88 1188 1 v107"],
        id="a quotation that Exact reckons as Square does",
    ),
    pytest.param(
        placed(TOWEL), given(Document.QUOTATION), ["C 1x8.26 826 2 v173", "REST 1x0.01 1 NV v0"],
        id="a quotation a cent short",
    ),
    # In all 49.58 net and 10.42 VAT; Exact reckons 49.58 x 0.21 = 10.4118, so 10.41.
    pytest.param(
        placed(TWO_MUGS, TOWEL), given(Document.QUOTATION, "total_line"),
        ["REST 1x49.58 4958 2 v1041", "REST 1x0.01 1 NV v0"], id="a quotation in total",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("ordered", "given_context", "expected"), CASES)
def test_worked_case(ordered: Ordered, given_context: OrderContext, expected: list[str]) -> None:
    leg = only(ordered, given_context)
    assert written(leg) == expected
    assert leg.total == ordered.order.total - ordered.order.tip
    assert (leg.main_account, leg.journal, leg.date) == (None, "", date(2026, 3, 4))


def test_customer_terms_and_delivery_date() -> None:
    due = datetime(2026, 3, 6, 23, 30, tzinfo=UTC)  # past midnight in Utrecht
    later = Fulfilment("DELIVERY", "PROPOSED", due + timedelta(days=3))
    gone = Fulfilment("PICKUP", "CANCELED", NOON)
    debtor = replace(BAKERY, payment_condition="14")
    ordered = placed(TOWEL, fulfilments=(later, Fulfilment("PICKUP", "PROPOSED", due), gone))

    leg = only(ordered, given(usual={"debtor": debtor}))

    assert leg.debtor == debtor
    assert leg.terms
    assert (leg.terms.delivery_date, leg.terms.payment_condition) == (date(2026, 3, 7), "14")
    open_ended = only(placed(TOWEL, fulfilments=(Fulfilment("SHIPMENT", "PROPOSED", None),)), given())
    assert open_ended.terms
    assert open_ended.terms.delivery_date is None


def test_a_discount_is_told_in_the_notes() -> None:
    discounted = (replace(line(1000, "VAT 21", 174), discount=200), goods("C", variation="Large"))
    (part,) = only(placed(discounted), given()).lines
    assert part.item
    assert (part.item.text, part.item.notes) == ("Mug, Large", "Discount of EUR 2.00 is inside the price.")


WAITS = [
    pytest.param(placed((line(100), goods("T"))), given(), "unmapped_item", "T", id="an article nobody mapped"),
    pytest.param(
        placed(TOWEL), given(lines="total_line", items=Book(rest=NOBODY_MAPPED)), "unmapped_item", "T", id="no rest"
    ),
    pytest.param(placed(TOWEL, total=1001), given(), "unbalanced", "", id="a total that is not the lines'"),
    pytest.param(placed((line(1130, "Tourist tax 13", 130), goods())), given(), "unmapped_tax", "", id="a new tax"),
    pytest.param(placed(TOWEL, currency="GBP"), given(), "unsupported", "currency GBP", id="another currency"),
    pytest.param(placed(TOWEL, currency="XQX"), given(), "unknown_currency", "XQX", id="an unknown currency"),
    pytest.param(placed(TOWEL, has_returns=True), given(), "unsupported", "exchange", id="an exchange"),
    pytest.param(placed(), given(), "no_lines", "", id="no lines yet"),
    pytest.param(placed((line(-100), goods())), given(), "odd_amount", "", id="a negative line"),
    pytest.param(placed((line(100), goods(quantity="0"))), given(), "odd_amount", "", id="money for nothing"),
    pytest.param(
        placed(TOWEL), given(usual={"debtor": Problem(ProblemKind.UNMAPPED_CUSTOMER, "Map customer C1.", "C1")}),
        "unmapped_customer", "C1", id="an unknown customer",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("ordered", "given_context", "kind", "subject"), WAITS)
def test_what_cannot_be_decided_waits(ordered: Ordered, given_context: OrderContext, kind: str, subject: str) -> None:
    leg = only(ordered, given_context)
    assert leg.problem
    assert leg.problem.kind == kind
    assert subject in leg.problem.subject
    assert (leg.lines, leg.problem.sentence.endswith(".")) == ((), True)


def test_vat_that_is_more_than_cents_apart_is_no_rounding() -> None:
    """A rule that gives 21 % the code of 9 %: Exact would reckon 3.72 on 41.32, Square charges 8.68."""
    wrong = replace(given(Document.QUOTATION), rates={**RATES, "2": Decimal("0.09")})
    leg = only(placed(TWO_MUGS), wrong)
    assert leg.problem
    assert leg.problem.kind == "unbalanced"


def test_an_order_that_is_written_stays_while_nothing_of_it_changes() -> None:
    first = only(placed(TWO_MUGS), given())
    assert plan(placed(TWO_MUGS), given(), [first], ordinal=1).legs == (first,)


def test_a_change_is_a_leg_of_its_own_in_the_same_kind_of_document() -> None:
    first = only(placed(TWO_MUGS), given())
    kept, change = plan(placed(TWO_MUGS, CAKE), given(Document.QUOTATION), [first], ordinal=1).legs
    assert (kept, change.ordinal, change.document) == (first, 1, Document.SALES_ORDER)
    assert written(change) == ["A 2x20.66 4132 2 v868", "B 1x11.88 1188 1 v107"]


def test_a_change_that_cannot_be_worked_out_waits_beside_the_order_that_stands() -> None:
    first = only(placed(TWO_MUGS), given())
    kept, change = plan(placed(TWO_MUGS, (line(100), goods("T"))), given(), [first], ordinal=1).legs
    assert (kept, change.ordinal, change.problem) == (first, 1, NOBODY_MAPPED)


def test_the_customer_of_a_sales_order_stays_and_that_of_a_quotation_may_change() -> None:
    other = {"debtor": BAKERY}
    for document, waits in ((Document.SALES_ORDER, True), (Document.QUOTATION, False)):
        first = only(placed(TWO_MUGS), given(document))
        change = plan(placed(TWO_MUGS), given(document, usual=other), [first], ordinal=1).legs[-1]
        assert (change.ordinal, bool(change.problem)) == (1, waits)


def test_a_cancelled_order_is_closed_once_and_one_never_written_not_at_all() -> None:
    cancelled = placed(TWO_MUGS, state="CANCELED")
    first = only(placed(TWO_MUGS), given())
    closing = plan(cancelled, given(), [first], ordinal=1).legs[-1]
    assert (closing.ordinal, closing.lines, closing.total) == (1, (), 0)
    assert closing.terms
    assert closing.terms.is_cancelled
    assert plan(cancelled, given(), [first, closing], ordinal=2).legs == (first, closing)
    assert plan(cancelled, given(), []).legs == ()


@pytest.mark.parametrize("state", ["COMPLETED", "DRAFT", "SOMETHING_NEW"])
def test_an_order_in_another_state_owes_nothing_more(state: str) -> None:
    first = only(placed(TWO_MUGS), given())
    assert plan(placed(TWO_MUGS, CAKE, state=state), given(), []).legs == ()
    assert plan(placed(TWO_MUGS, CAKE, state=state), given(), [first], ordinal=1).legs == (first,)


def test_an_order_of_nothing_waits_for_its_lines_and_one_that_came_to_nothing_for_a_person() -> None:
    nothing = placed((line(0), goods(quantity="0")))
    first = only(placed(TWO_MUGS), given())
    unwritten = only(nothing, given())
    assert unwritten.problem
    assert unwritten.problem.kind == "no_lines"
    emptied = plan(nothing, given(), [first], ordinal=1).legs[-1]
    assert (emptied.ordinal, bool(emptied.problem)) == (1, True)


def test_a_closed_order_that_is_open_again_waits() -> None:
    first = only(placed(TWO_MUGS), given())
    closing = plan(placed(TWO_MUGS, state="CANCELED"), given(), [first], ordinal=1).legs[-1]
    again = plan(placed(TWO_MUGS), given(), [first, closing], ordinal=2).legs[-1]
    assert again.ordinal == 2
    assert again.problem


@pytest.mark.parametrize(
    ("net", "quantity", "price"),
    [(4132, "2", "20.66"), (1000, "3", "3.333"), (724, "2", "3.62"), (1, "1000", "0.00001"), (0, "4", "0.00")],
)
def test_the_price_of_one_has_as_few_decimals_as_it_takes(net: int, quantity: str, price: str) -> None:
    assert str(price_of(net, Decimal(quantity), "EUR")) == price
