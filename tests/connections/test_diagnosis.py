from __future__ import annotations

import pytest

from connections import clients, diagnosis
from connections.diagnosis import Kind
from connections.models import CallBudget, Connection
from connections.providers.errors import Throttled
from connections.sandbox.faults import Fault
from tests.connections.vendors import EXACT_APP, MAIN, OTHER, SECRET, Vendors

pytestmark = pytest.mark.django_db(transaction=True)
FULL = ["MERCHANT_PROFILE_READ", "PAYMENTS_READ", "ORDERS_READ", "CUSTOMERS_READ"]


@pytest.mark.accepts("S000-48")
def test_a_live_exact_connection_says_who_answers(vendors: Vendors) -> None:
    verdict = diagnosis.test_connection(vendors.exact())
    assert (verdict.kind, verdict.is_live) == (Kind.LIVE, True)
    assert verdict.sentence == (
        "Exact Online Netherlands (local sandbox) answers as Maria de Vries; 3 divisions within reach."
    )


def test_a_live_square_connection_counts_its_locations(vendors: Vendors) -> None:
    verdict = diagnosis.test_connection(vendors.square())
    assert verdict.kind == Kind.LIVE
    assert "2 locations" in verdict.sentence


def test_a_connection_nobody_consented_to(vendors: Vendors) -> None:
    assert diagnosis.test_connection(vendors.exact(is_connected=False)).kind == Kind.NO_CONSENT


@pytest.mark.accepts("S000-48")
def test_a_revoked_exact_consent(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.site.revoke(EXACT_APP)
    early = diagnosis.test_connection(row)
    vendors.time.advance(600)
    late = diagnosis.test_connection(row)
    assert (early.kind, late.kind) == (Kind.REVOKED, Kind.REVOKED)
    assert "Give consent again" in early.sentence
    assert vendors.token_calls() == 1


def test_a_revoked_exact_consent_that_a_worker_met_first(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.site.revoke(EXACT_APP)
    with pytest.raises(Throttled):
        clients.account_client(row).me()
    assert diagnosis.test_connection(row).kind == Kind.REVOKED


def test_a_revoked_square_consent(vendors: Vendors) -> None:
    row = vendors.square()
    vendors.sandbox.square.revoke_token(row.access_token.open())
    assert diagnosis.test_connection(row).kind == Kind.REVOKED


@pytest.mark.accepts("S000-48")
def test_a_token_of_another_country_site(vendors: Vendors) -> None:
    row = vendors.exact()
    Connection.objects.update(region="be")
    verdict = diagnosis.test_connection(row)
    assert verdict.kind == Kind.WRONG_REGION
    assert "exact/nl" in verdict.sentence
    assert "Belgium" in verdict.sentence


@pytest.mark.accepts("S000-48")
def test_an_exact_app_without_a_right_is_told_which(vendors: Vendors) -> None:
    vendors.site.register_app(EXACT_APP, SECRET, [], scopes=["organization.administration", "financial.generalledgers"])
    verdict = diagnosis.test_connection(vendors.exact())
    assert verdict.kind == Kind.MISSING_SCOPE
    assert "customers (scope crm.accounts)" in verdict.sentence
    assert "ledger accounts" not in verdict.sentence


def test_an_exact_app_that_may_not_list_divisions(vendors: Vendors) -> None:
    vendors.site.register_app(EXACT_APP, SECRET, [], scopes=["crm.accounts"])
    verdict = diagnosis.test_connection(vendors.exact())
    assert verdict.kind == Kind.MISSING_SCOPE
    assert "organization.administration" in verdict.sentence


def test_a_pinned_division_out_of_reach(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.division(row)
    vendors.site.set_current_division(OTHER)
    vendors.site.remove_division(MAIN)
    verdict = diagnosis.test_connection(row)
    assert verdict.kind == Kind.DIVISION_GONE
    assert str(MAIN) in verdict.sentence


def test_a_square_consent_without_a_scope_is_told_which(vendors: Vendors) -> None:
    verdict = diagnosis.test_connection(vendors.square(scopes=FULL[:2]))
    assert verdict.kind == Kind.MISSING_SCOPE
    assert "ORDERS_READ, CUSTOMERS_READ" in verdict.sentence


def test_a_vendor_out_of_reach(vendors: Vendors) -> None:
    exact, square = vendors.exact(), vendors.square()
    vendors.sandbox.faults.add(Fault("drop_before", times=0))
    assert diagnosis.test_connection(exact).kind == Kind.UNREACHABLE
    vendors.server.stop()
    assert diagnosis.test_connection(square).kind == Kind.UNREACHABLE


def test_a_throttled_connection_says_until_when(vendors: Vendors) -> None:
    row = vendors.exact()
    vendors.sandbox.faults.add(Fault("429", path="*/current/Me"))
    assert diagnosis.test_connection(row).kind == Kind.THROTTLED
    verdict = diagnosis.test_connection(row)
    assert (verdict.kind, "12:01" in verdict.sentence) == (Kind.THROTTLED, True)
    assert CallBudget.objects.filter(blocked_until__isnull=False).exists()


def test_locked_secrets(vendors: Vendors, settings) -> None:  # type: ignore[no-untyped-def]
    row = vendors.exact()
    settings.SALT_KEY = ["another-salt-0123456789"]
    verdict = diagnosis.test_connection(row)
    assert verdict.kind == Kind.LOCKED
    assert "SALT_KEY" in verdict.sentence


def test_an_answer_that_makes_no_sense(vendors: Vendors) -> None:
    row = vendors.square()
    vendors.sandbox.faults.add(Fault("truncate", path="/v2/locations"))
    assert diagnosis.test_connection(row).kind in {Kind.UNCLEAR, Kind.UNREACHABLE}


@pytest.mark.accepts("S000-48")
def test_no_two_verdicts_share_a_sentence(vendors: Vendors) -> None:
    live = vendors.exact("live")
    revoked = vendors.give(vendors.exact("revoked", is_connected=False), user="piet")
    vendors.site.revoke(EXACT_APP, "piet")
    abroad = vendors.give(vendors.exact("abroad", is_connected=False), user="kees")
    Connection.objects.filter(pk=abroad.pk).update(region="be")
    said = [diagnosis.test_connection(row).sentence for row in (live, revoked, abroad)]
    vendors.site.register_app(EXACT_APP, SECRET, [], scopes=[])
    said.append(diagnosis.test_connection(live).sentence)
    assert len(set(said)) == 4
