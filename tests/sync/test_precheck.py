"""What Exact would refuse is seen in the body, and named by its lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mappings.models import DebtorAccount, LedgerAccount, VatCode
from sync import precheck
from sync.models import Posting
from sync.precheck import Barred
from tests.till import Shop, open_shop

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SALE = {
    "Customer": "guid-counter",
    "Journal": "70",
    "YourRef": "TB-0000000000000001",
    "SalesEntryLines": [{"GLAccount": "guid-8000", "AmountFC": 10.00, "VATAmountFC": 2.10, "VATCode": "2"}],
}
MONEY = {
    "JournalCode": "21",
    "BankEntryLines": [
        {"GLAccount": "guid-1300", "Account": "guid-counter", "AmountFC": 12.10, "Description": "TB-A card"},
        {"GLAccount": "guid-4960", "AmountFC": -0.21, "Description": "TB-B fee"},
    ],
}


def posting(body: dict[str, Any], *, total: int, document: str = "sales_entry", **more: Any) -> Posting:
    return Posting(document=document, currency="EUR", total=total, body=json.dumps(body), **more)


def told(row: Posting, barred: Barred | None = None) -> list[tuple[str, int | None]]:
    """Each flaw with the number of lines it names; None for the whole."""
    found = precheck.flaws(row, barred=barred or Barred())
    return [(flaw.sentence, None if flaw.lines is None else len(flaw.lines)) for flaw in found]


def test_entries_as_they_should_be_have_no_flaw() -> None:
    assert told(posting(SALE, total=1210)) == []
    assert told(posting(MONEY, total=1189, document="bank_entry")) == []


@pytest.mark.parametrize(
    ("change", "words", "lines"),
    [
        ({"Customer": ""}, "no customer", None),
        ({"YourRef": "x" * 31}, "30 characters", None),
        ({"YourRef": ""}, "30 characters", None),
        ({"SalesEntryLines": []}, "no lines", None),
        ({"SalesEntryLines": [{"AmountFC": 12.10, "VATCode": "2"}]}, "no GL account", 1),
        ({"SalesEntryLines": [{"GLAccount": "g", "VATCode": "2"}]}, "amount is missing", 1),
        ({"SalesEntryLines": [{"GLAccount": "g", "AmountFC": 12.105}]}, "amount is missing", 1),
        ({"SalesEntryLines": [{"GLAccount": "g", "AmountFC": 1e14}]}, "amount is missing", 1),
        ({"SalesEntryLines": [{"GLAccount": "g", "AmountFC": 12.10, "Description": "x" * 61}]}, "60 characters", 1),
        ({"SalesEntryLines": [{"GLAccount": "g", "AmountFC": 12.11}]}, "come to EUR 12.11", None),
    ],
)
def test_a_body_of_the_wrong_shape_is_told(change: dict[str, Any], words: str, lines: int | None) -> None:
    found = told(posting({**SALE, **change}, total=1210))
    assert [(words in sentence, count) for sentence, count in found] == [(True, lines)]


def test_a_ledger_that_does_not_balance_is_told() -> None:
    assert "does not come to zero" in told(posting(SALE, total=1210, expected={"1300": 1210, "8000": -1000}))[0][0]


def test_a_document_that_is_no_entry_is_left_alone(db: None) -> None:
    assert told(posting({}, total=1, document="sales_entry"))
    assert list(precheck.flaws(Posting(document="order", body="{}"), barred=Barred())) == []


@pytest.fixture
def shop(db: None) -> Shop:
    return open_shop(NOW)


def test_what_is_blocked_or_gone_is_named_with_its_lines(shop: Shop) -> None:
    LedgerAccount.objects.filter(code="4960").update(is_blocked=True)
    DebtorAccount.objects.update(gone_at=NOW)
    VatCode.objects.update(is_blocked=True)
    barred = precheck.barred(shop.division)

    assert told(posting(MONEY, total=1189, document="bank_entry"), barred) == [
        ("Exact account 1 is gone in Exact", 1),
        ("GL account 4960 is blocked in Exact", 1),
    ]
    assert told(posting(SALE, total=1210), barred) == [
        ("Exact account 1 is gone in Exact", None),
        ("VAT code 2 is blocked in Exact", 1),
    ]


def test_what_can_be_used_bars_nothing(shop: Shop) -> None:
    assert precheck.barred(shop.division) == Barred()


def test_a_vat_code_removed_and_made_anew_can_be_used_and_an_account_of_that_kind_cannot(shop: Shop) -> None:
    """Lines name a VAT code by its code, which is there again, and an account by its GUID, which is not."""
    VatCode.objects.filter(code="2").update(gone_at=NOW)
    VatCode.objects.create(
        division=shop.division, remote_id="guid-anew", code="2", name="VAT high", percentage="0.21", type="E"
    )
    LedgerAccount.objects.filter(code="4960").update(gone_at=NOW)
    LedgerAccount.objects.create(division=shop.division, remote_id="guid-4960-anew", code="4960", name="Fees", type=90)
    barred = precheck.barred(shop.division)

    assert barred == Barred(accounts={"guid-4960": "GL account 4960 is gone in Exact"})
    assert told(posting(SALE, total=1210), barred) == []
