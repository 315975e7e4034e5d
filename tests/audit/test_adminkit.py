from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import adminkit, words
from audit.adminkit import BoundedPaginator, ConfirmedAction, Outcome, registry
from audit.adminkit import base as kit
from audit.adminkit.filters import spans
from audit.models import AuditEntry
from audit.trail import Fact
from tests.pages import NOW, confirm, in_role, text_of
from tests.till import Shop

LIST = "/admin/audit/auditentry/"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1234.50"), "EUR</span> 1,234.50"),
        (Decimal("-3.00"), "EUR</span> −3.00"),
        (Decimal(500), "EUR</span> 500"),
        (Decimal("1.234"), "EUR</span> 1.234"),
    ],
)
def test_an_amount_keeps_the_decimals_of_its_currency(value: Decimal, shown: str) -> None:
    assert shown in adminkit.amount(value, "EUR")


def test_what_is_shown_is_escaped() -> None:
    assert "<b>" not in adminkit.badge("<b>x</b>", "bad")
    assert "<b>" not in adminkit.link("/x", "<b>")
    assert adminkit.link("", "plain") == "plain"


def test_an_unknown_tone_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no tone"):
        adminkit.badge("x", "purple")


def test_json_is_shown_with_its_amounts_as_they_stand() -> None:
    assert '"AmountFC": 10.50' in adminkit.pretty_json('{"AmountFC":10.50,"x":"\\u00e9"}')
    assert adminkit.pretty_json("<not json>") == "<not json>"


@pytest.mark.parametrize(
    ("seconds", "words_"), [(5, "just now"), (60, "1 minute ago"), (7200, "2 hours ago"), (200_000, "2 days ago")]
)
def test_how_long_ago_is_said_as_people_say_it(seconds: int, words_: str) -> None:
    assert adminkit.ago(NOW - timedelta(seconds=seconds), NOW) == words_


def test_named_spans_include_the_whole_last_month() -> None:
    assert dict(spans(date(2026, 3, 5)))["Last month"] == (date(2026, 2, 1), date(2026, 2, 28))


def test_counting_stops_at_the_bound(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "CAP", 3)
    shop.tell(*[Fact("run.done", "run", n, "run") for n in range(6)])
    pages = BoundedPaginator(AuditEntry.objects.all(), 2)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert (pages.count, pages.is_capped, pages.num_pages) == (3, True, 2)
    assert len(asked) == 1
    assert "LIMIT 4" in asked[0]["sql"]


def test_a_list_says_that_it_was_capped(shop: Shop, anna: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "CAP", 3)
    shop.tell(*[Fact("run.done", "run", n, "run") for n in range(6)])
    assert "More than 3 audit entries; filter the list" in text_of(anna.get(LIST))


def test_a_search_compares_whole_values_and_may_find_nothing(shop: Shop, anna: Client) -> None:
    shop.tell(Fact("run.done", "run", 1, "TB-ONE", "PAY1"), Fact("run.done", "run", 2, "TB-ONETWO", "PAY2"))
    found = text_of(anna.get(LIST, {"q": " TB-ONE "}))
    assert "1 found" in found
    assert "TB-ONETWO" not in found
    assert "Nothing fits the search “TB”" in text_of(anna.get(LIST, {"q": "TB"}))


def test_an_empty_list_says_why_it_is_empty(shop: Shop, anna: Client) -> None:
    assert "Nothing has happened yet." in text_of(anna.get(LIST))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"at_from": "2026-11-21", "at_to": "2026-11-21"}, {"today"}),
        ({"at_to": "2026-11-20"}, {"late"}),
        ({"at_from": "2026-11-20"}, {"late", "today"}),
        ({"at_from": "nonsense"}, {"late", "today"}),
    ],
)
def test_a_range_of_days_counts_in_the_readers_zone(
    shop: Shop, anna: Client, query: dict[str, str], expected: set[str]
) -> None:
    """23:30 in Amsterdam is 22:30 UTC: still the 20th; a wrong zone would move it."""
    shop.tell(Fact("run.done", "run", 1, "today"))
    shop.now = NOW.replace(day=20, hour=22, minute=30)
    shop.tell(Fact("run.done", "run", 2, "late"))
    shown = anna.get(LIST, query).context["cl"].result_list
    assert {entry.subject for entry in shown} == expected


def test_a_filter_set_by_a_link_is_shown_and_can_be_let_go(shop: Shop, anna: Client) -> None:
    shop.tell(Fact("run.done", "run", 1, "one", "PAY1"), Fact("run.done", "run", 2, "two", "PAY2"))
    assert "Source All PAY1" in text_of(anna.get(LIST, {"source": "PAY1"}))
    assert "Source All" not in text_of(anna.get(LIST))


def test_every_verb_of_the_product_has_words() -> None:
    assert words.say("posting.refused") == "entry refused by Exact, or kept back before it was sent"
    assert words.say("thing.never_seen") == "thing never seen"


# --- Confirmed actions ----------------------------------------------------------------------------------------------
@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], str]]:
    """An action added to the audit trail's page from outside; collects what it was run with."""
    calls: list[tuple[list[int], str]] = []

    def run(request: Any, rows: Any, reason: str) -> Outcome:
        calls.append((sorted(rows.values_list("pk", flat=True)), reason))
        return Outcome(done=1, skipped=[("TB-1", "it is done"), ("TB-2", "it is done")])

    action = ConfirmedAction(
        name="mark", label="Mark", explains="Marks them.", permission="audit.export_auditentry", run=run, done="marked",
        reversible="No.", asks_reason=True, applies=lambda entry: entry.verb == "run.done",
    )  # fmt: skip
    monkeypatch.setitem(registry._actions, AuditEntry, {"mark": action})
    return calls


Acted = list[tuple[list[int], str]]


def entry(shop: Shop, subject: str = "run 1", verb: str = "run.done") -> AuditEntry:
    shop.tell(Fact(verb, "run", 1, subject))
    return AuditEntry.objects.get(subject=subject)


def test_an_action_first_says_what_it_will_do(shop: Shop, anna: Client, acted: Acted) -> None:
    row = entry(shop)
    page = text_of(anna.get(f"{LIST}{row.pk}/do/mark/"))
    assert "Marks them." in page
    assert "1 audit entry" in page
    assert acted == []


def test_a_confirmed_action_runs_and_says_what_came_of_it(shop: Shop, anna: Client, acted: Acted) -> None:
    row = entry(shop)
    page = text_of(confirm(anna, f"{LIST}{row.pk}/do/mark/", reason="because"))
    assert acted == [([row.pk], "because")]
    assert "1 audit entry marked." in page
    assert "2 skipped (TB-1, TB-2): it is done" in page


def test_without_a_reason_nothing_is_done(shop: Shop, anna: Client, acted: Acted) -> None:
    row = entry(shop)
    response = anna.post(f"{LIST}{row.pk}/do/mark/", {"confirmed": "yes", "count": "1", "reason": "  "})
    assert response.status_code == 422
    assert "Give a reason" in text_of(response)
    assert acted == []


def test_an_action_on_a_selection_confirms_exactly_that_selection(shop: Shop, anna: Client, acted: Acted) -> None:
    rows = [entry(shop, f"run {number}") for number in range(3)]
    chosen = {"action": "mark", "_selected_action": [str(row.pk) for row in rows[:2]]}
    assert "2 audit entries" in text_of(anna.post(LIST, chosen))
    confirm(anna, LIST, count=2, reason="x", **chosen)
    assert acted == [([rows[0].pk, rows[1].pk], "x")]


def test_a_selection_that_changed_meanwhile_is_shown_again(shop: Shop, anna: Client, acted: Acted) -> None:
    rows = [entry(shop, f"run {number}") for number in range(3)]
    everything = {"action": "mark", "_selected_action": [str(rows[0].pk)], "select_across": "1"}
    page = confirm(anna, LIST, count=2, reason="x", **everything)
    assert "The selection changed while you were reading: it is now 3." in text_of(page)
    assert acted == []


def test_who_lacks_the_permission_is_neither_offered_nor_allowed_the_action(shop: Shop, acted: Acted) -> None:
    row = entry(shop)
    client = in_role("Bookkeeper")
    assert "/do/mark/" not in client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert 'value="mark"' not in client.get(LIST).content.decode()
    assert client.get(f"{LIST}{row.pk}/do/mark/").status_code == 403
    assert confirm(client, f"{LIST}{row.pk}/do/mark/", reason="x").status_code == 403
    confirm(client, LIST, reason="x", action="mark", _selected_action=[str(row.pk)])
    assert acted == []


def test_a_button_is_offered_only_where_it_applies(shop: Shop, anna: Client, acted: Acted) -> None:
    done, failed = entry(shop, "run 1"), entry(shop, "run 2", "run.failed")
    assert "/do/mark/" in anna.get(f"{LIST}{done.pk}/change/").content.decode()
    assert "/do/mark/" not in anna.get(f"{LIST}{failed.pk}/change/").content.decode()


def test_an_unknown_action_or_row_is_not_found(shop: Shop, anna: Client) -> None:
    row = entry(shop)
    assert anna.get(f"{LIST}{row.pk}/do/nonsense/").status_code == 404
    assert anna.get(f"{LIST}999999/do/replay/").status_code == 404


def test_too_large_a_selection_is_refused(
    shop: Shop, anna: Client, acted: Acted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.adminkit.actions.MOST", 2)
    rows = [entry(shop, f"run {number}") for number in range(3)]
    everything = {"action": "mark", "_selected_action": [str(row.pk) for row in rows]}
    page = confirm(anna, LIST, count=3, reason="x", **everything)
    assert "At most 2 can be taken at once." in text_of(page)
    assert acted == []
