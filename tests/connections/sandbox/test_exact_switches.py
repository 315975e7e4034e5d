"""Where the sources disagree about Exact, either position can be played."""

from __future__ import annotations

import pytest

from tests.connections.sandbox.exact_world import World, said


def test_a_created_entry_may_answer_200() -> None:
    world = World()
    world.site.switches.post_status = 200
    assert world.post("salesentry/SalesEntries", world.sale()).status_code == 200


def test_bare_arrays_can_be_switched_off() -> None:
    world = World()
    world.site.switches.bare_arrays = False
    assert set(world.get("vat/VATCodes", top="1").json()["d"]) == {"results"}


def test_a_used_refresh_token_may_answer_400() -> None:
    world = World()
    world.site.switches.used_refresh_status = 400
    form = {"client_id": "app", "client_secret": "secret", "grant_type": "refresh_token"}
    form["refresh_token"] = world.tokens.refresh_token
    world.clock.advance(600)
    statuses = [world.session.post(f"{world.site_url}/api/oauth2/token", data=form).status_code for _ in range(2)]
    assert statuses == [200, 400]


def test_chains_of_one_user_may_live_side_by_side() -> None:
    world = World()
    world.site.switches.one_chain_per_user = False
    first = world.tokens
    world.tokens = world.site.issue_tokens("app")
    world.clock.advance(600)
    form = {"client_id": "app", "client_secret": "secret", "grant_type": "refresh_token"}
    for token in (first.refresh_token, world.tokens.refresh_token):
        answer = world.session.post(f"{world.site_url}/api/oauth2/token", data={**form, "refresh_token": token})
        assert answer.status_code == 200


def test_bank_balances_can_be_required() -> None:
    world = World()
    world.site.switches.balances_required = True
    path = "financialtransaction/BankEntries"
    assert said(world.post(path, world.receipt(world.paid(5.0)))) == "Mandatory: Opening balance"
    assert world.post(path, world.receipt(world.paid(5.0), OpeningBalanceFC=0, ClosingBalanceFC=5)).status_code == 201


@pytest.mark.parametrize(("kind", "status"), [(90, 201), (80, 500)])
def test_memos_may_want_another_kind_of_journal(kind: int, status: int) -> None:
    world = World()
    world.site.switches.general_journal_type = kind
    lines = [world.line("4990", 1.0), world.line("2990", -1.0)]
    body = {"JournalCode": "90", "GeneralJournalEntryLines": lines}
    assert world.post("generaljournalentry/GeneralJournalEntries", body).status_code == status


def test_a_division_may_be_closed_to_a_user() -> None:
    world = World()
    world.division.users = {"somebody.else@shop.example"}
    assert world.get("vat/VATCodes").status_code == 403
    assert world.site.reaches(world.site.user("somebody.else@shop.example"), world.division)


def test_a_users_own_current_division_shows_in_me() -> None:
    world = World()
    world.site.add_division(100002, "Tweede BV")
    world.site.add_user("piet@shop.example", "Piet Bos", language="fr", current_division=100002)
    world.tokens = world.site.issue_tokens("app", user="piet@shop.example")
    answer = world.session.get(f"{world.site_url}/api/v1/current/Me", headers=world.headers)
    me = answer.json()["d"]["results"][0]
    assert (me["CurrentDivision"], me["LanguageCode"], me["FullName"]) == (100002, "fr-FR", "Piet Bos")


def test_a_site_without_the_app_or_division_says_so() -> None:
    world = World()
    with pytest.raises(LookupError, match="No app"):
        world.site.issue_tokens("nobody")
    with pytest.raises(LookupError, match="no division 5"):
        world.site.division(5)
    with pytest.raises(LookupError, match="no ledger account"):
        world.division.gl("0000")
    with pytest.raises(LookupError, match="no period"):
        world.division.close_period(1999, 1)
    with pytest.raises(LookupError, match="known are"):
        world.sandbox.exact.site("xx")
