"""Lists, pages, filters and types as OData v2 at Exact."""

from __future__ import annotations

import re

import pytest

from connections.sandbox.exact.template import GL_ACCOUNTS
from tests.connections.sandbox.exact_world import DIVISION, World, said


def test_me_is_a_list_of_one_with_the_servers_wall_clock() -> None:
    world = World()
    answer = world.session.get(f"{world.site_url}/api/v1/current/Me", headers=world.headers)
    (me,) = answer.json()["d"]["results"]
    assert (me["CurrentDivision"], me["Legislation"], me["LanguageCode"]) == (DIVISION, "1", "en-GB")
    assert (me["ServerTime"], me["ServerUtcOffset"]) == ("2026-03-10T13:00:05", 3600)
    assert "X-RateLimit-Limit" not in answer.headers


def test_divisions_are_keyed_by_code_and_padded() -> None:
    world = World()
    (row,) = world.rows(
        "system/Divisions", select="Code,Description,Country,Hid,Current,ChamberOfCommerceNumber,Status"
    )
    assert row.pop("__metadata")["uri"].endswith(f"system/Divisions({DIVISION})")
    assert row == {
        "Code": DIVISION,
        "ChamberOfCommerceNumber": "34567890",
        "Country": "NL ",
        "Current": True,
        "Description": "Grachten Retail BV",
        "Hid": "1",
        "Status": 1,
    }


def test_a_division_can_be_renamed_removed_and_no_longer_current() -> None:
    world = World()
    other = world.site.add_division(100002, "Tweede BV")
    world.site.set_current_division(100002)
    world.site.rename_division(DIVISION, "Anders BV")
    assert [row["Description"] for row in world.rows("hrm/Divisions", select="Code,Description")] == [
        "Anders BV",
        "Tweede BV",
    ]
    assert (
        world.session.get(f"{world.site_url}/api/v1/current/Me", headers=world.headers).json()["d"]["results"][0][
            "CurrentDivision"
        ]
        == other.code
    )
    world.site.remove_division(DIVISION)
    assert world.get("crm/Accounts").status_code == 403


def test_a_small_top_gives_a_bare_array_and_the_rest_an_envelope() -> None:
    world = World()
    assert isinstance(world.get("financial/GLAccounts", top="5").json()["d"], list)
    assert world.get("financial/GLAccounts", top="5", filter="Code eq 'x'").json() == {"d": []}
    assert set(world.get("financial/GLAccounts", top="61").json()["d"]) == {"results"}
    assert set(world.get("financial/GLAccounts").json()["d"]) == {"results"}
    assert world.get("financial/GLAccounts", top="5", inlinecount="allpages").json()["d"]["__count"] == str(
        len(GL_ACCOUNTS)
    )


def _many(world: World, count: int = 130) -> None:
    for number in range(count):
        world.division.add_account(f"Customer {number:03}", City="Even" if number % 2 == 0 else "Odd")


def test_pages_of_sixty_follow_each_other_without_gap_or_repeat() -> None:
    world = World()
    _many(world)
    for order in ("", "Name", "Name desc", "City desc,Name", "Modified asc"):
        options = {"orderby": order} if order else {}
        rows = world.rows("crm/Accounts", select="ID,Name", filter="startswith(Name,'Customer')", **options)
        assert len({row["ID"] for row in rows}) == len(rows) == 130
        if order.startswith("Name"):
            names = [row["Name"] for row in rows]
            assert names == sorted(names, reverse="desc" in order)


def test_the_next_link_keeps_the_question_and_counts_the_top_down() -> None:
    world = World()
    _many(world)
    data = world.get("crm/Accounts", top="100", select="ID", orderby="Modified asc").json()["d"]
    assert re.fullmatch(
        rf"{re.escape(world.url)}crm/Accounts\?\$orderby=Modified%20asc&\$select=ID&\$top=40"
        r"&\$skiptoken=datetime'2026-03-10T13%3A00%3A05',guid'[0-9a-f-]{36}'",
        data["__next"],
    )
    rest = world.session.get(data["__next"].replace("$skiptoken", "%24skiptoken"), headers=world.headers).json()["d"]
    assert (len(rest["results"]), "__next" in rest) == (40, False)


def test_rows_added_behind_the_reader_do_not_shift_its_pages() -> None:
    world = World()
    _many(world, 70)
    data = world.get("crm/Accounts", orderby="Name", select="ID,Name", filter="startswith(Name,'Customer')").json()["d"]
    world.division.add_account("Customer 000 again")
    rest = world.session.get(data["__next"], headers=world.headers).json()["d"]["results"]
    assert [row["Name"] for row in rest] == [f"Customer {number:03}" for number in range(60, 70)]


@pytest.mark.parametrize(
    ("condition", "codes"),
    [
        ("Code eq '8000'", {"8000"}),
        ("Code eq '8000' or Code eq '8001'", {"8000", "8001"}),
        ("Type eq 24 and not (Code eq '1510')", {"1500", "1501"}),
        ("startswith(Code,'80') and Code ne '8090' and Type ge 110", {"8000", "8001", "8002", "8010"}),
        ("substringof('VAT payable',Description)", {"1500", "1501"}),
        ("substringof('VAT payable',Description) eq true", {"1500", "1501"}),
        ("endswith(Description,'21 %') and Type eq 110", {"8000"}),
        ("trim(Code) eq '1300'", {"1300"}),
        ("IsBlocked eq true", set()),
        ("VATCode eq null and Type eq 60", {"2160"}),
        ("VATCode eq '2' and Type eq 60", {"2150"}),
        ("(Type eq 20 or Type eq 22) and Created lt datetime'2030-01-01'", {"1300", "1600"}),
        ("Description eq 'it''s'", set()),
    ],
)
def test_filters_choose_the_rows_they_say(condition: str, codes: set[str]) -> None:
    world = World()
    assert {row["Code"] for row in world.rows("financial/GLAccounts", select="Code", filter=condition)} == codes


@pytest.mark.parametrize(
    "condition",
    [
        "Code = '8000'",
        "Code eq 8000",
        "Code eq '8000",
        "ID eq '8000'",
        "Type eq '20'",
        "Code",
        "year(Created) eq 2026",
        "Code eq '8000' or",
        "(Code eq '8000'",
        "Created gt datetime'soon'",
        "guid'1' eq ID",
        "not Code",
    ],
)
def test_filters_exact_would_not_read_are_refused(condition: str) -> None:
    world = World()
    assert world.get("financial/GLAccounts", filter=condition).status_code == 400


def test_codes_are_padded_and_an_unpadded_relation_code_finds_nothing() -> None:
    world = World()
    assert world.rows("crm/Accounts", filter="Code eq '0000001'") == []
    (row,) = world.rows("crm/Accounts", filter="trim(Code) eq '0000001'", select="Code,Name")
    assert (row["Code"], row["Name"]) == ("           0000001", "Counter sales")
    assert {row["Code"] for row in world.rows("vat/VATCodes", select="Code")} == {
        "0  ",
        "1  ",
        "2  ",
        "3  ",
        "NV ",
        "VN ",
    }


def test_types_come_out_as_recorded() -> None:
    world = World()
    world.book_sale()
    (row,) = world.rows("financialtransaction/TransactionLines", filter="GLAccountCode eq '8000'")
    assert (row["Date"], row["AmountFC"], row["VATCode"], row["VATPercentage"]) == (
        "/Date(1773014400000)/",
        -100,
        "2  ",
        0.21,
    )
    assert row["Created"] == "/Date(1773147605000)/"  # 13:00:05 on the wall, 12:00:05 in UTC
    (synced,) = world.rows("sync/Financial/TransactionLines", filter="Timestamp gt 1L", select="Timestamp,LineNumber")[
        1:2
    ]
    assert isinstance(synced["Timestamp"], str)
    (percentage,) = world.rows("vat/VATCodes", filter="Code eq '2'", select="Percentage")
    assert percentage["Percentage"] == 0.21


def test_lines_are_deferred_unless_expanded() -> None:
    world = World()
    sale = world.book_sale()
    assert list(sale["SalesEntryLines"]) == ["__deferred"]
    path = f"salesentry/SalesEntries(guid'{sale['EntryID']}')"
    entity = world.get(path, expand="SalesEntryLines", select="EntryID,SalesEntryLines/AmountFC").json()["d"]
    assert [line["AmountFC"] for line in entity["SalesEntryLines"]["results"]] == [100]
    assert set(entity) == {"__metadata", "EntryID", "SalesEntryLines"}
    lines = world.session.get(sale["SalesEntryLines"]["__deferred"]["uri"], headers=world.headers).json()["d"][
        "results"
    ]
    assert [line["GLAccountCode"] for line in lines] == ["8000"]
    assert world.get("salesentry/SalesEntries", expand="Customer").status_code == 400


def test_a_reference_is_found_with_eq() -> None:
    world = World()
    for number in range(3):
        world.book_sale(YourRef=f"TB-{number}")
    (row,) = world.rows("salesentry/SalesEntries", filter="YourRef eq 'TB-1'", select="EntryID,EntryNumber", top="1")
    assert row["EntryNumber"] == 26700002
    world.post("financialtransaction/BankEntries", world.receipt(world.paid(1.0, Description="TB-9 a")))
    (line,) = world.rows(
        "financialtransaction/BankEntryLines", filter="Description eq 'TB-9 a'", select="EntryID,AmountFC"
    )
    assert line["AmountFC"] == 1


def test_many_entries_are_asked_for_in_one_filter() -> None:
    world = World()
    ids = [world.book_sale(YourRef=f"TB-{number}")["EntryID"] for number in range(40)]
    condition = " or ".join(f"EntryID eq guid'{key}'" for key in ids[:35])
    rows = world.rows("bulk/Financial/TransactionLines", filter=condition, select="EntryID,AmountDC")
    assert {row["EntryID"] for row in rows} == set(ids[:35])
    assert len(rows) == 105


def test_bulk_wants_a_select_and_sync_filters_by_timestamp_only() -> None:
    world = World()
    assert said(world.get("bulk/Financial/TransactionLines")).startswith("Please add a $select")
    assert world.get("bulk/Financial/GLAccounts", select="ID", filter="Description eq 'x'").status_code == 400
    answer = world.get("sync/Financial/TransactionLines", filter="Date gt datetime'2026-01-01'")
    assert said(answer) == "Filtering on these fields is not supported: Date"
    assert world.get("sync/Financial/TransactionLines", select="*").status_code == 400


def test_sync_gives_new_and_changed_rows_in_order() -> None:
    world = World()
    sale = world.book_sale()
    rows = world.rows("sync/Financial/TransactionLines", filter="Timestamp gt 1L", select="ID,Timestamp,LineNumber")
    assert [row["LineNumber"] for row in rows] == [0, 1, 2]
    last = rows[-1]["Timestamp"]
    assert world.rows("sync/Financial/TransactionLines", filter=f"Timestamp gt {last}L") == []
    world.put(f"salesentry/SalesEntries(guid'{sale['EntryID']}')", {"Description": "changed"})
    again = world.rows("sync/Financial/TransactionLines", filter=f"Timestamp gt {last}L", select="ID,Timestamp")
    assert {row["ID"] for row in again} == {row["ID"] for row in rows}


def test_counts_come_as_plain_text() -> None:
    world = World()
    answer = world.get("financial/GLAccounts/$count", filter="Type eq 110")
    assert (answer.text, answer.headers["Content-Type"]) == ("5", "text/plain;charset=utf-8")


def test_a_date_gives_the_row_version_to_start_from() -> None:
    world = World()
    world.book_sale()
    query = "?modified=datetime'2026-03-11'&endPoint='TransactionLines'"
    answer = world.session.get(f"{world.url}read/sync/Sync/SyncTimestamp{query}", headers=world.headers)
    (row,) = answer.json()["d"]["results"]
    assert world.rows("sync/Financial/TransactionLines", filter=f"Timestamp gt {row['TimeStampAsBigInt']}L") == []


def test_mandatory_filtering_is_a_property_of_the_app() -> None:
    world = World(mandatory_filtering=True)
    assert "mandatory filtering applied" in said(world.get("crm/Accounts"))
    assert world.get("crm/Accounts", filter="Name eq 'x'").status_code == 200
    assert world.get("vat/VATCodes").status_code == 200


def test_dates_can_be_switched_to_utc() -> None:
    world = World()
    world.site.switches.dates_in_utc = True
    assert {row["Created"] for row in world.rows("vat/VATCodes", select="Created")} == {"/Date(1773144005000)/"}


def test_a_page_that_is_kept_is_made_anew_once_a_row_changes() -> None:
    world = World()
    world.site.switches.pages_kept = 2
    first = world.get("financial/GLAccounts", select="Code").content
    assert world.get("financial/GLAccounts", select="Code").content == first
    world.division.add_gl_account("0999", "New", 90)
    assert b"0999" in world.get("financial/GLAccounts", select="Code", filter="Code eq '0999'").content
    assert world.get("financial/GLAccounts", select="Code,ID").content != first
    world.site.expire_token(world.headers["Authorization"].split()[1])
    assert world.get("financial/GLAccounts", select="Code").status_code == 401
