"""The texts in Exact, and the sentences that explain a leg."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.bookkeeping import clearing, texts
from mappings.bookkeeping.explanation import explain
from mappings.bookkeeping.legs import Document, LegKind
from mappings.bookkeeping.payments import plan
from mappings.bookkeeping.references import reference, summary_source
from tests.mappings.shop import cash, context, external, leg, line, order, payment

REFERENCE = "TB-7F3K2M81QA5VNB0C"
TIPPED = payment(1310, tip=100, fees=[25], app_fee=5)
LEGS = plan(TIPPED, order([line(1210, "VAT 21", 210)], [TIPPED]), context()).legs
CHECK = external(1210, "CHECK", external_fee=30, number=2)
CHECK_LEGS = plan(CHECK, order([line(1210, "VAT 21", 210)], [CHECK]), context()).legs


def test_each_line_opens_with_the_reference() -> None:
    written = [texts.line_text(one, part, reference=REFERENCE) for one in LEGS for part in one.lines]
    assert written == [
        f"{REFERENCE} revenue 21 % R2D2",
        f"{REFERENCE} tips R2D2",
        f"{REFERENCE} card R2D2",
        f"{REFERENCE} fee R2D2",
        f"{REFERENCE} platform fee R2D2",
    ]


def test_the_second_line_of_a_pair_adds_a_suffix_to_the_reference() -> None:
    written = [texts.line_text(one, part, reference=REFERENCE) for one in CHECK_LEGS[1:] for part in one.lines]
    assert written == [
        f"{REFERENCE} check R2D2",
        f"{REFERENCE}/2 check R2D2",
        f"{REFERENCE} external fee R2D2",
        f"{REFERENCE}/2 external fee R2D2",
    ]


def test_headers_say_what_where_and_when() -> None:
    assert texts.sale_header(LEGS[0], place="Utrecht") == "Square sale R2D2 Utrecht 2026-03-04"
    day = date(2026, 3, 4)
    assert texts.summary_header(place="Utrecht", day=day) == "Square sales Utrecht 2026-03-04"
    assert texts.summary_header(place="Utrecht", day=day, supplement=1).endswith("2026-03-04 supplement 1")
    assert texts.summary_line_text(LEGS[0].lines[0], reference=REFERENCE) == f"{REFERENCE} revenue 21 %"


@given(st.text(max_size=200), st.text(max_size=30), st.sampled_from([*LEGS, *CHECK_LEGS]))
def test_texts_fit_and_never_lose_the_reference_or_the_day(place: str, number: str, one: object) -> None:
    named = replace(one, receipt_number=number)  # type: ignore[type-var]
    for part in named.lines:
        text = texts.line_text(named, part, reference=REFERENCE)
        assert len(text) <= texts.LINE_LENGTH
        assert text.startswith(REFERENCE)
        assert text == " ".join(text.split())
        assert text.isprintable()
    header = texts.sale_header(named, place=place)
    assert len(header) <= texts.LINE_LENGTH
    assert header.endswith(" 2026-03-04")


def test_a_reference_that_would_be_cut_is_refused() -> None:
    assert texts.your_ref(REFERENCE) == REFERENCE
    with pytest.raises(ValueError, match="does not fit"):
        texts.your_ref("T" * 31)


def test_a_reference_is_the_same_for_ever() -> None:
    day = summary_source(location="LUTR", day=date(2026, 3, 4), currency="EUR")
    assert day == "LUTR/2026-03-04/EUR"
    same = {"division": 1, "system": "square", "merchant": "M", "source_id": day, "kind": "summary"}
    # SHA-256 of "1|square|M|LUTR/2026-03-04/EUR|summary|0", its first 80 bits in base 32.
    assert reference(**same, ordinal=0) == "TB-58S60X1HS26B8R3P"
    assert reference(**same, ordinal=1) != reference(**same, ordinal=0)


def test_a_leg_explains_itself() -> None:
    assert explain(LEGS[0]) == [
        "The sale of 2026-03-04 is booked in a sales entry of journal 70, on customer Counter sales, which moves 1300 "
        "by EUR 13.10.",
        "EUR 10.00 with VAT code 2 and EUR 2.10 of VAT on revenue, GL account 8000: rule 1: revenue at 21 %, since "
        "2026-01-01.",
        "EUR 1.00 with VAT code NV and EUR 0.00 of VAT on tips, GL account 2150: rule 5: tips, since 2026-01-01; "
        "tips payable by default.",
        "It is an entry of its own and never part of a daily summary.",
    ]
    receipt = explain(LEGS[1])
    assert receipt[1] == "EUR 13.10 on receivables, GL account 1300: receivables account of the division."
    assert receipt[2] == "It waits until the sale of its order is booked, whose number it carries."


def test_a_waiting_leg_explains_what_it_waits_for() -> None:
    paid = external(1210, "CRYPTO")
    made = plan(paid, order([line(1210, "VAT 21", 210)], [paid]), context())
    told = explain(leg(made, LegKind.RECEIPT))
    assert len(told) == 1
    assert told[0].startswith("This receipt waits: No rule gives the account for other tender, tender EXTERNAL:CRYPTO")


def test_clearing_entries_hold_a_day_of_a_journal() -> None:
    coins = cash(500, number=3)
    legs = [*LEGS[1:], *CHECK_LEGS[1:], *plan(coins, order([line(500, "VAT 9", 41)], [coins]), context()).legs[1:]]
    made = list(clearing.entries(reversed(legs), most_lines=100))
    assert [(entry.document, entry.journal, len(part)) for entry, part in made] == [
        (Document.BANK_ENTRY, "21", 5),
        (Document.CASH_ENTRY, "10", 1),
    ]
    assert made == list(clearing.entries(legs, most_lines=100))


def test_a_long_clearing_entry_is_cut_and_pairs_stay_together() -> None:
    parts = [part for _, part in clearing.entries([*LEGS[1:], *CHECK_LEGS[1:]], most_lines=2)]
    assert [sum(len(one.lines) for one in part) for part in parts] == [2, 1, 2, 2]
    assert sum(len(part) for part in parts) == 5


def test_a_sale_or_a_waiting_leg_is_not_for_clearing() -> None:
    with pytest.raises(ValueError, match="not for a clearing entry"):
        clearing.entry_of(LEGS[0])
