"""Reading Exact as it pages and filters: nothing lost, nothing injected."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import requests
import responses

from connections import clients
from connections.providers.exact import odata

SELECT = ("ID", "Code", "Name", "Modified")
PATH = "crm/Accounts"
# The shop's relations were made at 12:00 UTC, which the clock on Exact's Dutch wall calls 13:00.
MADE = datetime(2026, 3, 2, 13)  # noqa: DTZ001 - a wall clock has no zone
HOUR = timedelta(hours=1)


@pytest.fixture
def exact(till):
    return clients.exact_client(till.world.shop.division)


@pytest.fixture
def relations(till):
    """137 relations beside those of the shop."""
    for number in range(137):
        till.world.books.add_account(f"Relation {number:03}", City="Zwolle")


@pytest.fixture
def plain_sessions(monkeypatch):
    """Calls that leave the process, for answers the sandbox never gives."""
    monkeypatch.setattr(clients, "session_factory", requests.Session)


@pytest.mark.accepts("S002-59", "S002-58", "S002-56")
def test_137_rows_come_in_three_pages_also_when_one_is_added_meanwhile(till, exact, relations):
    till.world.sandbox.log.clear()

    pages = exact.pages(PATH, select=SELECT, where=odata.eq("City", "Zwolle"), orderby="ID")
    read = list(next(pages))
    till.world.books.add_account("Relation 999", City="Zwolle")
    read += [row for page in pages for row in page]

    assert till.calls("exact", "GET", "crm/Accounts") == 3
    assert {f"Relation {number:03}" for number in range(137)} <= {row["Name"] for row in read}
    assert len({row["ID"] for row in read}) == len(read)
    assert all(set(row) - {"__metadata"} == set(SELECT) for row in read)


@pytest.mark.accepts("S002-57")
def test_the_first_rows_can_be_asked_for_alone(exact, relations):
    rows = list(exact.rows(PATH, select=SELECT, where=odata.eq("City", "Zwolle"), orderby="Name", top=5))

    assert [row["Name"] for row in rows] == [f"Relation {number:03}" for number in range(5)]


@pytest.mark.accepts("S002-53", "S002-54", "S002-55")
@pytest.mark.parametrize("name", ["O'Brien", "x' or Name ne '", "100 % & more?", "Café + bar"])
def test_names_with_signs_are_found_by_their_own_name_and_find_nothing_else(till, exact, name):
    till.world.books.add_account(name)

    assert [row["Name"] for row in exact.rows(PATH, select=SELECT, where=odata.eq("Name", name))] == [name]


@pytest.mark.accepts("S002-53", "S002-55")
@pytest.mark.parametrize(
    ("where", "found"),
    [
        (odata.ge("Modified", MADE), True),
        (odata.gt("Modified", MADE), False),
        (odata.lt("Modified", MADE + HOUR), True),
        (odata.le("Modified", MADE - HOUR), False),
        (odata.ne("Name", "Studio Noord"), False),
        (odata.any_of(odata.gt("Modified", MADE), odata.startswith("Name", "Studio")), True),
        (odata.negate(odata.startswith("Name", "Studio")), False),
    ],
)
def test_each_operator_means_what_it_says_in_exacts_wall_clock(exact, where, found):
    both = odata.all_of(odata.eq("Name", "Studio Noord"), where)

    assert bool(list(exact.rows(PATH, select=SELECT, where=both))) is found


@pytest.mark.accepts("S002-58")
@pytest.mark.parametrize("link", ["__next", "@odata.nextLink"])
def test_the_next_link_of_either_protocol_is_followed(till, plain_sessions, link):
    address = f"http://127.0.0.1:9400/exact/nl/api/v1/{till.world.shop.division.code}/{PATH}"
    rows = {"results" if link == "__next" else "value": [{"ID": "1"}]}
    pages = [{**rows, link: f"{address}?$skiptoken='1'"}, rows]

    with responses.RequestsMock() as wire:
        for page in pages:
            wire.get(address, json={"d": page} if link == "__next" else page)
        client = clients.exact_client(till.world.shop.division)
        assert len(list(client.rows(PATH, select=("ID",)))) == 2
