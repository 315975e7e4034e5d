"""What holds for every refund and every reversal, not only for the worked ones."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.square.payloads import Order, PaymentRefund
from mappings.bookkeeping import refund as bookkeeping
from mappings.bookkeeping import summary
from mappings.bookkeeping.legs import LegKind, LegPlan, Line, Plan, Problem, ProblemKind
from mappings.bookkeeping.payments import plan as plan_payment
from mappings.bookkeeping.refund import RefundContext
from mappings.bookkeeping.reversal import reverse
from mappings.roles import Role
from tests.mappings.shop import back, leg, line, order, payment, refund, return_order
from tests.mappings.test_properties import PERCENT, PLACES, Sold, balance, included, sale, sold


@dataclass(frozen=True)
class Asked:
    refund: PaymentRefund
    order: Order | None


@dataclass(frozen=True)
class Refunded:
    """A sale and refunds that together are no more than it."""

    sale: LegPlan
    asked: tuple[Asked, ...]

    def by_amount(self) -> Refunded:
        return replace(self, asked=tuple(replace(one, order=None) for one in self.asked))

    def credits(self) -> list[LegPlan]:
        return credits_of(self.sale, self.asked)

    def plans(self) -> list[Plan]:
        return plans_of(self.sale, self.asked)


def plans_of(sold_leg: LegPlan, asked: Sequence[Asked]) -> list[Plan]:
    """One after the other, each knowing those before it."""
    made: list[Plan] = []
    for one in asked:
        earlier = tuple(leg(plan, LegKind.REFUND) for plan in made)
        known = RefundContext(usual=PLACES, sale=sold_leg, earlier=earlier, order=one.order)
        plan = bookkeeping.plan(one.refund, known)
        assert plan.problem is None, plan.problem
        made.append(plan)
    return made


def credits_of(sold_leg: LegPlan, asked: Sequence[Asked]) -> list[LegPlan]:
    return [leg(plan, LegKind.REFUND) for plan in plans_of(sold_leg, asked)]


@st.composite
def refunded(draw: st.DrawFn, *, whole: bool = False) -> Refunded:
    made: Sold = draw(sold())
    total = sale(made).total
    cuts = sorted(draw(st.sets(st.integers(1, total - 1), max_size=5))) if total > 1 else []
    ends = [*cuts, total] if whole else cuts or [total]
    amounts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return Refunded(
        sale(made), tuple(_asked(draw, number, amount, sale(made)) for number, amount in enumerate(amounts))
    )


def _asked(draw: st.DrawFn, number: int, amount: int, booked: LegPlan) -> Asked:
    """By amount, or by an item at a rate of the sale, of which enough may be left or not."""
    fees = draw(st.lists(st.integers(-99, 0), max_size=2))
    asked = refund(amount, number=number, fees=fees)
    rates = {part.rate for part in booked.lines if part.role is Role.REVENUE}
    taxed = [name for name in ("VAT 21", "VAT 9") if Decimal(PERCENT[name]) in rates]
    name = draw(st.sampled_from(["by amount", "VAT 0", "", *taxed]))
    if name == "by amount":
        return Asked(asked, None)
    tax = included(amount, PERCENT[name])
    return Asked(asked, return_order([back(amount, name if tax else "", tax)]))


def per_code(lines: Iterable[Line]) -> dict[tuple[str, str], tuple[int, int]]:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for part in lines:
        net, vat = sums.get((part.account.code, part.vat_code), (0, 0))
        sums[part.account.code, part.vat_code] = (net + part.amount, vat + part.vat)
    return {key: value for key, value in sums.items() if value != (0, 0)}


def lines_of(legs: Iterable[LegPlan]) -> list[Line]:
    return [part for one in legs for part in one.lines]


@given(refunded(whole=True))
def test_all_partial_refunds_together_are_the_sale_per_code_and_vat(made: Refunded) -> None:
    made = made.by_amount()
    assert per_code([*made.sale.lines, *lines_of(made.credits())]) == {}


@given(refunded(whole=True))
def test_so_are_refunds_by_item_and_by_amount_in_any_mixture(made: Refunded) -> None:
    assert per_code([*made.sale.lines, *lines_of(made.credits())]) == {}


@given(refunded())
def test_no_refund_takes_more_of_a_code_than_is_left(made: Refunded) -> None:
    by_amount = made.by_amount()
    held = per_code(made.sale.lines)
    for place in range(1, len(by_amount.asked) + 1):
        taken = per_code(lines_of(by_amount.credits()[:place]))
        for key, (net, vat) in taken.items():
            if held[key][0] > 0:
                assert 0 <= -net <= held[key][0]
                assert 0 <= -vat <= held[key][1]


@given(refunded(), st.integers(1, 10_000))
def test_the_sum_of_refunds_never_exceeds_the_sale(made: Refunded, more: int) -> None:
    made = made.by_amount()
    done = made.credits()
    left = made.sale.total + sum(one.total for one in done)
    known = RefundContext(usual=PLACES, sale=made.sale, earlier=tuple(done))
    beyond = bookkeeping.plan(refund(left + more, number=99), known)
    assert beyond.legs == ()
    assert beyond.problem is not None
    assert beyond.problem.kind is ProblemKind.UNBALANCED


@given(refunded(whole=True), st.randoms())
def test_the_order_of_the_refunds_makes_no_difference_to_what_is_left(made: Refunded, chance: random.Random) -> None:
    in_order, shuffled = made.by_amount().credits(), list(made.by_amount().asked)
    chance.shuffle(shuffled)
    assert per_code(lines_of(credits_of(made.sale, shuffled))) == per_code(lines_of(in_order))


@given(refunded(), st.randoms())
def test_the_order_in_which_earlier_refunds_are_named_makes_no_difference(
    made: Refunded, chance: random.Random
) -> None:
    made = made.by_amount()
    *earlier, last = made.credits()
    chance.shuffle(earlier)
    known = RefundContext(usual=PLACES, sale=made.sale, earlier=tuple(earlier))
    assert leg(bookkeeping.plan(made.asked[-1].refund, known), LegKind.REFUND) == last


@given(refunded())
def test_each_refund_is_its_amount_and_leaves_nothing_to_receive(made: Refunded) -> None:
    made = made.by_amount()
    for one, plan in zip(made.asked, made.plans(), strict=True):
        assert leg(plan, LegKind.REFUND).total == -one.refund.amount
        assert leg(plan, LegKind.REFUND_MONEY).total == -one.refund.amount
        moved = balance(list(plan.legs))
        assert "1300" not in moved
        assert sum(moved.values()) == 0
        fees = sum(fee.amount for fee in one.refund.fees)
        assert moved.get("1105", 0) == -one.refund.amount - fees


@given(sold())
def test_a_plan_and_its_reversal_are_nothing(made: Sold) -> None:
    for one in made.legs():
        undone = reverse(one)
        assert balance([one, undone]) == {}
        assert per_code([*one.lines, *undone.lines]) == {}
        assert reverse(undone) == one


@given(refunded(whole=True))
def test_a_refund_that_failed_after_all_leaves_the_sale_as_it_was(made: Refunded) -> None:
    made = made.by_amount()
    first, *_ = made.plans()
    assert balance([*first.legs, *(reverse(one) for one in first.legs)]) == {}
    given_back = leg(first, LegKind.REFUND)
    known = RefundContext(usual=PLACES, sale=made.sale, earlier=(given_back, reverse(given_back)))
    whole = bookkeeping.plan(refund(made.sale.total, number=50), known)
    assert per_code([*made.sale.lines, *leg(whole, LegKind.REFUND).lines]) == {}


@given(refunded(whole=True))
def test_a_summary_of_a_sale_and_all_its_refunds_adds_up_to_nothing(made: Refunded) -> None:
    made = made.by_amount()
    together = [replace(one, stands_alone=False, date=made.sale.date) for one in (made.sale, *made.credits())]
    assert per_code(summary.merge(together)) == {}


def test_a_reversal_may_stand_on_another_day_and_a_waiting_leg_has_none() -> None:
    paid = payment(1210)
    made = plan_payment(paid, order([line(1210, "VAT 21", 210)], [paid]), PLACES).legs[0]
    assert reverse(made, on=made.date.replace(month=4)).date.month == 4
    with pytest.raises(ValueError, match="nothing to reverse"):
        reverse(replace(made, problem=Problem(ProblemKind.UNMAPPED_TAX, "")))
