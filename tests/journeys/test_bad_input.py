"""What no vendor should send and some day one does: the record waits with a sentence, all others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connections.sandbox.square import LineSpec, TenderSpec
from mappings import reference
from mappings.models import GLMapping
from sync import actions, tasks
from sync.models import Posting, SyncItem
from tests.journeys.conftest import unfurnished
from tests.journeys.pages import page_of, words
from tests.journeys.shop import Till
from tests.journeys.tampered import Change, TamperedSandbox
from tests.world import world as make_world

BIGGEST = 2**63 - 1


def eur(amount: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def holds(**values: Any) -> Change:
    return lambda row: row.update(values)


def lacks(*names: str) -> Change:
    return lambda row: [row.pop(name) for name in names] and None


def nested(levels: int) -> dict[str, Any]:
    innermost: dict[str, Any] = {}
    for _ in range(levels):
        innermost = {"note": innermost}
    return innermost


def taxed(percentage: str) -> Change:
    return lambda row: row["taxes"][0].update(percentage=percentage)


UNREADABLE_PAYMENTS: dict[str, Change] = {
    "no id": lacks("id"),
    "an id that is a number": holds(id=5),
    "an empty id": holds(id=""),
    "an id without end": holds(id="x" * 400),
    "an id that is a way upwards": holds(id=".."),
    "no status": lacks("status"),
    "no amount": lacks("amount_money"),
    "an amount with a fraction": holds(amount_money=eur(12.5)),
    "an amount in words": holds(amount_money=eur("many")),
    "an amount beyond 64 bits": holds(amount_money=eur(2**64)),
    "an amount beyond all money": holds(amount_money=eur(BIGGEST), total_money=eur(BIGGEST)),
    "fees beyond all money": holds(processing_fee=[{"amount_money": eur(BIGGEST)}] * 2),
    "fees that are a word": holds(processing_fee="x"),
    "fees in another currency": holds(processing_fee=[{"amount_money": {"amount": 1, "currency": "USD"}}]),
    "no currency code": holds(amount_money={"amount": 2500, "currency": "EUROS"}),
    "a list for an amount": holds(amount_money=[2500]),
    "a day for a time": holds(created_at="yesterday"),
    "a time before all books": holds(created_at="0001-01-01T00:00:00Z"),
    "a time after all books": holds(created_at="9999-12-31T23:59:59Z"),
    "an order id without end": holds(order_id="o" * 400),
    "a customer id without end": holds(customer_id="c" * 400),
    "nesting without end": holds(note=nested(800)),
}
UNREADABLE_ORDERS: dict[str, Change] = {
    "lines that are no list": holds(line_items={}),
    "a tax that is no number": taxed("abc"),
    "a tax of infinity": taxed("Infinity"),
    "a tax that is not a number": taxed("sNaN"),
    "a tax beyond all rates": taxed("1e400"),
    "a total in words": holds(total_money="x"),
    "a state that is a number": holds(state=5),
}
# Odd, and no reason not to book.
HARMLESS: dict[str, Change] = {
    "a number with a fraction": holds(latitude=52.37),
    "signs that no database holds": holds(note="a\0b\ud800c", receipt_number="\udfff\0"),
    "a receipt number without end": holds(receipt_number="9" * 50),
    "markup": holds(note="<script>alert(1)</script>", receipt_number="<b>x</b>"),
    "unknown members": holds(new_thing={"a": [1, None]}),
}


@pytest.fixture
def tampered(db: None) -> Iterator[Till]:
    with make_world(sandbox=TamperedSandbox) as world:
        till = unfurnished(world)
        world.furnish()
        yield till


def sell_all(till: Till, payments: dict[str, Change], orders: dict[str, Change]) -> dict[str, str]:
    """One sale per oddity; returns name -> Square's payment id."""
    sales = {name: till.sell() for name in (*payments, *orders)}
    changes = {sales[name].payment_ids[0]: change for name, change in payments.items()}
    changes |= {sales[name].order_id: change for name, change in orders.items()}
    till.world.sandbox.changes = changes
    return {name: sale.payment_ids[0] for name, sale in sales.items()}


def states(ids: dict[str, str]) -> dict[str, str]:
    kept = {item.source_id: f"{item.state} {item.problem_kind}".strip() for item in SyncItem.objects.all()}
    return {name: kept.get(source_id, "not kept under its id") for name, source_id in ids.items()}


def test_an_unreadable_record_waits_and_its_page_goes_on(tampered: Till, browser: Any) -> None:
    ids = sell_all(tampered, UNREADABLE_PAYMENTS, UNREADABLE_ORDERS)
    good = tampered.sell()

    run = tampered.next_morning()

    assert run.state == "done", run.sentence
    assert tampered.item(good).state == "done"
    nameless = {"no id", "an id that is a number", "an empty id", "an id without end", "an id that is a way upwards"}
    assert {name: state for name, state in states(ids).items() if state != "waiting unreadable"} == dict.fromkeys(
        nameless, "not kept under its id"
    )
    assert SyncItem.objects.filter(problem_kind="unreadable").count() == len(ids)
    for item in SyncItem.objects.filter(state="waiting"):
        assert item.problem.endswith("."), item.problem
        assert "cannot be read" in words(browser.get(page_of(item)))
        assert browser.get(page_of(item, "preview")).status_code == 200
    assert browser.get("/admin/").status_code == 200


def test_what_is_merely_odd_is_booked(tampered: Till, browser: Any) -> None:
    ids = sell_all(tampered, HARMLESS, {})

    assert tampered.next_morning().state == "done"

    assert set(states(ids).values()) == {"done"}
    for item in SyncItem.objects.all():
        page = browser.get(page_of(item))
        assert page.status_code == 200
        assert b"<script>alert" not in page.content
        assert b"<b>x</b>" not in page.content


def test_a_replayed_record_that_square_no_longer_knows_does_not_stop_the_lane(tampered: Till) -> None:
    ids = sell_all(tampered, {"gone": lacks("status")}, {})
    tampered.next_morning()
    item = SyncItem.objects.get(source_id=ids["gone"])
    SyncItem.objects.filter(pk=item.pk).update(source_id="another")
    tampered.world.sandbox.changes = {}
    item.refresh_from_db()
    actions.replay_items([item], by="anna")
    replayed = tampered.world.run()
    assert replayed.state == "done", replayed.sentence
    good = tampered.sell()

    run = tampered.next_morning()

    assert run.state == "done", run.sentence
    assert tampered.item(good).state == "done"
    item.refresh_from_db()
    assert item.state == "waiting"


# --- what Exact would refuse ----------------------------------------------------------------------------------------
Books = Any
MUG_BOOKED = {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
FEE_ALONE = {"1105": -44, "4960": 44}

UNFIT: dict[str, tuple[Callable[[Books], None], Callable[[Books], None], str, dict[str, int]]] = {
    "a blocked revenue account": (
        lambda books: books.block_account("8000"),
        lambda books: books.block_account("8000", blocked=False),
        "GL account 8000, which rule",
        FEE_ALONE,
    ),
    "an account of another type": (
        lambda books: books.retype_account("8000", 90),
        lambda books: books.retype_account("8000", 110),
        "is of type 90 in Exact; revenue needs 110.",
        FEE_ALONE,
    ),
    "a blocked VAT code": (
        lambda books: books.block_vat_code("2"),
        lambda books: books.block_vat_code("2", blocked=False),
        "VAT code 2, which rule",
        FEE_ALONE,
    ),
    "a VAT code for purchases": (
        lambda books: books.set_vat_use("2", "P"),
        lambda books: books.set_vat_use("2", "B"),
        "is for purchases; a sale needs a code for sales.",
        FEE_ALONE,
    ),
    "a blocked sales journal": (
        lambda books: books.block_journal("70"),
        lambda books: books.block_journal("70", blocked=False),
        "Journal 70 is blocked in Exact",
        FEE_ALONE,
    ),
    "a blocked collective debtor": (
        lambda books: books.block_relation("Counter sales"),
        lambda books: books.block_relation("Counter sales", blocked=False),
        "collective debtor 0000001 Counter sales is blocked, so nothing can be sold to it",
        FEE_ALONE,
    ),
    "a collective debtor that is no customer any more": (
        lambda books: books.set_relation_status("Counter sales", "P"),
        lambda books: books.set_relation_status("Counter sales", "C"),
        "is no customer in Exact any more",
        FEE_ALONE,
    ),
}


@pytest.mark.accepts("S002-17")
@pytest.mark.parametrize("name", UNFIT)
def test_what_exact_would_refuse_is_seen_before_it_is_sent_and_goes_on_when_it_is_mended(till: Till, name: str) -> None:
    spoil, mend, words_of_it, booked_meanwhile = UNFIT[name]
    sale = till.sell()
    spoil(till.world.books)
    reference.refresh(till.world.shop.division)

    till.next_morning()

    item = till.item(sale)
    assert (item.state, item.problem_kind) == ("waiting", "unusable")
    assert words_of_it in item.problem
    assert till.ledger == booked_meanwhile
    assert not Posting.objects.filter(state="refused").exists()
    mend(till.world.books)
    tasks.refresh_reference(till.world.shop.division.pk)
    till.run_after(minutes=1)
    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED


SHUT: dict[str, Callable[[Books], None]] = {
    "account": lambda books: books.block_account("8000"),
    "customer": lambda books: books.block_relation("Counter sales"),
}


@pytest.mark.parametrize("name", SHUT)
def test_what_is_blocked_after_the_legs_were_ready_is_seen_when_the_data_is_read_again(till: Till, name: str) -> None:
    sale = till.sell()
    till.run_after(minutes=10)
    assert till.item(sale).state == "resolved"
    SHUT[name](till.world.books)
    reference.refresh(till.world.shop.division)

    till.next_morning()

    assert (till.item(sale).state, till.item(sale).problem_kind) == ("waiting", "unusable")
    assert till.ledger == FEE_ALONE
    assert not Posting.objects.filter(state="refused").exists()


def test_a_blocked_fee_account_holds_the_fee_and_not_the_sale(till: Till) -> None:
    sale = till.sell()
    till.world.books.block_account("4960")
    reference.refresh(till.world.shop.division)

    till.next_morning()

    assert till.item(sale).problem_kind == "unusable"
    assert till.ledger == {"1105": 2500, "8000": -2066, "1500": -434}


def test_a_cost_centre_that_has_ended_or_never_was_is_seen_before_it_is_sent(till: Till) -> None:
    GLMapping.objects.filter(role="revenue").update(cost_center="AMS")
    sale = till.sell()
    till.world.books.end_cost_center("AMS")
    reference.refresh(till.world.shop.division)
    till.next_morning()
    assert "The cost centre AMS, which rule" in till.item(sale).problem
    assert "is blocked in Exact" in till.item(sale).problem

    till.world.books.end_cost_center("AMS", active=True)
    reference.refresh(till.world.shop.division)
    till.run_after(minutes=1)

    assert till.item(sale).state == "done"
    assert {line.get("CostCenter") for line in till.world.books.lines() if line["GLAccountCode"] == "8000"} == {"AMS"}


def test_a_customer_that_was_blocked_holds_its_own_sale_and_no_other(till: Till) -> None:
    hotel = till.sell(customer_id=till.world.customers[0])
    counter = till.sell()
    till.world.books.block_relation("Hotel Prinsengracht")
    reference.refresh(till.world.shop.division)

    till.next_morning()

    assert till.item(counter).state == "done"
    assert till.item(hotel).problem_kind == "unusable"
    assert "Hotel Prinsengracht is blocked, so nothing can be sold to it" in till.item(hotel).problem


def test_a_refund_on_a_customer_that_was_blocked_since_its_sale_waits_before_it_is_sent(till: Till) -> None:
    sale = till.sell(customer_id=till.world.customers[0])
    till.next_morning()
    refund = till.world.sandbox.square.refund(sale.payment_ids[0], 2500, at=till.world.timeline.now())
    till.world.books.block_relation("Hotel Prinsengracht")
    reference.refresh(till.world.shop.division)

    till.next_morning()

    item = SyncItem.objects.get(source_id=refund["id"])
    assert (item.state, item.problem_kind) == ("waiting", "unusable")
    assert "which this refund is booked on, is blocked, so it would be refused." in item.problem


@pytest.mark.parametrize("language", ["en", "nl", "de", "fr"])
def test_what_the_reference_data_does_not_show_is_explained_from_exacts_answer(till: Till, language: str) -> None:
    sale = till.sell()
    till.world.site.language = language
    till.world.books.block_account("8000")

    till.next_morning()

    item = till.item(sale)
    assert (item.state, item.problem_kind) == ("waiting", "refused")
    assert "The account, code or journal is blocked. Unblock it in Exact or map to another" in item.problem


def test_the_lists_of_mappings_and_the_work_list_flag_what_is_blocked_or_gone(till: Till, browser: Any) -> None:
    books = till.world.books
    books.block_account("8000")
    books.block_vat_code("1")
    books.set_relation_status("Hotel Prinsengracht", "S")
    reference.refresh(till.world.shop.division)

    rules = words(browser.get("/admin/mappings/glmapping/?trouble=yes"))
    customers = words(browser.get("/admin/mappings/customermapping/?trouble=yes"))
    work = words(browser.get("/admin/"))

    assert "account 8000 is blocked" in rules
    assert "VAT code 1 is blocked" in rules
    assert "tips" not in browser.get("/admin/mappings/glmapping/?trouble=yes").context["cl"].result_list.values_list(
        "role", flat=True
    )
    assert "is no customer in Exact any more" in customers
    rule = GLMapping.objects.filter(account__code="8000").first()
    assert "account 8000 is blocked" in words(browser.get(page_of(rule)))
    assert "GL mappings name what is blocked or gone" in work
    assert "1 customer mapping names what is blocked or gone" in work


# --- what nobody has mapped -----------------------------------------------------------------------------------------
def unmapped(till: Till, name: str) -> Any:
    """A sale that lacks one decision; the rest of the shop is decided."""
    square = till.world.sandbox.square
    if name == "tax":
        square.add_tax("Tourist tax 13", "13")
        return till.sell(LineSpec("Tour", 1130, tax="Tourist tax 13"))
    if name == "tender":
        return till.sell(tenders=(TenderSpec("external", external_type="CRYPTO"),))
    if name == "category":
        GLMapping.objects.filter(role="revenue", tax_rate=21).update(category="Drinks")
        return till.sell(LineSpec("Shirt", 2500, tax="VAT 21", category="Clothing"))
    square.add_tax("VAT 21 again", "21")
    GLMapping.objects.filter(role="revenue", tax_name="(no tax)").delete()
    return till.sell(LineSpec("Untaxed", 2500, tax=()))


@pytest.mark.parametrize("name", ["tax", "tender", "category", "item without tax"])
def test_what_nobody_has_mapped_waits_and_the_rest_of_the_day_goes_on(till: Till, name: str) -> None:
    strange = unmapped(till, name)
    known = till.sell(LineSpec("Bread", 1090, tax="VAT 9"))

    run = till.next_morning()

    assert run.state == "done", run.sentence
    assert till.item(known).state == "done"
    assert till.item(strange).state == "waiting"
    assert till.item(strange).problem_kind in {"unmapped_tax", "unmapped_account"}
    assert not Posting.objects.filter(state="refused").exists()


def test_an_entry_of_a_payout_without_any_rule_holds_its_leg_and_the_payments_go_on(till: Till) -> None:
    GLMapping.objects.filter(role="suspense").delete()
    sale = till.sell()
    till.next_morning()
    square = till.world.sandbox.square
    square.add_payout_entry("OTHER", -50, location="Amsterdam", at=till.world.timeline.now())
    payout = square.pay_out("Amsterdam", at=till.world.timeline.now())
    later = till.sell()

    run = till.next_morning()

    assert run.state == "done", run.sentence
    assert {till.item(sale).state, till.item(later).state} == {"done"}
    item = SyncItem.objects.get(source_id=payout["id"])
    assert (item.state, item.problem_kind) == ("waiting", "unmapped_account")
    assert "suspense" in item.problem
