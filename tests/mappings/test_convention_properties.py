"""What holds for every order under every convention, not only for the worked ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from connections.providers.square.payloads import Order, OrderLine, Payment
from mappings.bookkeeping import refund as bookkeeping
from mappings.bookkeeping import summary
from mappings.bookkeeping.context import Context, Origin
from mappings.bookkeeping.conventions import Discounts, FeeVat, GiftCards, Tips
from mappings.bookkeeping.legs import LegKind, LegPlan, Line
from mappings.bookkeeping.payments import plan
from mappings.bookkeeping.refund import RefundContext
from mappings.bookkeeping.reversal import reverse
from mappings.roles import Role
from tests.mappings.shop import back, gift_card, leg, line, order, payment, refund, return_order
from tests.mappings.test_conventions import CARD_REVENUE, FEE_WITH_VAT, TIP_REVENUE, by, off
from tests.mappings.test_properties import PERCENT, balance, included

NETTED = by(discounts=Discounts.NETTED)
CONTRA = by(discounts=Discounts.CONTRA)
SINGLE = by(CARD_REVENUE, gift_cards=GiftCards.SINGLE_PURPOSE)
EVERY = by(
    TIP_REVENUE, CARD_REVENUE, FEE_WITH_VAT, tips=Tips.KEPT, discounts=Discounts.CONTRA, fee_vat=FeeVat.INCLUDED,
    gift_cards=GiftCards.SINGLE_PURPOSE,
)  # fmt: skip


@st.composite
def goods(draw: st.DrawFn) -> OrderLine:
    total = draw(st.integers(0, 300_00))
    name = draw(st.sampled_from(sorted(set(PERCENT) - {""})))
    return off(line(total, name, included(total, PERCENT[name])), draw(st.integers(0, 60_00)))


@st.composite
def orders(draw: st.DrawFn) -> tuple[Order, Payment]:
    """Taxes inside or on top, whatever Square made of them."""
    sold = draw(st.lists(goods(), min_size=1, max_size=5).filter(lambda made: sum(part.total for part in made) > 0))
    tip = draw(st.integers(0, 20_00))
    paid = payment(
        sum(part.total for part in sold) + tip, tip=tip, fees=draw(st.lists(st.integers(-90, 300), max_size=3))
    )
    made = order(sold, [paid], id=draw(st.text("ABCDEF", min_size=6, max_size=6)))
    kind = draw(st.sampled_from(["INCLUSIVE", "ADDITIVE"]))
    return replace(made, taxes=tuple(replace(tax, kind=kind) for tax in made.taxes)), paid


def legs_of(sold: Order, paid: Payment, given: Context) -> tuple[LegPlan, ...]:
    made = plan(paid, sold, given)
    assert made.problem is None, made.problem
    assert [one.problem for one in made.legs] == [None] * len(made.legs)
    return made.legs


def sale_of(legs: Iterable[LegPlan]) -> LegPlan:
    return next(one for one in legs if one.kind is LegKind.SALE)


def vat_of(lines: Iterable[Line]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in lines:
        sums[part.vat_code] = sums.get(part.vat_code, 0) + part.vat
    return {code: vat for code, vat in sums.items() if vat}


def nets_of(lines: Iterable[Line]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in lines:
        sums[part.vat_code] = sums.get(part.vat_code, 0) + part.amount
    return {code: net for code, net in sums.items() if net}


@given(orders())
def test_contra_and_netted_discounts_move_the_same_vat_net_and_receivable(made: tuple[Order, Payment]) -> None:
    netted, contra = (sale_of(legs_of(*made, given)) for given in (NETTED, CONTRA))
    assert vat_of(netted.lines) == vat_of(contra.lines)
    assert nets_of(netted.lines) == nets_of(contra.lines)
    assert netted.total == contra.total


@given(orders())
def test_a_contra_account_holds_discounts_and_nothing_else(made: tuple[Order, Payment]) -> None:
    sale = sale_of(legs_of(*made, CONTRA))
    given_off = sum(part.amount + part.vat for part in sale.lines if part.role is Role.DISCOUNT)
    assert given_off <= 0
    assert all(part.amount >= 0 for part in sale.lines if part.role is Role.REVENUE)
    if made[0].taxes[0].kind == "INCLUSIVE":
        assert -given_off == sum(part.discount for part in made[0].lines)


@given(orders(), st.data())
def test_refunds_by_amount_credit_the_same_vat_contra_and_netted(
    made: tuple[Order, Payment], data: st.DataObject
) -> None:
    total = made[1].total
    cuts = sorted(data.draw(st.sets(st.integers(1, total - 1), max_size=3))) if total > 1 else []
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)]
    netted, contra = (credits_of(made, parts, given) for given in (NETTED, CONTRA))
    assert [(vat_of(one.lines), one.total) for one in netted] == [(vat_of(one.lines), one.total) for one in contra]


@given(orders(), st.data())
def test_all_partial_refunds_together_are_the_sale_under_every_convention(
    made: tuple[Order, Payment], data: st.DataObject
) -> None:
    total = made[1].total
    cuts = sorted(data.draw(st.sets(st.integers(1, total - 1), max_size=4))) if total > 1 else []
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)]
    sale = sale_of(legs_of(*made, EVERY))
    assert balance([sale, *credits_of(made, parts, EVERY)]) == {}


def credits_of(made: tuple[Order, Payment], parts: list[int], given: Context) -> list[LegPlan]:
    sale = sale_of(legs_of(*made, given))
    found: list[LegPlan] = []
    for number, part in enumerate(parts):
        known = RefundContext(usual=given, sale=sale, earlier=tuple(found))
        back = bookkeeping.plan(refund(part, number=number), known)
        assert back.problem is None, back.problem
        found.append(leg(back, LegKind.REFUND))
    return found


@given(orders())
def test_every_leg_balances_and_a_paid_order_leaves_nothing_to_receive(made: tuple[Order, Payment]) -> None:
    for chosen in (NETTED, CONTRA, SINGLE, EVERY):
        legs = legs_of(*made, chosen)
        assert all(sum(balance([one]).values()) == 0 for one in legs)
        assert "1300" not in balance(list(legs))


@given(orders())
def test_a_leg_and_its_reversal_are_nothing(made: tuple[Order, Payment]) -> None:
    legs = legs_of(*made, EVERY)
    assert balance([*legs, *(reverse(one) for one in legs)]) == {}


@given(orders())
def test_what_square_kept_is_what_leaves_clearing_whatever_the_vat_on_fees(made: tuple[Order, Payment]) -> None:
    fees = [one for one in legs_of(*made, EVERY) if one.kind is LegKind.FEE]
    assert [one.total for one in fees] == [-fee.amount for fee in made[1].fees if fee.amount]
    assert balance(fees).get("1105", 0) == -sum(fee.amount for fee in made[1].fees)


@given(orders())
def test_a_kept_tip_costs_the_customer_what_a_payable_one_does(made: tuple[Order, Payment]) -> None:
    kept, owed = (sale_of(legs_of(*made, given)) for given in (by(TIP_REVENUE, tips=Tips.KEPT), NETTED))
    assert kept.total == owed.total
    assert sum(part.amount + part.vat for part in kept.lines if part.role is Role.TIPS) == made[1].tip


@given(st.lists(orders(), min_size=1, max_size=5))
def test_a_daily_summary_is_the_sum_of_its_sales_under_every_convention(made: list[tuple[Order, Payment]]) -> None:
    grouped = replace(EVERY, sales_grouping="daily_summary")
    sales = [sale_of(legs_of(*one, grouped)) for one in made]
    whole = replace(sales[0], lines=summary.merge(sales))
    assert balance([whole]) == balance(sales)


# --- Gift cards -------------------------------------------------------------------------------------------------------
@given(st.integers(1, 200_00))
def test_a_single_purpose_card_that_is_sold_and_spent_is_taxed_once(amount: int) -> None:
    bought, spent = payment(amount), gift_card(amount, number=2)
    sold = order([line(amount, item_type="GIFT_CARD")], [bought])
    goods_for_it = order([line(amount, "VAT 21", included(amount, 21))], [spent], id="ORD2")
    legs = [*legs_of(sold, bought, SINGLE), *legs_of(goods_for_it, spent, SINGLE)]
    assert balance(legs) == {
        code: moved
        for code, moved in {
            "1105": amount,
            "1500": -included(amount, 21),
            "8000": included(amount, 21) - amount,
        }.items()
        if moved
    }


@given(st.integers(2, 200_00), st.data())
def test_what_goes_back_onto_a_single_purpose_card_moves_no_money(amount: int, data: st.DataObject) -> None:
    spent = gift_card(amount, number=1)
    sold = order([line(amount, "VAT 21", included(amount, 21))], [spent])
    sale = sale_of(legs_of(sold, spent, SINGLE))
    part = data.draw(st.integers(1, amount - 1))
    earlier: tuple[LegPlan, ...] = ()
    for number, back_again in enumerate((part, amount - part)):
        known = RefundContext(usual=SINGLE, sale=sale, earlier=earlier, paid_by="GIFT_CARD")
        made = bookkeeping.plan(refund(back_again, number=number), known)
        assert [one.kind for one in made.legs] == [LegKind.REFUND]
        assert made.legs[0].total == 0
        earlier = (*earlier, made.legs[0])
    assert balance([sale, *earlier]) == {}


# --- Exchanges --------------------------------------------------------------------------------------------------------
@given(orders(), st.integers(1, 300_00))
def test_an_exchange_moves_its_net_amounts(made: tuple[Order, Payment], price: int) -> None:
    before = sale_of(legs_of(*made, NETTED))
    taken = next(part for part in made[0].lines if part.total)
    name = taken.taxes[0].tax_uid
    returned = return_order([back(taken.total, name, taken.tax)], source_order_id=made[0].id).returns[0]
    new = line(taken.total + price, "VAT 9", included(taken.total + price, 9))
    paid = payment(price, number=9)
    swapped = order([new], [paid], id="SWAP", has_returns=True, returns=(returned,))
    knowing = replace(NETTED, origins={made[0].id: Origin(before)})
    made_of_it = plan(paid, swapped, knowing)
    sold, credited = leg(made_of_it, LegKind.SALE), leg(made_of_it, LegKind.REFUND)
    assert sold.total + credited.total == swapped.net == price
    assert "1300" not in balance(list(made_of_it.legs))
    assert credited.order_id == made[0].id
    assert sum(part.vat for part in credited.lines) == -taken.tax


@given(st.integers(2, 200_00), st.data())
def test_a_sale_paid_by_card_and_single_purpose_card_comes_back_whole_on_both(total: int, data: st.DataObject) -> None:
    by_gift = data.draw(st.integers(1, total - 1))
    spent, rest = gift_card(by_gift, number=1), payment(total - by_gift, number=2)
    sold = order([line(total, "VAT 21", included(total, 21))], [spent, rest])
    legs = [*legs_of(sold, spent, SINGLE), *legs_of(sold, rest, SINGLE)]
    sale, receipt = sale_of(legs), next(one for one in legs if one.kind is LegKind.RECEIPT)
    onto_card = RefundContext(usual=SINGLE, sale=sale, paid_by="GIFT_CARD")
    first = bookkeeping.plan(refund(by_gift, number=1), onto_card)
    assert first.problem is None, first.problem
    earlier = (leg(first, LegKind.REFUND),)
    by_card = RefundContext(usual=SINGLE, sale=sale, earlier=earlier, receipt=receipt, paid_by="CARD")
    second = bookkeeping.plan(refund(total - by_gift, number=2), by_card)
    assert second.problem is None, second.problem
    assert balance([*legs, *first.legs, *second.legs]) == {}
