"""What holds for every order, not only for the worked ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given as given_any
from hypothesis import strategies as st

from connections.providers.square.payloads import Goods, Ordered, OrderLine
from mappings.bookkeeping.legs import Document, Line
from mappings.bookkeeping.order import content, plan
from sync.legs import content_of, digest_of
from tests.mappings.shop import charge, line
from tests.mappings.test_orders import RATES, given, goods, only, placed

PERCENT = {"VAT 21": 21, "VAT 9": 9, "VAT 0": 0, "": 0}
CENT = Decimal("0.01")


def included(total: int, percent: int) -> int:
    """VAT inside a gross amount, half-up, as Square has it."""
    return (total * percent * 2 + 100 + percent) // (2 * (100 + percent))


@st.composite
def parts(draw: st.DrawFn, least: int = 0) -> tuple[OrderLine, Goods]:
    total, name = draw(st.integers(least, 900_00)), draw(st.sampled_from(sorted(PERCENT)))
    quantity = draw(st.decimals("0.001", "5000", places=draw(st.integers(0, 3))).filter(lambda number: number > 0))
    return line(total, name, included(total, PERCENT[name])), goods(draw(st.sampled_from("ABC")), str(quantity))


@st.composite
def orders(draw: st.DrawFn) -> Ordered:
    charged = [charge(total, tax=included(total, 21)) for total in draw(st.lists(st.integers(1, 20_00), max_size=2))]
    chosen = [draw(parts(least=1)), *draw(st.lists(parts(), max_size=5))]
    cents, tip = draw(st.integers(-2, 2)), draw(st.integers(0, 9))
    return placed(*chosen, service_charges=tuple(charged), rounding=cents, tip=tip)


def vat_of(lines: Iterable[Line]) -> Counter[str]:
    found: Counter[str] = Counter()
    for part in lines:
        found[part.vat_code] += part.vat
    return +found


@given_any(ordered=orders(), document=st.sampled_from([Document.SALES_ORDER, Document.QUOTATION]))
def test_the_order_comes_to_squares_total_and_each_price_to_its_line(ordered: Ordered, document: Document) -> None:
    for lines in ("mapped_items", "total_line"):
        leg = only(ordered, given(document, lines))
        assert leg.problem is None, leg.problem
        assert leg.total == ordered.order.total - ordered.order.tip
        for part in leg.lines:
            assert part.item
            assert (part.item.quantity * part.item.price).quantize(CENT, ROUND_HALF_UP) * 100 == part.amount


@given_any(ordered=orders())
def test_a_sales_order_carries_squares_vat_per_code_however_its_lines_are_written(ordered: Ordered) -> None:
    items, totals = (only(ordered, given(lines=lines)).lines for lines in ("mapped_items", "total_line"))
    charged = sum(part.tax for part in (*ordered.order.lines, *ordered.order.service_charges))
    assert vat_of(items) == vat_of(totals)
    assert vat_of(items).total() == charged


@given_any(ordered=orders())
def test_a_quotation_comes_to_the_total_with_the_vat_that_exact_reckons(ordered: Ordered) -> None:
    leg = only(ordered, given(Document.QUOTATION))
    reckoned = sum(
        int((part.amount * RATES[part.vat_code]).quantize(Decimal(1), ROUND_HALF_UP)) + part.amount
        for part in leg.lines
    )
    assert reckoned == ordered.order.total - ordered.order.tip


@given_any(ordered=orders())
def test_planning_again_gives_the_same_and_nothing_new(ordered: Ordered) -> None:
    leg = only(ordered, given())
    again = only(ordered, given())
    assert digest_of(leg) == digest_of(again)
    assert plan(ordered, given(), [leg], ordinal=1).legs == (leg,)


@given_any(ordered=orders(), other=orders())
def test_only_an_order_that_reads_otherwise_is_a_change(ordered: Ordered, other: Ordered) -> None:
    first, wanted = only(ordered, given()), only(other, given())
    legs = plan(other, given(), [first], ordinal=1).legs
    assert (len(legs) == 1) == (content(first) == content(wanted))
    assert content_of(first)["terms"] is not None
    assert replace(legs[-1], ordinal=0) in (first, wanted)
