"""Finance is told who a customer probably is and which account is probably meant, why, and accepts it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from audit.models import AuditEntry
from connections.models import Connection, Division
from connections.sandbox.square import LineSpec
from mappings import reference
from mappings.models import CustomerMapping, GLMapping, LedgerAccount, LedgerCount, VatCode
from tests.journeys.pages import page_of, press, press_on_list, words

BOOK = LineSpec("Book", 1090, tax="VAT 9")
BOOKED = Decimal("-10.00")  # 10.90 less the 9 % inside; earlier lines are of 7.00


def relation(till, name, **more):
    return till.world.books.add_account(name, Status="C", IsSales=True, **more)


def earlier_entries(books, account, code, times):
    """What a bookkeeper booked by hand in past months, as Exact's ledger has it."""
    for number in range(times):
        books.add(
            "transactionlines", EntryID=books.guid(), EntryNumber=number, LineNumber=1, JournalCode="70",
            GLAccount=books.gl(account)["ID"], GLAccountCode=account, VATCode=f"{code:<3}", Date=books.now(),
            AmountFC=Decimal(-7), AmountDC=Decimal(-7), Description="Invoice", Type=20, Status=50,
        )  # fmt: skip


@pytest.fixture
def customers(till):
    """Three strangers buy: one whom Exact knows by four facts, one of two namesakes, one whom nobody knows."""
    relation(till, "Kwekerij Bos B.V.", Email="info@bos.example", Phone="020 5550101", Postcode="1012 LG")
    relation(till, "Jansen", City="Utrecht")
    relation(till, "Jansen", City="Zeist")
    reference.refresh(till.world.shop.division)
    square = till.world.sandbox.square
    ids = [
        square.add_customer(
            company_name="KWEKERIJ BOS", email_address="Info@Bos.example", phone_number="+31 20 555 01 01"
        )["id"],
        square.add_customer(company_name="Jansen")["id"],
        square.add_customer(company_name="Zwart Catering")["id"],
    ]
    sales = [till.sell(customer_id=customer) for customer in ids]
    till.next_morning()
    return [CustomerMapping.objects.get(square_customer_id=customer) for customer in ids], sales


def test_a_customer_is_shown_with_what_agrees_what_differs_and_how_sure_that_is(customers, browser):
    (known, twin, stranger), _ = customers
    assert (known.status, twin.status, stranger.status) == ("proposed", "conflict", "proposed")

    page = words(browser.get(page_of(known)))
    assert "Kwekerij Bos B.V. 98 % e-mail, phone, name" in page
    assert "Kwekerij Bos B.V., 98 %" in words(browser.get("/admin/mappings/customermapping/"))
    assert "No Exact customer has the same VAT number" in words(browser.get(page_of(stranger)))


def test_all_that_is_sure_is_accepted_at_once_and_what_waited_goes_on(
    till, customers, browser, django_capture_on_commit_callbacks
):
    mappings, sales = customers
    address = "/admin/mappings/customermapping/"
    chosen = {"action": "accept", "_selected_action": [str(row.pk) for row in mappings]}
    asked = words(browser.post(address, chosen))
    assert "accepted 1" in asked
    assert "left for a person 2" in asked
    assert {row.status for row in CustomerMapping.objects.filter(pk__in=[m.pk for m in mappings])} == {
        "proposed", "conflict"
    }  # fmt: skip

    with django_capture_on_commit_callbacks(execute=True):
        told = words(press_on_list(browser, mappings, "accept"))
    assert "2 skipped" in told

    known = CustomerMapping.objects.get(pk=mappings[0].pk)
    assert (known.status, known.debtor.name, known.decided_by) == ("matched", "Kwekerij Bos B.V.", "anna")
    assert known.reason == "Suggestion accepted, 98 %: e-mail, phone, name"
    assert AuditEntry.objects.get(verb="customermapping.changed").detail["score"] == 986
    till.run_after(minutes=1)
    assert [till.item(sale).state for sale in sales] == ["done", "waiting", "waiting"]


def test_a_suggestion_that_was_blocked_since_is_left_to_a_person(till, customers, browser):
    (known, *_), _ = customers
    till.world.books.block_relation("Kwekerij Bos B.V.")
    reference.refresh(till.world.shop.division)

    assert "is blocked" in words(press(browser, known, "accept"))
    known.refresh_from_db()
    assert known.status == "proposed"


@pytest.fixture
def missing(till):
    """A rate that no rule speaks of, in a division whose ledger knows where it goes."""
    GLMapping.objects.filter(account__code="8001").delete()
    books = till.world.books
    earlier_entries(books, "8001", "1", 212)
    earlier_entries(books, "8090", "1", 2)
    sale = till.sell(BOOK)
    till.next_morning()
    return sale


def test_the_ledger_proposes_the_missing_rule_and_one_click_books_what_waited(
    till, missing, browser, django_capture_on_commit_callbacks
):
    assert (till.item(missing).state, till.item(missing).problem_kind) == ("waiting", "unmapped_tax")
    rule = GLMapping.objects.get(status="proposed")
    assert (rule.role, rule.tax_name, rule.tax_rate, rule.effective_from) == (
        "revenue", "VAT 9", 9, till.item(missing).local_day
    )  # fmt: skip
    page = words(browser.get(page_of(rule)))
    assert "212 of 214 earlier lines like this" in page

    with django_capture_on_commit_callbacks(execute=True):
        press(browser, rule, "accept")
    till.run_after(minutes=1)

    rule.refresh_from_db()
    assert (rule.status, rule.account.code, rule.vat_code.code, rule.decided_by) == ("matched", "8001", "1", "anna")
    assert till.item(missing).state == "done", till.item(missing).problem
    assert BOOKED in [line["AmountDC"] for line in till.world.books.lines()]


def test_the_button_beside_a_suggestion_fills_in_account_and_vat_code(till, missing, browser):
    rule = GLMapping.objects.get(status="proposed")
    form = browser.get(page_of(rule)).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    low = LedgerAccount.objects.get(code="8001")
    browser.post(page_of(rule), {**shown, "_accept": str(low.pk)}, follow=True)

    rule.refresh_from_db()
    assert (rule.status, rule.account, rule.vat_code.code) == ("matched", low, "1")


def test_a_rule_made_by_hand_decides_the_proposal_instead_of_being_refused(till, missing, browser):
    proposed = GLMapping.objects.get(status="proposed")
    own = LedgerAccount.objects.get(code="8090")
    code = VatCode.objects.get(code="1")
    values = {
        "division": proposed.division_id, "role": "revenue", "tax_name": "VAT 9", "tax_rate": "9", "account": own.pk,
        "vat_code": code.pk, "status": "matched", "effective_from": proposed.effective_from.isoformat(),
    }  # fmt: skip
    told = words(browser.post("/admin/mappings/glmapping/add/", values, follow=True))

    assert "was added successfully" in told, told
    proposed.refresh_from_db()
    assert (proposed.status, proposed.account) == ("matched", own)


def test_the_ledger_is_read_within_bounds_and_only_when_a_rule_is_missing(till):
    earlier_entries(till.world.books, "8001", "1", 12_300)
    till.sell()
    before = till.calls("exact", "GET", "bulk/Financial/TransactionLines")
    till.next_morning()
    usual = till.calls("exact", "GET", "bulk/Financial/TransactionLines") - before
    assert not LedgerCount.objects.exists()

    GLMapping.objects.filter(account__code="8001").delete()
    till.sell(BOOK)
    till.next_morning()
    spent = till.calls("exact", "GET", "bulk/Financial/TransactionLines") - before - usual
    assert 10 <= spent <= 11  # ten pages and at most one to confirm the entries of the morning
    assert sum(LedgerCount.objects.values_list("lines", flat=True)) <= 10_000

    before = till.calls("exact", "GET", "bulk/Financial/TransactionLines")
    till.run_after(minutes=1)
    assert till.calls("exact", "GET", "bulk/Financial/TransactionLines") == before


def test_what_another_division_decided_is_a_precedent(till, browser):
    rules = list(GLMapping.objects.filter(account__code="8001"))
    other = Division.objects.create(
        connection=Connection.objects.get(system="exact"), code=777, name="Sister", currency="EUR"
    )
    theirs = LedgerAccount.objects.create(division=other, remote_id="x", code="8001", name="Revenue low", type=110)
    for rule in rules:
        rule.pk, rule.division, rule.account, rule.vat_code = None, other, theirs, None
        rule.save(force_insert=True)
    GLMapping.objects.filter(account__code="8001").exclude(division=other).delete()
    till.sell(BOOK)
    till.next_morning()

    proposed = GLMapping.objects.get(status="proposed")
    assert proposed.candidates[0]["code"] == "8001"
    assert "rules like this in other divisions" in words(browser.get(page_of(proposed)))
