"""Other currencies in the sandbox's books: rates of the day, journals of their own, differences made by matching."""

from __future__ import annotations

from decimal import Decimal

from tests.connections.sandbox.exact_world import World


def pounds() -> World:
    """A division with a sales journal that takes any currency and a bank journal kept in pounds."""
    world = World()
    world.division.tables["journals"].first("Code", "70")["AllowVariableCurrency"] = True
    world.division.add_gl_account("1106", "Square clearing GBP", 12)
    world.division.add_journal("22", "Square clearing GBP", 12, gl="1106", currency="GBP")
    world.division.set_rate("GBP", "1.15", "2026-01-01")
    world.division.set_rate("GBP", "1.20", "2026-03-10")
    return world


def said(answer: object) -> str:
    return str(answer.json()["error"]["message"]["value"])  # type: ignore[attr-defined]


def test_without_a_rate_in_the_entry_exact_takes_its_own_of_the_day() -> None:
    world = pounds()
    before = world.book_sale(Currency="GBP", EntryDate="2026-03-09")
    after = world.book_sale(Currency="GBP", EntryDate="2026-03-10")
    # 100.00 net at 21 %: 121.00 pounds.
    assert (before["AmountFC"], before["AmountDC"]) == (121, 139.15)
    assert (after["AmountFC"], after["AmountDC"]) == (121, 145.2)


def test_a_rate_in_the_entry_counts_before_the_divisions_own() -> None:
    assert pounds().book_sale(Currency="GBP", Rate=1.5)["AmountDC"] == 181.5


def test_a_day_before_the_first_rate_is_refused() -> None:
    answer = pounds().post("salesentry/SalesEntries", pounds().sale(Currency="GBP", EntryDate="2025-12-31"))
    assert answer.status_code == 500


def test_a_currency_without_any_rate_is_refused_with_a_sentence() -> None:
    world = pounds()
    assert said(world.post("salesentry/SalesEntries", world.sale(Currency="USD"))) == "Mandatory: Exchange rate"


def test_a_bank_journal_takes_its_own_currency_only() -> None:
    world = pounds()
    refused = world.post(
        "financialtransaction/BankEntries", world.receipt(world.paid(121.0), journal="22", Currency="EUR")
    )
    assert said(refused) == "Invalid: Currency [EUR]"
    taken = world.post("financialtransaction/BankEntries", world.receipt(world.paid(121.0), journal="22"))
    assert taken.status_code == 201


def test_what_two_matched_lines_differ_by_is_an_entry_of_its_own() -> None:
    world = pounds()
    world.site.switches.auto_match = "exact"
    sale = world.book_sale(Currency="GBP", EntryDate="2026-03-09")
    paid = world.paid(121.0, OurRef=sale["InvoiceNumber"], Date="2026-03-10")
    world.post("financialtransaction/BankEntries", world.receipt(paid, journal="22", Currency="GBP"))

    difference = [line for line in world.division.lines() if line["Type"] == 82]
    # Owed 139.15 at 1.15, received 145.20 at 1.20: 6.05 more.
    assert {line["GLAccountCode"]: line["AmountDC"] for line in difference} == {
        "1300": Decimal("6.05"),
        "4995": Decimal("-6.05"),
    }
    assert {line["AmountFC"] for line in difference} == {Decimal("0.00")}
    assert world.division.balance("1300") == 0
    assert world.division.receivables() == []


def test_within_one_rate_there_is_no_difference() -> None:
    world = pounds()
    world.site.switches.auto_match = "exact"
    sale = world.book_sale(Currency="GBP", EntryDate="2026-03-09")
    paid = world.paid(121.0, OurRef=sale["InvoiceNumber"])
    world.post("financialtransaction/BankEntries", world.receipt(paid, journal="22", Currency="GBP"))
    assert not [line for line in world.division.lines() if line["Type"] == 82]
