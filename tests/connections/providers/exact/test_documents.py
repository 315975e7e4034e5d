from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import responses

from connections.providers.errors import NoAnswer, Refused
from connections.providers.exact import documents, resources
from connections.providers.exact.client import ExactClient
from tests.connections.providers.doubles import Tokens, transport
from tests.connections.providers.exact.odata_grammar import options, parse

API = "https://start.exactonline.nl/api/v1/12"
GUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
OTHER = "00000000-0000-0000-0000-000000000002"


def client() -> ExactClient:
    return ExactClient("https://start.exactonline.nl/", division=12, tokens=Tokens(), transport=transport())


def asked(call: int = 0) -> dict[str, str]:
    return options(str(responses.calls[call].request.url).partition("?")[2])


@responses.activate
def test_a_posted_entry_comes_back_with_its_id_and_number() -> None:
    row = {"EntryID": GUID.upper(), "EntryNumber": 26700001, "AmountFC": 45.89, "YourRef": "TB-1", "Journal": "70"}
    responses.post(f"{API}/salesentry/SalesEntries", json={"d": row | {"InvoiceNumber": None}}, status=201)
    head = documents.post(client(), resources.SALES_ENTRIES, b"{}")
    assert (head.entry_id, head.entry_number, head.invoice_number, str(head.amount)) == (GUID, 26700001, None, "45.89")


@responses.activate
def test_a_bank_entry_has_no_amount_of_its_own() -> None:
    responses.post(f"{API}/financialtransaction/BankEntries", json={"d": {"EntryID": GUID, "JournalCode": "21"}})
    head = documents.post(client(), resources.BANK_ENTRIES, {})
    assert (head.amount, head.journal) == (None, "21")


@responses.activate
def test_an_answer_that_names_no_entry_is_no_answer() -> None:
    responses.post(f"{API}/salesentry/SalesEntries", json={"d": {"EntryID": None}}, status=201)
    with pytest.raises(NoAnswer):
        documents.post(client(), resources.SALES_ENTRIES, {})


@responses.activate
def test_a_refused_entry_is_refused() -> None:
    envelope = {"error": {"code": "", "message": {"lang": "", "value": "Period is closed"}}}
    responses.post(f"{API}/salesentry/SalesEntries", json=envelope, status=500)
    with pytest.raises(Refused, match="Period is closed"):
        documents.post(client(), resources.SALES_ENTRIES, {})


@responses.activate
def test_a_sales_entry_is_found_by_its_reference_as_often_as_it_stands_there() -> None:
    rows = [{"EntryID": GUID, "YourRef": "TB-1"}, {"EntryID": OTHER, "YourRef": "TB-1"}]
    responses.get(f"{API}/salesentry/SalesEntries", json={"d": {"results": rows}})
    assert [head.entry_id for head in documents.sales_entries(client(), ["TB-1"])] == [GUID, OTHER]
    assert asked() == {
        "$select": "EntryID,EntryNumber,InvoiceNumber,AmountFC,Status,YourRef,Journal,EntryDate",
        "$filter": "YourRef eq 'TB-1'",
    }


@responses.activate
@pytest.mark.parametrize(
    ("find", "path"), [(documents.bank_lines, "BankEntryLines"), (documents.cash_lines, "CashEntryLines")]
)
def test_a_money_entry_is_found_by_the_whole_description_of_a_line(find: Callable[..., Any], path: str) -> None:
    row = {
        "ID": OTHER,
        "EntryID": GUID,
        "AmountFC": -0.42,
        "Description": "TB-1 fee's",
        "Date": "/Date(1767225600000)/",
    }
    responses.get(f"{API}/financialtransaction/{path}", json={"d": [row]})
    (line,) = find(client(), ["TB-1 fee's"])
    assert (line.entry_id, str(line.amount), line.description) == (GUID, "-0.42", "TB-1 fee's")
    assert asked()["$filter"] == "Description eq 'TB-1 fee''s'"


@responses.activate
def test_nothing_asked_is_nothing_sent() -> None:
    assert documents.sales_entries(client(), []) == ()
    assert list(documents.ledger_lines(client(), [])) == []


@responses.activate
def test_the_ledger_lines_of_many_entries_are_read_thirty_entries_a_call() -> None:
    row = {"ID": OTHER, "EntryID": GUID, "AmountFC": 1, "GLAccountCode": "  8000", "VATCode": "2  "}
    responses.get(re.compile(f"{API}/bulk/Financial/TransactionLines.*"), json={"d": {"results": [row]}})
    ids = [f"00000000-0000-0000-0000-{number:012d}" for number in range(61)]
    found = list(documents.ledger_lines(client(), [*ids, ids[0].upper()]))
    assert len(found) == len(responses.calls) == 3
    assert (found[0].gl_account_code, found[0].vat_code) == ("8000", "2")
    assert parse(asked(2)["$filter"]) == ("eq", ("name", "EntryID"), ("typed", f"guid'{ids[60]}'"))
    assert parse(asked(0)["$filter"])[0] == "or"
    assert len(parse(asked(0)["$filter"])) == 31


def test_an_id_that_is_no_guid_never_reaches_a_filter() -> None:
    with pytest.raises(ValueError):
        list(documents.ledger_lines(client(), ["x' or 1 eq 1"]))
