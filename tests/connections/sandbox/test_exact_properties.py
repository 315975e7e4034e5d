"""What holds for any entry, any filter and any body."""

from __future__ import annotations

import json
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from connections.sandbox.exact.catalogue import endpoints
from connections.sandbox.exact.errors import BadRequest
from connections.sandbox.exact.odata import Parser, predicate
from tests.connections.sandbox.exact_world import World

ZONE = ZoneInfo("Europe/Amsterdam")
WORLD = World()
TYPES = {name: found.type for name, found in endpoints()["sync/Financial/GLAccounts"].properties.items()}
CENTS = st.integers(-1_000_000, 1_000_000).map(lambda amount: amount / 100)
SAID = "Code Type ID Timestamp eq ne gt and or not ( ) , 'x' 5 5L 1.5 null true startswith( trim( substringof( ''"
GUID, DATE = "guid'00000000-0000-0000-0000-000000000000'", "datetime'2026-01-31'"
WORDS = st.sampled_from([*SAID.split(), GUID, DATE])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["8000", "8001", "8002", "2150"]), CENTS, st.sampled_from("0123")),
        min_size=1,
        max_size=6,
    )
)
def test_any_sale_balances_and_the_receivable_is_net_plus_vat(lines: list[tuple[str, float, str]]) -> None:
    sale = WORLD.book_sale(*(WORLD.line(code, amount, vat) for code, amount, vat in lines))
    booked = [line for line in WORLD.division.lines() if line["EntryID"] == sale["EntryID"]]
    assert sum(line["AmountDC"] for line in booked) == 0
    assert booked[0]["GLAccountCode"] == "1300"
    assert booked[0]["AmountFC"] == Decimal(str(sale["AmountFC"]))


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=30))
def test_any_filter_is_read_or_refused(text: str) -> None:
    try:
        matches = predicate(Parser(text, TYPES, ZONE).parse())
    except BadRequest:
        return
    for row in WORLD.division.tables["glaccounts"]:
        assert matches(row) in (True, False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["AmountFC", "GLAccount", "results", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(sorted(endpoints()["salesentry/SalesEntries"].properties))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_any_body_is_booked_or_refused(changes: dict[str, object]) -> None:
    body = json.dumps({**WORLD.sale(), **changes}).encode()
    headers = {**WORLD.headers, "Content-Type": "application/json"}
    WORLD.site.errors = type(WORLD.site.errors)()
    answer = WORLD.session.post(f"{WORLD.url}salesentry/SalesEntries", data=body, headers=headers)
    assert answer.status_code in (201, 400, 500)
    assert answer.headers["Content-Type"].startswith("application/json")


OPTIONS = st.sampled_from(
    ["$select", "$orderby", "$top", "$skip", "$expand", "$skiptoken", "$filter", "$inlinecount", "$format", "x"]
)
LISTS = st.sampled_from(["financial/GLAccounts", "sync/Financial/GLAccounts", "read/financial/JournalStatusList"])


@settings(max_examples=300, deadline=None)
@given(
    LISTS,
    st.dictionaries(OPTIONS, st.text(max_size=12) | WORDS | st.lists(WORDS, max_size=5).map(" ".join), max_size=3),
)
def test_any_question_is_answered_or_refused(path: str, query: dict[str, str]) -> None:
    WORLD.site.errors = type(WORLD.site.errors)()
    answer = WORLD.session.get(WORLD.url + path, params=query, headers=WORLD.headers)
    assert answer.status_code in (200, 400)
