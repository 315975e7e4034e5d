"""Quotas in fixed windows and the error budget, on the sandbox clock."""

from __future__ import annotations

from connections.sandbox.exact import Limits
from connections.sandbox.faults import Fault
from tests.connections.sandbox.exact_world import World

DAY = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
MINUTE = {"X-RateLimit-Minutely-Limit", "X-RateLimit-Minutely-Remaining", "X-RateLimit-Minutely-Reset"}


def _limits(headers: object) -> dict[str, str]:
    return {name: value for name, value in dict(headers).items() if name.startswith("X-RateLimit")}  # type: ignore[call-overload]


def test_each_answer_tells_both_windows_in_epoch_milliseconds() -> None:
    world = World(limits=Limits(60, 5000))
    answer = world.get("crm/Accounts", top="1")
    assert _limits(answer.headers) == {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "4999",
        "X-RateLimit-Reset": "1773187200000",  # the next midnight in UTC
        "X-RateLimit-Minutely-Limit": "60",
        "X-RateLimit-Minutely-Remaining": "59",
        "X-RateLimit-Minutely-Reset": "1773144060000",  # the next full minute
    }


def test_beyond_the_minute_only_its_window_is_told_and_the_next_minute_is_free() -> None:
    world = World(limits=Limits(2, 5000))
    assert [world.get("crm/Accounts", top="1").status_code for _ in range(3)] == [200, 200, 429]
    answer = world.get("crm/Accounts", top="1")
    assert (set(_limits(answer.headers)), answer.content) == (MINUTE, b"")
    assert "Retry-After" not in answer.headers
    world.clock.advance(55)
    assert world.get("crm/Accounts", top="1").status_code == 200


def test_beyond_the_day_only_its_window_is_told() -> None:
    world = World(limits=Limits(60, 2))
    assert [world.get("crm/Accounts", top="1").status_code for _ in range(3)] == [200, 200, 429]
    assert set(_limits(world.get("crm/Accounts").headers)) == DAY
    world.clock.advance(12 * 3600)
    world.tokens = world.site.issue_tokens("app")
    assert world.get("crm/Accounts", top="1").status_code == 200


def test_quotas_count_per_administration() -> None:
    world = World(limits=Limits(1, 5000))
    world.site.add_division(100002, "Tweede BV")
    assert world.get("crm/Accounts", top="1").status_code == 200
    assert world.get("crm/Accounts", top="1").status_code == 429
    other = world.url.replace("100001", "100002")
    assert world.session.get(other + "vat/VATCodes", headers=world.headers).status_code == 200


def test_the_eleventh_error_of_an_endpoint_in_an_hour_blocks_the_key_for_an_hour_then_for_two() -> None:
    world = World()
    for lasting in (3600, 7200):
        assert [world.get("crm/Accounts", filter="x").status_code for _ in range(11)] == [400] * 11
        assert world.get("vat/VATCodes").status_code == 429
        world.clock.advance(lasting - 1)
        world.tokens = world.site.issue_tokens("app")
        assert world.get("vat/VATCodes").status_code == 429
        world.clock.advance(1)
        assert world.get("vat/VATCodes").status_code == 200


def test_ten_errors_spread_over_endpoints_or_hours_do_no_harm() -> None:
    world = World()
    for path in ("crm/Accounts", "vat/VATCodes"):
        assert [world.get(path, filter="x").status_code for _ in range(10)] == [400] * 10
    world.clock.advance(3600)
    world.tokens = world.site.issue_tokens("app")
    assert world.get("crm/Accounts", filter="x").status_code == 400
    assert world.get("crm/Accounts", top="1").status_code == 200


def test_business_errors_cost_no_budget() -> None:
    world = World()
    world.division.close_period(2026, 3)
    assert {world.post("salesentry/SalesEntries", world.sale()).status_code for _ in range(15)} == {500}


def test_expired_tokens_count_and_the_block_can_be_a_403() -> None:
    world = World()
    world.site.switches.error_block_status = 403
    world.clock.advance(600)
    assert {world.get("crm/Accounts").status_code for _ in range(11)} == {401}
    world.tokens = world.site.issue_tokens("app")
    assert world.get("crm/Accounts").status_code == 403


def test_a_429_on_demand_looks_like_a_real_one() -> None:
    world = World()
    world.sandbox.faults.add(Fault("429", system="exact"))
    answer = world.get("crm/Accounts")
    assert (answer.status_code, set(_limits(answer.headers))) == (429, MINUTE)
    assert answer.headers["X-RateLimit-Minutely-Remaining"] == "0"
    assert world.get("crm/Accounts", top="1").status_code == 200
