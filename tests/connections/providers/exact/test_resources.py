from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.errors import Unreadable
from connections.providers.exact import orders, relations, resources, stock
from connections.providers.exact.regions import REGIONS
from connections.providers.exact.resources import Resource
from connections.providers.exact.values import EPOCH, wall_clock
from connections.providers.payload import Reader, decode

GUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
EVERY = [
    value for module in (resources, relations, stock) for value in vars(module).values() if isinstance(value, Resource)
] + [orders.ITEMS]
millis = st.integers(-62135596800000, 253402300799999)


class Asked(dict[str, Any]):
    """A row that remembers which of its properties were looked at."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__(row)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


# What a row of each resource cannot be read without, where GUIDs and amounts alone do not do.
NEEDED: dict[str, dict[str, Any]] = {
    "current/Me": {"CurrentDivision": 1},
    "system/Divisions": {"Code": 1},
    "read/financial/JournalStatusList": {"Year": 2026, "Period": 3, "Status": 0},
    "financial/FinancialPeriods": {"FinYear": 2026, "FinPeriod": 3},
    "read/financial/ReceivablesList": {"HID": "1", "Amount": 1},
}
# One function reads the heads of three kinds of entry, which do not all have the same properties.
HEADS = {"YourRef", "Journal", "JournalCode", "AmountFC", "InvoiceNumber", "EntryDate"}


@pytest.mark.parametrize("resource", EVERY, ids=lambda resource: resource.path)
def test_what_is_read_was_asked_for_and_what_is_asked_for_is_read(resource: Resource[Any]) -> None:
    asked = Asked({"ID": GUID, "EntryID": GUID, "AmountFC": 1, "Journal": ""} | NEEDED.get(resource.path, {}))
    resource.read(asked)
    is_head = resource.path.endswith(("SalesEntries", "BankEntries", "CashEntries"))
    key = {"ID"} if resource is resources.FINANCIAL_PERIODS else set()
    assert set(resource.select) - key <= asked.names
    assert asked.names - (HEADS if is_head else set()) <= set(resource.select)


@given(millis)
def test_dates_are_wall_clock_and_lose_no_millisecond(milliseconds: int) -> None:
    found = wall_clock(Reader({"d": f"/Date({milliseconds})/"}, "x"), "d")
    assert found is not None
    assert found.tzinfo is None
    assert (found - EPOCH) // timedelta(milliseconds=1) == milliseconds


def test_a_recorded_date_decodes_to_the_time_on_the_wall() -> None:
    found = wall_clock(Reader({"d": "/Date(1782404464260)/"}, "x"), "d")
    assert found == datetime.fromisoformat("2026-06-25T16:21:04.260")


@pytest.mark.parametrize(
    "text",
    ["/Date(1+0200)/", "/Date()/", "/Date(9999999999999999)/", "Date(1)", "2026-01-01T00:00:00Z", "", "/Date(1)/ "],
)
def test_a_date_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match=r"^x\.d "):
        wall_clock(Reader({"d": text}, "x"), "d")


@given(st.text("0123456789ABC", min_size=1, max_size=8), st.integers(0, 18))
def test_codes_lose_their_padding(code: str, width: int) -> None:
    for padded in (code.rjust(width), code.ljust(width)):
        assert resources.gl_account({"ID": GUID, "Code": padded}).code == code


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_64_bit_number_is_read_from_text(number: int) -> None:
    assert resources.receivable({"HID": str(number), "Amount": 1}).id == number


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_a_ledger_amount_is_exact(amount: Decimal) -> None:
    found = resources.transaction_line(decode(f'{{"ID":"{GUID}","EntryID":"{GUID}","AmountFC":{amount}}}'))
    assert found.amount == amount


def test_a_vat_code_reads_as_recorded() -> None:
    found = resources.vat_code({"ID": GUID, "Code": "0  ", "Description": "0%", "Percentage": 0, "Type": "B"})
    assert (found.code, found.percentage, found.kind, found.is_blocked) == ("0", 0, "B", False)


def test_guids_are_compared_in_lower_case_and_without_braces() -> None:
    assert resources.gl_account({"ID": f"{{{GUID.upper()}}}", "Code": "1"}).id == GUID


@pytest.mark.parametrize("status", [0, 1])
def test_a_period_is_open_only_when_exact_says_so(status: int) -> None:
    found = resources.period_status({"Journal": "70", "Year": 2026, "Period": 3, "Status": status})
    assert found.is_closed is bool(status)


def test_an_unreadable_row_names_the_property_and_not_its_value() -> None:
    with pytest.raises(Unreadable) as caught:
        resources.transaction_line({"ID": GUID, "EntryID": GUID, "AmountFC": "secret"})
    assert caught.value.sentence == "TransactionLines.AmountFC is text where a number was expected"


def test_each_region_is_a_site_of_its_own() -> None:
    assert len({region.base_url for region in REGIONS.values()}) == len(REGIONS) == 7
    assert all(code == region.code for code, region in REGIONS.items())
    assert all(region.base_url.startswith("https://start.exactonline.") for region in REGIONS.values())
