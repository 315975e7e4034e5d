from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.money import UnknownCurrency
from connections.providers.exact.entries import MoneyLine, SalesLine, bank_entry, cash_entry, encode, sales_entry

DAY = date(2026, 1, 31)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**13), max_value=10**13)
bodies = st.recursive(
    st.text() | decimals | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def sale(*lines: SalesLine, currency: str = "EUR", reference: str = "TB-1") -> dict[str, Any]:
    return sales_entry(
        customer="c",
        journal="70",
        date=DAY,
        reference=reference,
        description="",
        currency=currency,
        lines=lines or [SalesLine("g", 100, "2")],
    )


def test_a_sales_entry_carries_net_amounts_codes_and_the_vat_that_square_computed() -> None:
    body = sale(SalesLine("g8001", 724, "1", vat=66, description="9 %"), SalesLine("g2150", 400, "NV"))
    assert body == {
        "Customer": "c",
        "Journal": "70",
        "EntryDate": "2026-01-31",
        "YourRef": "TB-1",
        "Currency": "EUR",
        "SalesEntryLines": [
            {
                "GLAccount": "g8001",
                "AmountFC": Decimal("7.24"),
                "VATCode": "1",
                "VATAmountFC": Decimal("0.66"),
                "Description": "9 %",
            },
            {"GLAccount": "g2150", "AmountFC": Decimal("4.00"), "VATCode": "NV"},
        ],
    }


@pytest.mark.parametrize(("build", "lines"), [(bank_entry, "BankEntryLines"), (cash_entry, "CashEntryLines")])
def test_a_money_entry_carries_movements_and_the_invoice_they_settle(build: Any, lines: str) -> None:
    receipt = MoneyLine("g1300", 4589, "TB-1", DAY, account="c", our_ref=26700001)
    body = build(journal="21", currency="EUR", lines=[receipt, MoneyLine("g4960", -80, "TB-2", DAY)])
    assert body["JournalCode"] == "21"
    assert body[lines] == [
        {
            "GLAccount": "g1300",
            "AmountFC": Decimal("45.89"),
            "Description": "TB-1",
            "Date": "2026-01-31",
            "Account": "c",
            "OurRef": 26700001,
        },
        {"GLAccount": "g4960", "AmountFC": Decimal("-0.80"), "Description": "TB-2", "Date": "2026-01-31"},
    ]
    assert "OpeningBalanceFC" not in body


def test_the_body_is_the_same_bytes_for_the_same_entry() -> None:
    assert encode(sale(SalesLine("g", 10000, "2", vat=0))) == (
        b'{"Currency":"EUR","Customer":"c","EntryDate":"2026-01-31","Journal":"70","SalesEntryLines":'
        b'[{"AmountFC":100.00,"GLAccount":"g","VATAmountFC":0.00,"VATCode":"2"}],"YourRef":"TB-1"}'
    )


@pytest.mark.parametrize(("currency", "written"), [("EUR", "123.45"), ("JPY", "12345"), ("GBP", "123.45")])
def test_amounts_have_the_decimals_of_their_currency(currency: str, written: str) -> None:
    assert f'"AmountFC":{written},'.encode() in encode(sale(SalesLine("g", 12345, "2"), currency=currency))


def test_an_unknown_currency_is_not_guessed() -> None:
    with pytest.raises(UnknownCurrency):
        sale(currency="XXX")


@pytest.mark.parametrize("reference", ["", "x" * 51])
def test_a_reference_that_exact_would_cut_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        sale(reference=reference)


def test_an_entry_has_lines_and_they_can_be_found_and_are_taxed_on_purpose() -> None:
    with pytest.raises(ValueError, match="at least one line"):
        bank_entry(journal="21", currency="EUR", lines=[])
    with pytest.raises(ValueError, match="description"):
        cash_entry(journal="10", currency="EUR", lines=[MoneyLine("g", 1, "", DAY)])
    with pytest.raises(ValueError, match="VAT code"):
        sale(SalesLine("g", 1, ""))


@given(st.dictionaries(st.text(), bodies, max_size=5))
def test_what_is_encoded_is_read_back_the_same(body: dict[str, Any]) -> None:
    assert json.loads(encode(body), parse_float=Decimal) == body


@given(st.dictionaries(st.text(), bodies, max_size=5))
def test_the_order_of_the_keys_does_not_matter(body: dict[str, Any]) -> None:
    assert encode(dict(reversed(body.items()))) == encode(body)


@given(decimals)
def test_an_amount_is_written_as_a_plain_number_with_its_decimals(amount: Decimal) -> None:
    written = encode({"a": amount}).decode().removeprefix('{"a":').removesuffix("}")
    assert Decimal(written) == amount
    assert "e" not in written.lower()
    assert written.partition(".")[2].isdigit()
    assert written != "-0.00"
    json.loads(written)


@pytest.mark.parametrize("value", [1.5, Decimal("NaN"), DAY, object(), {1, 2}])
def test_what_json_or_money_does_not_know_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode({"a": value})


# Fee 1.21 with 21 % inside: the bank moves by 1.21, of which 0.21 is VAT.
def test_a_bank_line_carries_its_vat_inside_the_amount() -> None:
    fee = MoneyLine("g4960", -121, "TB-3", DAY, vat_code="2", vat=-21)
    body = bank_entry(journal="21", currency="EUR", lines=[fee])
    assert body["BankEntryLines"] == [
        {
            "GLAccount": "g4960",
            "AmountFC": Decimal("-1.21"),
            "Description": "TB-3",
            "Date": "2026-01-31",
            "VATCode": "2",
            "AmountVATFC": Decimal("-0.21"),
        }
    ]
