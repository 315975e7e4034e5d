from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import requests
import responses

from connections.providers.errors import (
    NoAnswer,
    NotAuthorised,
    Refused,
    Throttled,
    Unreachable,
    Unreadable,
    VendorError,
)
from connections.providers.exact import odata, resources
from connections.providers.exact.client import ExactClient, named
from tests.connections.providers.doubles import NOW, Tokens, Witness, transport
from tests.connections.providers.exact.odata_grammar import options

BASE = "http://127.0.0.1:9400/exact/nl"
API = f"{BASE}/api/v1"
ENTRIES = "salesentry/SalesEntries"
URL = f"{API}/12/{ENTRIES}"
GUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


def client(*, tokens: Tokens | None = None, witness: Witness | None = None, division: int | None = 12) -> ExactClient:
    return ExactClient(BASE, division=division, tokens=tokens or Tokens(), transport=transport(witness))


def refusal(sentence: str) -> dict[str, Any]:
    return {"error": {"code": "", "message": {"lang": "", "value": sentence}}}


def codes(**more: Any) -> list[str]:
    return [row["Code"] for row in client().rows(ENTRIES, select=["Code"], **more)]


def page(*names: str, following: str = "") -> dict[str, Any]:
    rows = {"results": [{"Code": name} for name in names]}
    return {"d": rows | ({"__next": following} if following else {})}


@responses.activate
def test_a_read_sends_its_token_its_properties_and_its_condition() -> None:
    responses.get(URL, json=page("a"))
    assert codes(where=odata.eq("YourRef", "it's"), orderby="EntryNumber desc", top=5) == ["a"]
    request = responses.calls[0].request
    assert request.headers["Authorization"] == "Bearer first"
    assert request.headers["Accept"] == "application/json"
    assert options(str(request.url).partition("?")[2]) == {
        "$select": "Code",
        "$filter": "YourRef eq 'it''s'",
        "$orderby": "EntryNumber desc",
        "$top": "5",
    }


@responses.activate
@pytest.mark.parametrize(
    "document",
    [
        {"d": {"results": [{"Code": "a"}, {"Code": "b"}]}},
        {"d": [{"Code": "a"}, {"Code": "b"}]},
        {"value": [{"Code": "a"}, {"Code": "b"}]},
    ],
    ids=["results", "bare array", "version 4"],
)
def test_every_list_envelope_is_read(document: Any) -> None:
    responses.get(URL, json=document)
    assert codes() == ["a", "b"]


@responses.activate
@pytest.mark.parametrize("document", [{"d": []}, {"d": {"results": []}}])
def test_an_empty_list_has_no_rows_and_no_first(document: Any) -> None:
    responses.get(URL, json=document)
    assert codes() == []
    assert client().first(ENTRIES, select=["Code"]) is None


@responses.activate
@pytest.mark.parametrize("marker", ["$skiptoken", "%24skiptoken"])
def test_the_next_page_is_asked_for_at_the_address_exact_gives(marker: str) -> None:
    following = f"{URL}?$select=Code&{marker}=datetime'2024-09-09T12%3A40%3A29.9',guid'{GUID}'"
    responses.get(
        URL, json=page("a", following=following), match=[responses.matchers.query_param_matcher({"$select": "Code"})]
    )
    responses.get(
        URL,
        json=page("b"),
        match=[
            responses.matchers.query_param_matcher(
                {"$select": "Code", "$skiptoken": f"datetime'2024-09-09T12:40:29.9',guid'{GUID}'"}
            )
        ],
    )
    assert codes() == ["a", "b"]


@responses.activate
def test_the_next_link_of_version_4_is_followed_too() -> None:
    responses.get(URL, json={"value": [{"Code": "a"}], "@odata.nextLink": f"{URL}?page=2"})
    responses.get(URL, json={"value": [{"Code": "b"}]}, match=[responses.matchers.query_param_matcher({"page": "2"})])
    responses.get(f"{URL}?page=2", json={"value": [{"Code": "b"}]})
    assert codes() == ["a", "b"]


@responses.activate
def test_no_more_rows_than_asked_for_come_out() -> None:
    responses.get(URL, json=page("a", "b", "c"))
    assert codes(top=2) == ["a", "b"]


@responses.activate
@pytest.mark.parametrize(
    "following",
    [
        "https://evil.test/exact/nl/api/v1/12/salesentry/SalesEntries",
        "https://127.0.0.1:9400/exact/nl/api/v1/12/salesentry/SalesEntries",
        "http://127.0.0.1:9401/exact/nl/api/v1/12/salesentry/SalesEntries",
        "http://127.0.0.1:9400@evil.test/exact/nl/api/v1/12/x",
        "http://127.0.0.1:9400/exact/be/api/v1/12/salesentry/SalesEntries",
        f"{API}/13/salesentry/SalesEntries",
        f"{API}/12/../13/salesentry/SalesEntries",
        f"{API}/12/%2e%2e/13/salesentry/SalesEntries",
        "/api/v1/12/salesentry/SalesEntries",
        17,
    ],
)
def test_a_next_page_outside_this_division_is_not_fetched(following: Any) -> None:
    responses.get(URL, json={"d": {"results": [{"Code": "a"}], "__next": following}})
    with pytest.raises(Unreadable):
        codes()
    assert len(responses.calls) == 1


@responses.activate
def test_pages_that_go_round_in_a_circle_end() -> None:
    responses.get(URL, json=page("a", following=f"{URL}?$skiptoken=1"))
    with pytest.raises(Unreadable, match="circle"):
        codes()


@responses.activate
@pytest.mark.parametrize("body", ['{"d": 7}', '{"d": {"results": [1]}}', "[]", "7", '{"d": {}}', "null"])
def test_a_list_of_another_form_is_unreadable(body: str) -> None:
    responses.get(URL, body=body)
    with pytest.raises(Unreadable):
        codes()


@responses.activate
@pytest.mark.parametrize("body", ["", '{"d": {"results": [{"Code', "<html>"])
def test_a_list_that_breaks_off_is_no_answer_and_may_be_asked_again(body: str) -> None:
    responses.get(URL, body=body)
    with pytest.raises(NoAnswer):
        codes()


@responses.activate
def test_amounts_come_out_digit_for_digit() -> None:
    responses.get(URL, body='{"d": [{"AmountFC": 0.1}, {"AmountFC": 90071992547409.93}, {"AmountFC": 5}]}')
    amounts = [row["AmountFC"] for row in client().rows(ENTRIES, select=["AmountFC"])]
    assert amounts == [Decimal("0.1"), Decimal("90071992547409.93"), 5]


@responses.activate
def test_me_is_a_list_of_one_and_its_time_is_local() -> None:
    row = {"CurrentDivision": 12, "UserID": GUID.upper(), "ServerTime": "2026-06-25T16:17:08", "ServerUtcOffset": 7200}
    responses.get(f"{API}/current/Me", json={"d": {"results": [row]}})
    found = client(division=None).me()
    assert (found.current_division, found.user_id, found.utc_offset) == (12, GUID, 7200)
    assert found.server_time is not None
    assert found.server_time.isoformat() == "2026-06-25T16:17:08"


@responses.activate
def test_divisions_are_asked_through_any_division() -> None:
    rows = [{"Code": 12, "Hid": "1", "Country": "NL ", "Description": "Shop", "Status": 1, "DivisionMoveDate": None}]
    responses.get(f"{API}/77/system/Divisions", json={"d": {"results": rows}})
    (found,) = client(division=None).divisions(77)
    assert (found.code, found.number, found.country, found.name, found.moved_at) == (12, 1, "NL", "Shop", None)


def test_books_are_not_read_without_a_division() -> None:
    with pytest.raises(ValueError, match="division"):
        client(division=None).rows(ENTRIES, select=["Code"])
    with pytest.raises(ValueError, match="division"):
        client(division=None).create(ENTRIES, {})


@responses.activate
def test_a_frozen_body_goes_out_byte_for_byte() -> None:
    responses.post(URL, json={"d": {"EntryID": GUID}}, status=201)
    assert client().create(ENTRIES, b'{"AmountFC":100.00}')["EntryID"] == GUID
    request = responses.calls[0].request
    assert request.body == b'{"AmountFC":100.00}'
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Prefer"] == "return=representation"


@responses.activate
def test_a_change_and_a_deletion_are_answered_without_a_body() -> None:
    responses.put(f"{URL}(guid'{GUID}')", status=204)
    responses.delete(f"{URL}(guid'{GUID}')", status=204)
    client().change(ENTRIES, GUID, {"Description": "x"})
    client().delete(ENTRIES, GUID)
    assert [call.request.method for call in responses.calls] == ["PUT", "DELETE"]
    assert "Prefer" not in responses.calls[0].request.headers


@responses.activate
@pytest.mark.parametrize(
    "body", ["", "{}", '{"d": null}', '{"d": [1]}', '{"d": {"EntryI', "<html>", '{"d": {"EntryID": 7}}']
)
def test_a_created_entry_whose_answer_cannot_be_read_may_exist(body: str) -> None:
    responses.post(URL, body=body, status=201)
    with pytest.raises(NoAnswer):
        client().create_read(ENTRIES, {}, read=resources.SALES_ENTRIES.read)


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, refusal("Periode is afgesloten: 2026 – 3"), Refused),
        (500, refusal(""), Refused),
        (400, refusal("Bad Request - Error in query syntax."), Refused),
        (404, None, Refused),
        (408, None, Refused),
        (500, None, NoAnswer),
        (500, {"message": "oops"}, NoAnswer),
        (502, None, NoAnswer),
        (503, None, NoAnswer),
        (302, None, NoAnswer),
        (403, refusal("Forbidden"), NotAuthorised),
        (429, None, Throttled),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_answer_becomes_the_one_error_that_says_what_to_do(
    method: str, status: int, body: Any, error: type[VendorError]
) -> None:
    content = "<html>Server Error</html>" if body is None else json.dumps(body)
    responses.add(method, URL, status=status, body=content)
    witness = Witness()
    with pytest.raises(error) as caught:
        codes_or_create(method, witness)
    assert type(caught.value) is error
    assert caught.value.status == status
    assert witness.ended[0].error is caught.value


def codes_or_create(method: str, witness: Witness) -> None:
    if method == "GET":
        list(client(witness=witness).rows(ENTRIES, select=["Code"]))
    else:
        client(witness=witness).create(ENTRIES, {})


@responses.activate
def test_a_refusal_carries_exacts_sentence_its_kind_and_its_field() -> None:
    responses.post(URL, status=500, json=refusal("Ongeldige referentie:  Btw-code\r\n"))
    with pytest.raises(Refused) as caught:
        client().create(ENTRIES, {})
    assert (caught.value.sentence, caught.value.code, caught.value.field) == (
        "Ongeldige referentie: Btw-code",
        "invalid_reference",
        "Btw-code",
    )


@responses.activate
def test_a_missing_scope_is_named() -> None:
    sentence = "Forbidden - Application Scope Violated. Cannot read 'organization.administration' scope."
    responses.get(URL, status=403, json=refusal(sentence))
    tokens = Tokens()
    with pytest.raises(NotAuthorised) as caught:
        list(client(tokens=tokens).rows(ENTRIES, select=["Code"]))
    assert (caught.value.code, caught.value.field) == ("scope", "organization.administration")
    assert not tokens.renewals


@responses.activate
def test_a_missing_right_is_forbidden() -> None:
    responses.get(URL, status=403, body="Forbidden")
    with pytest.raises(NotAuthorised) as caught:
        codes()
    assert caught.value.code == "forbidden"


@responses.activate
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_token_is_renewed_once_and_the_call_repeated(method: str) -> None:
    responses.add(method, URL, status=401)
    responses.add(method, URL, json=page("a") if method == "GET" else {"d": {"EntryID": GUID}})
    witness = Witness()
    codes_or_create(method, witness)
    assert [call.request.headers["Authorization"] for call in responses.calls] == ["Bearer first", "Bearer second"]
    assert len({seen.call.request_id for seen in witness.ended}) == 2
    assert [seen.status for seen in witness.ended] == [401, 200]


@responses.activate
@pytest.mark.parametrize(
    ("body", "code"), [("The access token expired", "expired"), ("Token revoked", "revoked"), ("", "unknown")]
)
def test_a_token_refused_twice_needs_a_person(body: str, code: str) -> None:
    responses.get(URL, status=401, body=body)
    with pytest.raises(NotAuthorised) as caught:
        codes()
    assert (caught.value.status, caught.value.code) == (401, code)
    assert len(responses.calls) == 2


@responses.activate
def test_a_429_says_until_when() -> None:
    reset = NOW.replace(hour=10, minute=0, second=0)
    responses.get(URL, status=429, headers={"X-RateLimit-Minutely-Reset": str(int(reset.timestamp() * 1000))})
    with pytest.raises(Throttled) as caught:
        codes()
    assert caught.value.until == reset


@responses.activate
def test_a_lost_connection_on_a_write_may_have_been_done() -> None:
    responses.post(URL, body=requests.exceptions.ReadTimeout())
    with pytest.raises(NoAnswer):
        client().create(ENTRIES, {})


@responses.activate
def test_a_connection_that_never_came_about_did_nothing() -> None:
    responses.post(URL, body=requests.exceptions.ConnectTimeout())
    with pytest.raises(Unreachable):
        client().create(ENTRIES, {})


@responses.activate
def test_every_page_is_a_call_of_its_own_under_a_stable_word() -> None:
    following = f"{URL}?$skiptoken=1"
    responses.get(
        URL, json=page("a", following=following), match=[responses.matchers.query_param_matcher({"$select": "Code"})]
    )
    responses.get(following, json=page("b"))
    witness = Witness()
    assert len(list(client(witness=witness).pages(ENTRIES, select=["Code"]))) == 2
    assert {(call.operation, call.method, call.path, call.division) for call in witness.begun} == {
        ("SalesEntries.list", "GET", ENTRIES, 12)
    }
    assert len({call.request_id for call in witness.begun}) == 2


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("salesentry/SalesEntries", "SalesEntries"),
        ("bulk/Financial/TransactionLines", "bulk.TransactionLines"),
        ("sync/Deleted", "sync.Deleted"),
        ("read/financial/ReceivablesList", "ReceivablesList"),
    ],
)
def test_a_path_has_one_word_in_the_ledger(path: str, word: str) -> None:
    assert named(path) == word
