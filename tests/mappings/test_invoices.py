"""What invoices become in the books. Ledger movements: debit +, credit -; each expected line was worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.square.payloads import Invoice, Order, Payment, PaymentRequest
from mappings.bookkeeping import invoice as bookkeeping
from mappings.bookkeeping import payments, remainder, texts
from mappings.bookkeeping.invoice import InvoiceContext
from mappings.bookkeeping.invoice_receipt import PaidInvoice
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Plan, Problem, ProblemKind
from mappings.bookkeeping.reversal import negated, reverse
from mappings.roles import Role
from tests.mappings.shop import (
    BAKERY,
    COUNTER,
    JANSEN,
    cash,
    context,
    gift_card,
    kinds,
    leg,
    line,
    moved,
    order,
    payment,
    rule,
    tender,
    written,
)

PUBLISHED, CANCELED = date(2026, 3, 4), date(2026, 3, 20)
# Case 6: 1,000.00 at 9 % and 400.00 at 21 %, VAT added: 1,090.00 + 484.00 = 1,574.00.
GOODS = [line(109000, "VAT 9", 9000), line(48400, "VAT 21", 8400)]
CASE_6 = ["8000 +400.00 2 v+84.00", "8001 +1000.00 1 v+90.00"]
OF_BAKERY = {"debtor": BAKERY}


def request(
    asked: int, *, paid: int = 0, due: date = date(2026, 3, 18), kind: str = "BALANCE", rounding: int = 0
) -> Any:
    return PaymentRequest(
        uid="r", kind=kind, due=due, asked=asked, completed=paid + rounding, rounding=rounding, allows_tip=True
    )


def invoice(*requests: PaymentRequest, status: str = "UNPAID", **changed: Any) -> Invoice:
    at = datetime(2026, 3, 4, 11, tzinfo=UTC)
    base = Invoice(
        id="inv:0-1", number="0000012", version=1, status=status, order_id="ORD", location_id="LUTR", currency="EUR",
        title="", customer_id="CUST", customer_name="Bakery", requests=requests or (request(157400),), created_at=at,
        updated_at=at, scheduled_at=None, sale_or_service_date=None,
    )  # fmt: skip
    return replace(base, **changed)


def ordered(*paid: Payment, state: str = "OPEN", **changed: Any) -> Order:
    return replace(order(GOODS, paid), state=state, **changed)


def known(*more: Any, **changed: Any) -> InvoiceContext:
    usual = context(*more, **{**OF_BAKERY, **changed.pop("usual", {})})
    return InvoiceContext(usual=usual, published=PUBLISHED, **changed)


def sold(**changed: Any) -> LegPlan:
    return leg(bookkeeping.plan(invoice(), ordered(), known(**changed)), LegKind.SALE)


def canceled(paid: int, *, earlier: tuple[LegPlan, ...] = (), **changed: Any) -> Plan:
    given_invoice = invoice(request(157400, paid=paid), status="CANCELED")
    context_then = known(sale=sold(), is_booked=True, canceled=CANCELED, earlier=earlier, **changed)
    return bookkeeping.plan(given_invoice, ordered(), context_then)


# --- published ----------------------------------------------------------------------------------
def test_case_6_the_sale_at_publication():
    made = sold()

    assert written(made) == CASE_6
    # AR 1,000.00 + 90.00 + 400.00 + 84.00 = 1,574.00
    assert moved([made]) == {
        "1300": "+1574.00", "1500": "-84.00", "1501": "-90.00", "8000": "-400.00", "8001": "-1000.00",
    }  # fmt: skip
    assert (made.document, made.journal, made.date, made.due) == (
        Document.SALES_ENTRY, "70", PUBLISHED, date(2026, 3, 18),
    )  # fmt: skip
    assert made.stands_alone
    assert made.debtor == BAKERY
    assert texts.sale_header(made, place="Utrecht") == "Square invoice 0000012 Utrecht 2026-03-04"


def test_it_is_due_when_its_last_request_is():
    deposit, balance = request(47220, kind="DEPOSIT", due=date(2026, 3, 6)), request(110180, due=date(2026, 4, 1))
    made = bookkeeping.plan(invoice(deposit, balance), ordered(), known())
    assert leg(made, LegKind.SALE).due == date(2026, 4, 1)


@pytest.mark.parametrize(
    "status", ["UNPAID", "PARTIALLY_PAID", "PAID", "PARTIALLY_REFUNDED", "REFUNDED", "PAYMENT_PENDING"]
)
def test_every_published_status_owes_the_same_sale(status):
    made = bookkeeping.plan(invoice(status=status), ordered(), known())
    assert kinds(made) == ["sale"]
    assert written(made.legs[0]) == CASE_6


@pytest.mark.parametrize("status", ["DRAFT", "SCHEDULED", "FAILED", "SOMETHING_NEW"])
def test_what_is_not_published_posts_nothing(status):
    made = bookkeeping.plan(invoice(status=status), ordered(), known())
    assert (made.legs, made.problem) == ((), None)
    assert status.lower().replace("_", " ") in made.notes[0]


def test_a_tip_on_the_order_is_no_part_of_the_sale():
    tipped = ordered(payment(162400, tip=5000), state="COMPLETED")
    made = bookkeeping.plan(invoice(request(157400, paid=157400), status="PAID"), tipped, known())
    assert written(leg(made, LegKind.SALE)) == CASE_6


def test_cents_in_squares_own_figures_go_to_rounding_and_more_of_them_wait():
    made = bookkeeping.plan(invoice(request(157402)), ordered(), known())
    assert written(leg(made, LegKind.SALE)) == [*CASE_6, "4990 +0.02 NV"]
    found = bookkeeping.plan(invoice(request(157403)), ordered(), known()).problem
    assert found
    assert (found.kind, "EUR 1,574.03" in found.sentence) == (ProblemKind.UNBALANCED, True)


TOURISTS = (line(157400, "Tourist tax 13", 18108),)
NOBODY = Problem(ProblemKind.UNMAPPED_CUSTOMER, "Square customer CUST is not mapped.", "CUST")


@pytest.mark.parametrize(
    ("given_invoice", "given_order", "changed", "kind", "says"),
    [
        (invoice(), ordered(), {"debtor": COUNTER}, ProblemKind.UNMAPPED_CUSTOMER, "never booked on the collective"),
        (invoice(), ordered(), {"debtor": NOBODY}, ProblemKind.UNMAPPED_CUSTOMER, "not mapped"),
        (invoice(), None, {}, ProblemKind.NO_ORDER, "its order"),
        (invoice(currency="USD"), ordered(), {}, ProblemKind.UNSUPPORTED, "not in EUR"),
        (invoice(currency="XXX"), ordered(), {}, ProblemKind.UNKNOWN_CURRENCY, "smallest unit"),
        (invoice(request(0)), ordered(), {}, ProblemKind.ODD_AMOUNT, "EUR 0.00"),
        (invoice(), ordered(), {"sales_journal": ""}, ProblemKind.UNMAPPED_ACCOUNT, "no sales journal"),
        (invoice(), replace(ordered(), lines=()), {}, ProblemKind.NO_LINES, "without its items"),
        (invoice(), replace(ordered(), lines=TOURISTS), {}, ProblemKind.UNMAPPED_TAX, "13 %"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_waits_with_a_sentence(given_invoice, given_order, changed, kind, says):
    found = bookkeeping.plan(given_invoice, given_order, known(usual=changed))
    assert found.legs == ()
    assert found.problem
    assert found.problem.kind is kind
    assert says in found.problem.sentence


# --- left alone ---------------------------------------------------------------------------------
def test_it_is_left_alone_when_exact_holds_it_and_when_it_is_from_before_go_live():
    for changed in ({"elsewhere": 26700012}, {"is_before_go_live": True}):
        made = bookkeeping.plan(invoice(), ordered(), known(**changed))
        assert (made.legs, made.problem) == ((), None)
    assert "26700012" in bookkeeping.plan(invoice(), ordered(), known(elsewhere=26700012)).notes[0]


def test_a_number_that_another_invoice_has_waits():
    taken = Problem(ProblemKind.NUMBER_TAKEN, "Exact holds entry 12.", "invoice 0000012")
    assert bookkeeping.plan(invoice(), ordered(), known(obstacle=taken)).problem == taken
    # Once booked it is no question any more.
    booked = known(obstacle=taken, sale=sold(), is_booked=True)
    assert bookkeeping.plan(invoice(), ordered(), booked).legs == (sold(),)


def test_the_cancel_of_a_sale_that_somebody_else_made_is_for_a_person():
    asked = invoice(request(157400, paid=47220), status="CANCELED")
    found = bookkeeping.plan(asked, ordered(), known(elsewhere=26700012)).problem
    assert found
    assert (found.kind, "EUR 1,101.80 unpaid" in found.sentence) == (ProblemKind.UNSUPPORTED, True)


# --- as it was frozen ---------------------------------------------------------------------------
def test_a_booked_sale_stays_as_it_was_frozen_while_the_goods_are_the_same():
    booked = sold()
    later = known(usual={"debtor": JANSEN}, sale=booked, is_booked=True)
    assert bookkeeping.plan(invoice(status="PAID"), ordered(), later).legs == (booked,)
    # A mapping that went since does not matter either.
    later = known(usual={"debtor": NOBODY}, sale=booked, is_booked=True)
    assert bookkeeping.plan(invoice(status="PAID"), ordered(), later).legs == (booked,)


def test_an_invoice_that_was_edited_after_it_was_booked_shows_the_difference():
    edited = replace(ordered(), lines=(line(109000, "VAT 9", 9000),))
    made = bookkeeping.plan(invoice(request(109000)), edited, known(sale=sold(), is_booked=True))
    assert written(made.legs[0]) == ["8001 +1000.00 1 v+90.00"]


# --- canceled -----------------------------------------------------------------------------------
def test_a_cancel_before_any_payment_credits_all_of_it():
    made = canceled(0)
    credit = leg(made, LegKind.INVOICE_CREDIT)
    assert kinds(made) == ["sale", "invoice_credit"]
    assert written(credit) == ["8000 -400.00 2 v-84.00", "8001 -1000.00 1 v-90.00"]
    assert (credit.date, credit.due, credit.debtor, credit.stands_alone) == (CANCELED, None, BAKERY, True)
    assert texts.sale_header(credit, place="Utrecht") == "Square credit of invoice 0000012 Utrecht 2026-03-20"
    assert moved(made.legs) == {}


# After the deposit of 472.20 (30 %) 1,101.80 is unpaid: seven tenths of each line. 484.00 x 0.7 = 338.80 with VAT
# 84.00 x 0.7 = 58.80, net 280.00; 1,090.00 x 0.7 = 763.00 with VAT 63.00, net 700.00. 338.80 + 763.00 = 1,101.80.
def test_a_cancel_after_a_deposit_credits_the_unpaid_part_only():
    credit = leg(canceled(47220), LegKind.INVOICE_CREDIT)
    assert written(credit) == ["8000 -280.00 2 v-58.80", "8001 -700.00 1 v-63.00"]


# 500.00 is unpaid: 48,400 x 500 / 1574 = 153.748, 109,000: 346.251 -> 153.75 and 346.25 (the cent to the larger rest).
# VAT 84.00 x 153.75 / 484.00 = 26.683 -> 26.68, net 127.07; 90.00 x 346.25 / 1090.00 = 28.589 -> 28.59, net 317.66.
def test_a_credit_that_does_not_divide_is_shared_by_largest_remainder():
    credit = leg(canceled(107400), LegKind.INVOICE_CREDIT)
    assert written(credit) == ["8000 -127.07 2 v-26.68", "8001 -317.66 1 v-28.59"]
    assert credit.total == -50000


def test_a_cancel_after_all_of_it_was_paid_credits_nothing():
    assert kinds(canceled(157400)) == ["sale"]


def test_an_invoice_that_was_canceled_before_it_was_booked_owes_nothing():
    made = bookkeeping.plan(invoice(status="CANCELED"), ordered(state="CANCELED"), known())
    assert (made.legs, made.problem) == ((), None)


def test_a_part_paid_invoice_that_nobody_read_before_its_cancel_is_for_a_person():
    asked = invoice(request(157400, paid=47220), status="CANCELED")
    found = bookkeeping.plan(asked, ordered(), known()).problem
    assert found
    assert (found.kind, "EUR 472.20" in found.sentence) == (ProblemKind.UNSUPPORTED, True)


def test_a_credit_stays_as_it_was_frozen_and_one_that_no_longer_fits_is_for_a_person():
    frozen = leg(canceled(47220), LegKind.INVOICE_CREDIT)
    assert leg(canceled(47220, credit=frozen), LegKind.INVOICE_CREDIT) is frozen
    found = canceled(50000, credit=frozen).problem
    assert found
    assert found.kind is ProblemKind.CHANGED_AFTER_POSTING


def test_the_credit_leaves_refunds_of_the_paid_part_alone():
    """472.20 was paid and 100.00 of it refunded: the credit is still 1,101.80, and 372.20 of the sale remains."""
    back = tuple(negated(part) for part in remainder.part(sold().lines, 10000))
    refund = replace(sold(), kind=LegKind.REFUND, lines=back)
    credit = leg(canceled(47220, earlier=(refund,)), LegKind.INVOICE_CREDIT)
    left = remainder.together([*sold().lines, *refund.lines, *credit.lines])
    assert (credit.total, remainder.gross(left)) == (-110180, 37220)
    assert canceled(0, earlier=(refund,)).problem is not None


# --- paid ---------------------------------------------------------------------------------------
def paid(*, has_sale: bool = True, asked: int = 157400, debtor: Any = BAKERY) -> PaidInvoice:
    return PaidInvoice("0000012", asked, debtor, has_sale, "It settles invoice 0000012.")


def receipt(one: Payment, of: Order, invoice: PaidInvoice | None = None, *more: Any, **changed: Any) -> Plan:
    return payments.plan(one, of, context(*more, **{"debtor": COUNTER, **changed}), invoice=invoice or paid())


# Case 6. Deposit 472.20, fee 11.81: clearing 472.20 - 11.81 = 460.39.
def test_case_6_the_deposit_is_a_receipt_and_a_fee_and_never_revenue():
    deposit = payment(47220, fees=[1181], square_product="INVOICES")
    made = receipt(deposit, ordered(deposit))
    assert kinds(made) == ["receipt", "fee"]
    assert written(leg(made, LegKind.RECEIPT)) == ["1300 +472.20"]
    assert leg(made, LegKind.RECEIPT).after_sale
    assert moved(made.legs) == {"1105": "+460.39", "1300": "-472.20", "4960": "+11.81"}


# Balance 1,151.80 with tip 50.00, fee 28.80: AR 1,101.80, tips 50.00, clearing 1,151.80 - 28.80 = 1,123.00.
def test_case_6_the_balance_with_a_tip():
    deposit = payment(47220, number=1)
    balance = payment(115180, tip=5000, fees=[2880], number=2)
    made = receipt(balance, ordered(deposit, balance, state="COMPLETED"))
    assert written(leg(made, LegKind.RECEIPT)) == ["1300 +1101.80", "2150 +50.00"]
    assert moved(made.legs) == {"1105": "+1123.00", "1300": "-1101.80", "2150": "-50.00", "4960": "+28.80"}


def test_the_lines_beside_the_receivable_say_what_they_are():
    balance = payment(162400, tip=5000)
    made = leg(receipt(balance, ordered(balance, state="COMPLETED")), LegKind.RECEIPT)
    told = [texts.line_text(made, part, reference="TB-1") for part in made.lines]
    assert told == ["TB-1 card R2D2", "TB-1/3 tips R2D2"]


# Cash for 1,574.03 where five cents are the smallest coin: 1,574.05 is taken, 0.02 is rounding; and 1,574.00 for
# 1,574.02: the receivable still falls by all of it.
@pytest.mark.parametrize(
    ("asked", "taken", "rounding", "expected"),
    [
        (157403, 157405, 2, ["1300 +1574.03", "4990 +0.02"]),
        (157402, 157400, -2, ["1300 +1574.02", "4990 -0.02"]),
    ],
)
def test_cash_rounding_is_a_line_of_its_own(asked, taken, rounding, expected):
    coins = cash(taken)
    made = receipt(coins, ordered(coins, state="COMPLETED", rounding=rounding), paid(asked=asked))
    assert written(leg(made, LegKind.RECEIPT)) == expected
    assert leg(made, LegKind.RECEIPT).total == taken


def test_a_gift_card_goes_through_clearing_as_a_pair_also_for_an_invoice():
    card = gift_card(157400)
    made = receipt(card, ordered(card, state="COMPLETED"))
    assert written(leg(made, LegKind.RECEIPT)) == ["1300 +1574.00", "2160 -1574.00"]


def test_money_beyond_the_invoice_waits_and_its_fee_does_not():
    first, second = payment(100000, number=1), payment(60000, number=2, fees=[1050])
    made = receipt(second, ordered(first, second, state="COMPLETED"))
    waiting = leg(made, LegKind.RECEIPT)
    assert waiting.problem
    assert (waiting.problem.kind, "EUR 574.00 was still owed" in waiting.problem.sentence) == (
        ProblemKind.UNBALANCED, True,
    )  # fmt: skip
    assert leg(made, LegKind.FEE).problem is None


def test_a_payment_of_an_invoice_that_is_not_booked_waits_with_its_receipt_only():
    nothing = Problem(ProblemKind.WAITS_FOR_SALE, "Its invoice is not booked yet.")
    one = payment(157400, fees=[2755])
    made = receipt(one, ordered(one, state="COMPLETED"), paid(debtor=nothing))
    assert [(part.kind.value, part.problem) for part in made.legs] == [("receipt", nothing), ("fee", None)]


def test_a_tip_that_carries_vat_waits():
    taxed = rule(80, Role.TIPS, "8003", "2", customer_kind="business")
    one = payment(162400, tip=5000)
    found = leg(receipt(one, ordered(one, state="COMPLETED"), None, taxed), LegKind.RECEIPT).problem
    assert found
    assert "VAT" in found.sentence


def test_without_an_entry_in_exact_the_receipt_waits_for_none():
    one = payment(157400)
    made = receipt(one, ordered(one, state="COMPLETED"), paid(has_sale=False))
    assert not leg(made, LegKind.RECEIPT).after_sale


def test_a_house_account_brings_no_money():
    one = payment(157400, source_type="SQUARE_ACCOUNT", card_brand="")
    assert kinds(receipt(one, ordered(one, state="COMPLETED"))) == []


# --- properties ---------------------------------------------------------------------------------
@st.composite
def invoices(draw: Any) -> tuple[list[Any], int]:
    """Lines at the shop's rates, VAT half-up of what is added."""
    chosen = draw(st.lists(st.tuples(st.sampled_from([21, 9, 0]), st.integers(1, 500_000)), min_size=1, max_size=6))
    lines = []
    for rate, net in chosen:
        vat = (net * rate * 2 + 100) // 200
        lines.append(line(net + vat, f"VAT {rate}", vat))
    total = sum(part.total for part in lines)
    return lines, draw(st.integers(0, total))


@given(invoices())
def test_paid_part_and_credited_part_are_the_invoice_per_account_code_and_vat(case):
    lines, part_paid = case
    total = sum(part.total for part in lines)
    usual = known()
    sale = leg(bookkeeping.plan(invoice(request(total)), replace(ordered(), lines=tuple(lines)), usual), LegKind.SALE)
    asked = invoice(request(total, paid=part_paid), status="CANCELED")
    made = bookkeeping.plan(asked, None, replace(usual, sale=sale, is_booked=True, canceled=CANCELED))
    assert made.problem is None
    credited = [part for one in made.legs if one.kind is LegKind.INVOICE_CREDIT for part in one.lines]
    kept = remainder.together([*sale.lines, *credited])
    assert remainder.gross(kept) == part_paid
    assert all(part.amount >= 0 and part.vat >= 0 for part in kept)
    back = {remainder.key_of(part): part for part in credited}
    for part in sale.lines:
        key = remainder.key_of(part)
        gone, left = back.get(key), next((one for one in kept if remainder.key_of(one) == key), None)
        assert part.amount == (left.amount if left else 0) - (gone.amount if gone else 0)
        assert part.vat == (left.vat if left else 0) - (gone.vat if gone else 0)


@given(invoices())
def test_every_leg_balances_and_its_reversal_undoes_it(case):
    lines, part_paid = case
    total = sum(part.total for part in lines)
    sale = leg(bookkeeping.plan(invoice(request(total)), replace(ordered(), lines=tuple(lines)), known()), LegKind.SALE)
    asked = invoice(request(total, paid=part_paid), status="CANCELED")
    made = bookkeeping.plan(asked, None, known(sale=sale, is_booked=True, canceled=CANCELED))
    for one in made.legs:
        assert moved([one, reverse(one)]) == {}
    assert sum(one.total for one in made.legs) == part_paid


@given(st.lists(st.tuples(st.integers(1, 90_000), st.integers(0, 5_000)), min_size=1, max_size=5))
def test_the_receipts_of_an_invoice_come_to_the_invoice_and_its_tips(parts):
    found = [
        payment(amount + tip, tip=tip, number=number, created_at=datetime(2026, 3, 5, 9, number, tzinfo=UTC))
        for number, (amount, tip) in enumerate(parts)
    ]
    total = sum(amount for amount, _ in parts)
    whole = replace(ordered(*found, state="COMPLETED"), tenders=tuple(tender(one) for one in found))
    receipts = [leg(receipt(one, whole, paid(asked=total)), LegKind.RECEIPT) for one in found]
    assert all(one.problem is None for one in receipts)
    lines = [part for one in receipts for part in one.lines]
    assert sum(part.amount for part in lines if part.role is Role.RECEIVABLES) == total
    assert sum(part.amount for part in lines if part.role is Role.TIPS) == sum(tip for _, tip in parts)
