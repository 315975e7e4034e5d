"""A posting shows in the ledger as it would at Exact: signs, VAT, receivables, balances."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.connections.sandbox.exact_world import World, said


def test_three_rates_and_a_tip_book_as_worked_out_by_hand() -> None:
    world = World()
    sale = world.book_sale(
        world.line("8000", 20.66, "2", VATAmountFC=4.34),
        world.line("8001", 7.24, "1", VATAmountFC=0.66),
        world.line("8002", 8.99, "0"),
        world.line("2150", 4.00, "NV"),
    )
    assert sale["AmountFC"] == 45.89
    assert world.booked() == {
        "1300": "45.89",
        "1500": "-4.34",
        "1501": "-0.66",
        "2150": "-4.00",
        "8000": "-20.66",
        "8001": "-7.24",
        "8002": "-8.99",
    }
    answer = world.post(
        "financialtransaction/BankEntries",
        world.receipt(world.paid(45.89, OurRef=sale["EntryNumber"]), world.line("4960", -0.80)),
    )
    assert answer.status_code == 201
    assert {code: str(world.division.balance(code)) for code in ("1105", "1300", "4960")} == {
        "1105": "45.09",
        "1300": "0.00",
        "4960": "0.80",
    }


def test_every_entry_balances_and_vat_lines_carry_their_code() -> None:
    world = World()
    world.book_sale(world.line("8001", 7.24, "1"))
    lines = world.division.lines()
    assert sum(line["AmountDC"] for line in lines) == 0
    assert [(line["GLAccountCode"], line["AmountFC"], line.get("VATCode")) for line in lines] == [
        ("1300", Decimal("7.89"), None),
        ("8001", Decimal("-7.24"), "1"),
        ("1501", Decimal("-0.65"), "1"),
    ]


def test_a_line_without_code_falls_back_to_the_account_and_the_tip_is_taxed() -> None:
    world = World()
    world.book_sale(world.line("2150", 4.00))
    assert world.booked() == {"1300": "4.84", "1500": "-0.84", "2150": "-4.00"}


def test_an_including_code_changes_the_meaning_of_the_amount() -> None:
    world = World()
    world.book_sale(world.line("8000", 121.00, "3"))
    assert world.booked() == {"1300": "121.00", "1500": "-21.00", "8000": "-100.00"}


def test_negative_lines_make_a_credit_note() -> None:
    world = World()
    credit = world.book_sale(world.line("8000", -4.40, "2", VATAmountFC=-0.93))
    assert (credit["Type"], credit["AmountFC"]) == (21, -5.33)
    assert world.booked() == {"1300": "-5.33", "1500": "0.93", "8000": "4.40"}


def test_cash_moves_the_cash_account_of_its_journal() -> None:
    world = World()
    world.book_sale(world.line("8000", 20.0, "0"))
    assert (
        world.post("financialtransaction/CashEntries", world.receipt(world.paid(20.0), journal="10")).status_code == 201
    )
    assert (world.division.balance("1000"), world.division.balance("1300")) == (Decimal("20.00"), Decimal("0.00"))


def test_two_lines_that_cancel_move_no_bank() -> None:
    world = World()
    body = world.receipt(world.paid(50.0), world.line("2160", -50.0))
    assert world.post("financialtransaction/BankEntries", body).json()["d"]["ClosingBalanceFC"] == 0
    assert world.booked() == {"1105": "0.00", "1300": "-50.00", "2160": "50.00"}


def test_vat_inside_a_bank_line_is_taken_out_of_it() -> None:
    world = World()
    world.post("financialtransaction/BankEntries", world.receipt(world.line("4500", -121.0, "2")))
    assert world.booked() == {"1105": "-121.00", "1510": "21.00", "4500": "100.00"}


def test_a_memo_books_the_sign_it_is_given_and_must_balance() -> None:
    world = World()
    lines = [world.line("4990", 0.02), world.line("2990", -0.02)]
    body = {"JournalCode": "90", "GeneralJournalEntryLines": lines}
    created = world.post("generaljournalentry/GeneralJournalEntries", body)
    assert (created.status_code, created.json()["d"]["Type"]) == (201, 90)
    assert world.booked() == {"2990": "-0.02", "4990": "0.02"}
    lines[0]["AmountFC"] = 0.03
    assert "not in balance" in said(world.post("generaljournalentry/GeneralJournalEntries", body))


def test_amount_dc_is_ignored_and_books_nothing() -> None:
    world = World()
    line = {"GLAccount": world.gl("8000"), "AmountDC": 100, "VATCode": "2"}
    assert world.book_sale(line)["AmountFC"] == 0


def test_amount_dc_counts_on_memos_where_the_switch_says_so() -> None:
    world = World()
    world.site.switches.general_amount_dc = True
    lines = [{"GLAccount": world.gl(code), "AmountDC": amount} for code, amount in (("4990", 1.5), ("2990", -1.5))]
    world.post("generaljournalentry/GeneralJournalEntries", {"JournalCode": "90", "GeneralJournalEntryLines": lines})
    assert world.booked() == {"2990": "-1.50", "4990": "1.50"}


def test_bank_balances_chain_and_are_checked_when_sent() -> None:
    world = World()
    path = "financialtransaction/BankEntries"
    first = world.post(path, world.receipt(world.paid(10.0))).json()["d"]
    assert (first["OpeningBalanceFC"], first["ClosingBalanceFC"]) == (0, 10)
    second = world.post(path, world.receipt(world.paid(5.0), OpeningBalanceFC=10, ClosingBalanceFC=15))
    assert second.status_code == 201
    assert world.post(path, world.receipt(world.paid(5.0), OpeningBalanceFC=10)).status_code == 500
    assert world.post(path, world.receipt(world.paid(5.0), ClosingBalanceFC=21)).status_code == 500
    assert len(world.division.entries("21")) == 2


def test_entry_numbers_run_per_journal_and_year() -> None:
    world = World()
    numbers = [world.book_sale(EntryDate=date)["EntryNumber"] for date in ("2026-01-01", "2026-12-31", "2025-06-01")]
    assert numbers == [26700001, 26700002, 25700001]


def test_your_reference_is_cut_at_fifty() -> None:
    world = World()
    assert world.book_sale(YourRef="x" * 60)["YourRef"] == "x" * 50


def test_a_sale_and_its_receipt_stay_open_until_matched() -> None:
    world = World()
    sale = world.book_sale(DueDate="2026-03-31")
    path = "read/financial/ReceivablesList"
    assert [(row["Amount"], row["YourRef"]) for row in world.rows(path)] == [(121, "TB-1")]
    world.post("financialtransaction/BankEntries", world.receipt(world.paid(121.0, OurRef=sale["InvoiceNumber"])))
    assert [(row["Amount"], row["YourRef"]) for row in world.rows(path)] == [(121, "TB-1"), (-121, None)]


def test_exact_amounts_match_where_the_switch_says_so() -> None:
    world = World()
    world.site.switches.auto_match = "exact"
    sale = world.book_sale()
    world.post("financialtransaction/BankEntries", world.receipt(world.paid(121.0, OurRef=sale["InvoiceNumber"])))
    assert world.rows("read/financial/ReceivablesList") == []
    assert {row["Status"] for row in world.rows("cashflow/Receivables")} == {50}
    receipt = world.division.entries("21")[0]["EntryID"]
    assert world.delete(f"financialtransaction/BankEntries(guid'{receipt}')").status_code == 204
    assert [row["Amount"] for row in world.rows("read/financial/ReceivablesList")] == [121]


def test_deleting_an_entry_takes_it_out_of_the_ledger_and_says_so() -> None:
    world = World()
    entry = world.book_sale()["EntryID"]
    assert world.delete(f"salesentry/SalesEntries(guid'{entry}')").status_code == 204
    assert world.division.lines() == []
    assert {row["EntityType"] for row in world.rows("sync/Deleted", filter="Timestamp gt 1L")} == {1}
    assert world.delete(f"salesentry/SalesEntries(guid'{entry}')").status_code == 404
    world.clock.advance(62 * 24 * 3600)
    world.tokens = world.site.issue_tokens("app")
    assert world.rows("sync/Deleted", filter="Timestamp gt 1L") == []


def test_a_moved_division_counts_its_row_versions_anew() -> None:
    world = World()
    world.book_sale()
    before = max(int(row["Timestamp"]) for row in world.rows("sync/Financial/TransactionLines", select="Timestamp"))
    world.division.move()
    again = [int(row["Timestamp"]) for row in world.rows("sync/Financial/TransactionLines", select="Timestamp")]
    assert (len(again), max(again) < before) == (3, True)
    assert world.rows("system/Divisions", select="DivisionMoveDate")[0]["DivisionMoveDate"] is not None


def test_lines_of_a_sale_change_one_by_one() -> None:
    world = World()
    sale = world.book_sale()
    key = sale["EntryID"]
    added = world.post("salesentry/SalesEntryLines", {**world.line("8001", 10.0, "1"), "EntryID": key})
    assert added.status_code == 201
    assert world.booked()["1300"] == "131.90"
    line = world.rows("salesentry/SalesEntryLines", filter=f"EntryID eq guid'{key}'", select="ID,AmountFC")[0]["ID"]
    assert world.put(f"salesentry/SalesEntryLines(guid'{line}')", {"AmountFC": 1.0}).status_code == 204
    for row in world.rows("salesentry/SalesEntryLines", select="ID"):
        assert world.delete(f"salesentry/SalesEntryLines(guid'{row['ID']}')").status_code == 204
    assert world.division.entries() == []


def test_a_put_changes_the_header_but_neither_lines_nor_year() -> None:
    world = World()
    key = f"salesentry/SalesEntries(guid'{world.book_sale()['EntryID']}')"
    assert world.put(key, {"YourRef": "TB-2", "EntryDate": "2026-02-01"}).status_code == 204
    assert {(line["YourRef"], line["FinancialPeriod"]) for line in world.division.lines()} == {("TB-2", 2)}
    assert said(world.put(key, {"EntryDate": "2025-12-31"})) == "The financial year cannot be changed."
    assert world.put(key, {"SalesEntryLines": []}).status_code == 500


def test_a_foreign_currency_needs_a_journal_that_allows_it_and_a_rate() -> None:
    world = World()
    assert "USD" in said(world.post("salesentry/SalesEntries", world.sale(Currency="USD")))
    world.division.tables["journals"].first("Code", "70")["AllowVariableCurrency"] = True
    assert world.post("salesentry/SalesEntries", world.sale(Currency="USD")).status_code == 500
    sale = world.book_sale(Currency="USD", Rate=0.9)
    assert (sale["AmountFC"], sale["AmountDC"]) == (121, 108.9)
    assert sum(line["AmountDC"] for line in world.division.lines()) == 0


@pytest.mark.parametrize(("sign", "amount"), [(-1, -121), (1, 121)])
def test_the_sign_of_an_open_receivable_follows_the_switch(sign: int, amount: int) -> None:
    world = World()
    world.site.switches.receivable_sign = sign
    world.book_sale()
    assert [row["AmountDC"] for row in world.rows("cashflow/Receivables")] == [amount]


def test_a_bookkeeper_matches_open_terms_and_what_is_left_stays_open() -> None:
    """The whole of one sale, then part of another: the rest of it is a guess of the sandbox."""
    world = World()
    first, second = world.book_sale(), world.book_sale(YourRef="TB-2")
    for sale, amount in ((first, 121.0), (second, 21.0)):
        lines = world.paid(amount, OurRef=sale["InvoiceNumber"])
        world.post("financialtransaction/BankEntries", world.receipt(lines))
    terms = {(row["InvoiceNumber"], row["Amount"] > 0): row["HID"] for row in world.division.receivables()}
    for sale in (first, second):
        world.division.match([terms[sale["InvoiceNumber"], True], terms[sale["InvoiceNumber"], False]])
    listed = world.rows("read/financial/ReceivablesList")
    assert [(row["Amount"], row["YourRef"]) for row in listed] == [(100, "TB-2")]
    with pytest.raises(ValueError, match="at least two"):
        world.division.match([listed[0]["HID"]])
