"""What goes wrong on demand, and what has happened on the other side by then."""

from __future__ import annotations

import pytest
import requests

from connections.sandbox.faults import Fault, Faults
from tests.connections.sandbox.exact_world import World

SALES = "salesentry/SalesEntries"
POST = {"system": "exact", "method": "POST", "path": "*/SalesEntries"}


def _booked(world: World) -> int:
    return len(world.division.entries("70"))


def test_a_drop_before_does_nothing_and_a_drop_after_does_all() -> None:
    world = World()
    for action, booked in (("drop_before", 0), ("drop_after", 1)):
        world.sandbox.faults.add(Fault(action, **POST))
        with pytest.raises(requests.ConnectionError):
            world.post(SALES, world.sale())
        assert _booked(world) == booked
        world.sandbox.faults.clear()


def test_a_late_commit_shows_only_when_its_time_has_come() -> None:
    world = World()
    world.sandbox.faults.add(Fault("late_commit", seconds=90, **POST))
    with pytest.raises(requests.ConnectionError):
        world.post(SALES, world.sale())
    world.clock.advance(89)
    assert world.rows(SALES, filter="YourRef eq 'TB-1'", select="EntryID") == []
    world.clock.advance(1)
    assert len(world.rows(SALES, filter="YourRef eq 'TB-1'", select="EntryID")) == 1


def test_a_late_commit_was_authorised_when_it_arrived() -> None:
    world = World()
    world.sandbox.faults.add(Fault("late_commit", seconds=900, **POST))
    with pytest.raises(requests.ConnectionError):
        world.post(SALES, world.sale())
    world.clock.advance(900)
    world.sandbox.settle()
    assert _booked(world) == 1


@pytest.mark.parametrize(("action", "status", "booked"), [("500_page", 500, 0), ("500_after", 500, 1), ("503", 503, 0)])
def test_error_pages_are_html_without_the_vendors_envelope(action: str, status: int, booked: int) -> None:
    world = World()
    world.sandbox.faults.add(Fault(action, **POST))
    answer = world.post(SALES, world.sale())
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert _booked(world) == booked


def test_a_truncated_answer_is_half_of_it_and_the_work_is_done() -> None:
    world = World()
    world.sandbox.faults.add(Fault("truncate", **POST))
    answer = world.post(SALES, world.sale())
    assert (answer.status_code, _booked(world)) == (201, 1)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_an_answer_later_than_the_callers_patience_is_a_timeout_but_done() -> None:
    world = World()
    world.sandbox.faults.add(Fault("delay", seconds=40, **POST))
    with pytest.raises(requests.ReadTimeout):
        world.session.post(world.url + SALES, json=world.sale(), headers=world.headers, timeout=(5, 30))
    assert _booked(world) == 1


def test_tokens_expire_or_are_revoked_on_demand() -> None:
    world = World()
    world.sandbox.faults.add(Fault("expire_token", system="exact"))
    assert world.get("crm/Accounts").status_code == 401
    world.tokens = world.site.issue_tokens("app")
    assert world.get("crm/Accounts").status_code == 200
    world.sandbox.faults.add(Fault("revoke_token", system="exact"))
    assert world.get("crm/Accounts").status_code == 401


def test_a_fault_lets_some_calls_pass_and_then_hits_as_often_as_told() -> None:
    world = World()
    world.sandbox.faults.add(Fault("503", path="*/crm/Accounts", skip=1, times=2))
    assert [world.get("crm/Accounts").status_code for _ in range(4)] == [200, 503, 503, 200]
    assert world.get("vat/VATCodes").status_code == 200


def test_zero_times_means_always_and_chance_is_seeded() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault("503", times=0, probability=0.5))
        return [faults.strike("exact", "GET", "/") is not None for _ in range(50)]

    assert hits(1) == hits(1) != hits(2)
    assert 10 < sum(hits(1)) < 40


def test_an_unknown_action_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="drop_before"):
        Fault("explode")
