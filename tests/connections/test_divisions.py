from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal

from audit.models import AuditEntry
from connections import clients, credentials, divisions, locations, signals
from connections.credentials import StoredTokens
from connections.models import Connection, Division, Location
from connections.providers.exact import resources
from tests.connections.vendors import MAIN, OTHER, THIRD, Vendors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard() -> Iterator[Callable[[Signal], list[dict[str, Any]]]]:
    kept: list[tuple[Signal, Callable[..., None], list[dict[str, Any]]]] = []

    def listen(signal: Signal) -> list[dict[str, Any]]:
        notes: list[dict[str, Any]] = []

        def note(sender: object, **said: Any) -> None:
            notes.append(said)

        signal.connect(note)
        kept.append((signal, note, notes))
        return notes

    yield listen
    for signal, note, _ in kept:
        signal.disconnect(note)


def refresh(vendors: Vendors, row: Connection) -> None:
    vendors.time.advance(580)
    StoredTokens(row.pk).current()


@pytest.mark.accepts("S002-15")
def test_three_divisions_make_three_rows_and_the_current_one_is_known(vendors: Vendors) -> None:
    row = vendors.exact()
    found = divisions.discover(row)
    assert [(division.code, division.name) for division in found] == [
        (MAIN, "Koffiehuis BV"), (OTHER, "Koffiehuis Holding BV"), (THIRD, "Koffiehuis Vastgoed BV"),
    ]  # fmt: skip
    assert found[0].registration_number == "12345678"
    assert not any(division.is_pinned for division in found)
    assert Connection.objects.get().current_division == MAIN


@pytest.mark.accepts("S000-21")
def test_ten_reads_without_a_refresh_ask_for_me_once(vendors: Vendors) -> None:
    division = vendors.division(vendors.exact())
    for _ in range(10):
        list(clients.exact_client(division).read(resources.JOURNALS))
    assert vendors.calls("/current/Me") == 1
    data = [entry.path for entry in vendors.sandbox.log.entries if "Journals" in entry.path]
    assert data == [f"/api/v1/{MAIN}/financial/Journals"] * 10


@pytest.mark.accepts("S000-43")
def test_a_changed_current_division_is_recorded_and_nothing_is_read_elsewhere(vendors: Vendors) -> None:
    row = vendors.exact()
    division = vendors.division(row)
    vendors.site.set_current_division(OTHER)
    refresh(vendors, row)
    fact = AuditEntry.objects.get(verb="division.current_changed")
    assert (fact.detail["from"], fact.detail["to"]) == (MAIN, OTHER)
    assert Connection.objects.get().current_division == OTHER
    assert not Division.objects.get(pk=division.pk).is_held
    list(clients.exact_client(division).read(resources.JOURNALS))
    assert f"/api/v1/{MAIN}/financial/Journals" in [entry.path for entry in vendors.sandbox.log.entries]


@pytest.mark.accepts("S000-43")
def test_the_switch_to_follow_is_off_and_tells_whoever_listens_when_on(vendors: Vendors, heard: Any) -> None:
    row = vendors.exact()
    vendors.division(row)
    followed = heard(signals.division_followed)
    vendors.site.set_current_division(OTHER)
    refresh(vendors, row)
    assert followed == []
    Connection.objects.update(follow_current_division=True)
    vendors.site.set_current_division(THIRD)
    refresh(vendors, row)
    assert [(note["division"].code, note["former"]) for note in followed] == [(THIRD, OTHER)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda site: site.remove_division(MAIN), "no longer reaches"),
        (lambda site: site.rename_division(MAIN, "Andere Zaak BV"), "is now 'Andere Zaak BV'"),
        (lambda site: site.rename_division(MAIN, registration_number="99999999"), "now has 99999999"),
    ],
)
@pytest.mark.accepts("S000-43")
def test_a_pinned_division_that_became_another_is_held(
    vendors: Vendors, heard: Any, change: Callable[[Any], None], words: str
) -> None:
    row = vendors.exact()
    vendors.division(row)
    held = heard(signals.division_held)
    vendors.site.set_current_division(OTHER)
    change(vendors.site)
    refresh(vendors, row)
    division = Division.objects.get(code=MAIN)
    assert words in division.held_reason
    assert [note["reason"] for note in held] == [division.held_reason]
    refresh(vendors, row)
    assert len(held) == 1, "told once"
    assert AuditEntry.objects.filter(verb="division.held").count() == 1


def test_a_division_nobody_pinned_may_change_as_it_likes(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.division(row)
    vendors.site.rename_division(OTHER, "Iets Anders BV")
    vendors.site.remove_division(THIRD)
    refresh(vendors, row)
    assert not Division.objects.exclude(held_reason="").exists()
    assert not Division.objects.get(code=THIRD).is_active


def test_a_person_confirms_a_renamed_division_and_it_is_pinned_as_it_is_now(vendors: Vendors, heard: Any) -> None:
    row = vendors.exact()
    vendors.division(row)
    confirmed = heard(signals.division_confirmed)
    vendors.site.rename_division(MAIN, "Koffiehuis Nieuw BV")
    refresh(vendors, row)
    divisions.confirm(Division.objects.get(code=MAIN), by="anna")
    division = Division.objects.get(code=MAIN)
    assert (division.held_reason, division.pinned_name) == ("", "Koffiehuis Nieuw BV")
    assert [(note["division"], note["by"]) for note in confirmed] == [(division, "anna")]
    refresh(vendors, row)
    assert not Division.objects.get(code=MAIN).is_held


def test_a_division_that_changes_back_stays_held_until_a_person_confirms(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.division(row)
    vendors.site.set_current_division(OTHER)
    vendors.site.remove_division(MAIN)
    refresh(vendors, row)
    vendors.site.restore_division(MAIN)
    refresh(vendors, row)
    assert Division.objects.get(code=MAIN).is_held


def test_a_division_that_is_gone_cannot_be_confirmed(vendors: Vendors) -> None:
    row = vendors.exact()
    division = vendors.division(row)
    vendors.site.set_current_division(OTHER)
    vendors.site.remove_division(MAIN)
    refresh(vendors, row)
    with pytest.raises(divisions.NotConfirmable, match="does not list"):
        divisions.confirm(division, by="anna")


@pytest.mark.accepts("S000-05", "S003-27")
def test_each_connection_talks_to_its_own_country_site(vendors: Vendors) -> None:
    dutch, belgian = vendors.exact("NL"), vendors.exact("BE", region="be")
    divisions.discover(dutch)
    divisions.discover(belgian)
    assert {(entry.region, entry.division) for entry in vendors.sandbox.log.entries} == {
        ("nl", None), ("nl", MAIN), ("be", None), ("be", 200001),
    }  # fmt: skip
    assert [division.code for division in belgian.divisions.all()] == [200001]


@pytest.mark.accepts("S000-20")
def test_a_changed_region_goes_to_the_new_site_with_the_next_consent(vendors: Vendors) -> None:
    row = vendors.exact()
    Connection.objects.update(region="be")
    row = vendors.give(Connection.objects.get(pk=row.pk))
    divisions.discover(row)
    assert vendors.sandbox.log.entries[-1].region == "be"


def test_locations_are_kept_and_one_that_left_is_inactive(vendors: Vendors) -> None:
    row = vendors.square()
    assert {place.name for place in locations.discover(row)} == {"Amsterdam", "Utrecht"}
    vendors.sandbox.square.change_location("Utrecht", status="INACTIVE")
    locations.discover(row)
    assert set(Location.objects.filter(is_active=True).values_list("name", "timezone", "currency")) == {
        ("Amsterdam", "Europe/Amsterdam", "EUR")
    }
    assert AuditEntry.objects.filter(verb="location.discovered").count() == 2


def test_keeping_alive_compares_too(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.division(row)
    vendors.site.rename_division(MAIN, "Andere Zaak BV")
    vendors.time.advance(86_400)
    credentials.keep_alive(row)
    assert Division.objects.get(code=MAIN).is_held
