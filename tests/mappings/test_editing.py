"""What may be said otherwise of a record, and that the money never is."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.square import payloads
from mappings.bookkeeping import edit
from mappings.bookkeeping.edit import Description, Line, NotEditable
from tests.till import payload

ZONE = ZoneInfo("Europe/Amsterdam")
AT = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)


def record(amount: int = 1210) -> dict[str, Any]:
    return payload(1, AT, amount)


def described(data: dict[str, Any], kind: str = "payment") -> Description:
    return edit.described(kind, data, ZONE, local_day=date(2026, 3, 2), customer="")


def test_a_payment_says_its_day_its_customer_and_its_lines() -> None:
    found = described(record())
    line = Line("Sourdough loaf", "VAT 21", Decimal(21), "", 1210, 210, "VAT 21 21 %")
    assert found == Description("EUR", customer="", tender=None, day=date(2026, 3, 2), lines={0: line}, due=1210)


@pytest.mark.parametrize("kind", ["refund", "payout", "dispute", "expiry", "order"])
def test_other_kinds_have_nothing_of_their_own_to_edit(kind: str) -> None:
    with pytest.raises(NotEditable, match="nothing of its own"):
        described({}, kind)


def test_what_cannot_be_read_or_counted_in_is_not_edited() -> None:
    with pytest.raises(NotEditable, match="cannot be read"):
        described({"payment": {"id": 1}, "order": None})
    strange = record()
    strange["payment"]["amount_money"] = strange["payment"]["total_money"] = {"amount": 1, "currency": "XYZ"}
    with pytest.raises(NotEditable, match="cannot count in XYZ"):
        described({**strange, "payment": {**strange["payment"], "processing_fee": []}, "order": None})


def test_of_a_shared_order_only_the_first_payment_says_the_sale_and_none_its_customer() -> None:
    shared = record()
    half = {"amount": 605, "currency": "EUR"}
    shared["order"]["tenders"] = [
        {"id": "PAY000001", "type": "CARD", "amount_money": half, "created_at": "2026-03-02T11:00:00Z"},
        {"id": "OTHER", "type": "CASH", "amount_money": half, "created_at": "2026-03-02T10:00:00Z"},
    ]
    found = described(shared)
    assert (found.customer, found.day, found.lines) == (None, None, None)
    shared["order"]["tenders"][1]["created_at"] = "2026-03-02T12:00:00Z"
    found = described(shared)
    assert (found.customer, found.day, found.due) == (None, date(2026, 3, 2), 1210)


SAYINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"day": date(2026, 3, 1)}, {"day": "2026-03-01"}),
    ({"customer": "C1"}, {"customer": "C1"}),
    ({"lines": {"category": "bread"}}, {"lines": {"0": {"category": "bread"}}}),
    ({"lines": {"total": 1000}}, {"lines": {"0": {"total": 1000}}}),
    (
        {"lines": {"tax_rate": None, "tax_name": "", "tax": 0}},
        {"lines": {"0": {"tax": {"name": "", "rate": None, "amount": 0}}}},
    ),
]


@pytest.mark.parametrize(("said", "change"), SAYINGS)
def test_an_edit_holds_only_what_differs(said: dict[str, Any], change: dict[str, Any]) -> None:
    before = described(record())
    assert edit.differences(before, saying(before, said)) == change


def saying(before: Description, said: dict[str, Any]) -> Description:
    lines = {0: replace((before.lines or {})[0], **said["lines"])} if "lines" in said else before.lines
    return replace(before, **{**said, "lines": lines})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"total": -1, "tax": 0}, "not below zero"),
        ({"tax": 100}, "21 % inside EUR 12.10 is EUR 2.10."),
        ({"tax_rate": None}, "Give the rate"),
        ({"total": 1000, "tax": 174}, "EUR 2.10 apart"),
        ({"tax_rate": Decimal(9), "tax_name": "VAT 9", "tax": 100}, ""),
        ({"tax": 213}, ""),
        ({"tax_name": "", "tax_rate": None, "tax": 0}, ""),
    ],
)
def test_what_must_not_be_said_of_a_line(line: dict[str, Any], said: str) -> None:
    before = described(record())
    told = " ".join(sentence for _, sentence in edit.objections(before, saying(before, {"lines": line})))
    assert said in told
    assert bool(told) == bool(said)


@given(
    day=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    customer=st.text("ABC123", max_size=12),
    rate=st.sampled_from([None, Decimal(0), Decimal(9), Decimal(21), Decimal("5.5")]),
    category=st.text("xyz", max_size=8),
)
def test_the_edited_record_says_what_was_said_and_the_money_stays(
    day: date, customer: str, rate: Decimal | None, category: str
) -> None:
    sent = record()
    kept = copy.deepcopy(sent)
    before = described(sent)
    tax = edit.inside(1210, rate) if rate is not None else 0
    name = "" if rate is None else "Some tax"
    line = {"tax_rate": rate, "tax_name": name, "tax": tax, "category": category}
    after = saying(before, {"day": day, "customer": customer, "lines": line})
    assert not list(edit.objections(before, after))

    made = edit.laid_over("payment", sent, edit.differences(before, after), ZONE)

    assert sent == kept
    order, payment = payloads.order(made["order"]), payloads.payment(made["payment"])
    found = edit.described("payment", made, ZONE, local_day=day, customer=customer)
    assert found.day == day
    assert replace((found.lines or {})[0], taxes="") == replace((after.lines or {})[0], taxes="")
    assert (payment.customer_id, order.customer_id) == (customer, customer)
    assert replace(payment, customer_id="") == payloads.payment(kept["payment"])
    assert order.tenders == payloads.order(kept["order"]).tenders
    assert (order.total, order.lines[0].total) == (1210, 1210)


def test_a_till_whose_clock_was_wrong_no_longer_dates_the_sale() -> None:
    sent = record()
    sent["payment"]["offline_payment_details"] = {"client_created_at": "2026-02-20T10:00:00Z"}
    before = described(sent)
    assert before.day == date(2026, 2, 20)
    made = edit.laid_over("payment", sent, {"day": "2026-03-02"}, ZONE)
    assert described(made).day == date(2026, 3, 2)
    assert payloads.payment(made["payment"]).took_place_at == AT


def test_an_external_tender_gets_another_type() -> None:
    sent = record()
    sent["payment"] |= {"source_type": "EXTERNAL", "external_details": {"type": "OTHER", "source": "Till"}}
    before = described(sent)
    assert before.tender == "OTHER"
    change = edit.differences(before, replace(before, tender="CHECK"))
    assert payloads.payment(edit.laid_over("payment", sent, change, ZONE)["payment"]).tender == "EXTERNAL:CHECK"
    assert edit.sentences(before, change) == [["External tender", "OTHER", "CHECK"]]
