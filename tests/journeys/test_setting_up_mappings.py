"""A new division gets its mapping in one go: proposed from its chart, or copied from a division that has one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.models import AuditEntry
from connections.models import Division
from mappings import express
from mappings.controls import MappingPolicy, ProposedChange
from mappings.models import GLMapping, LedgerAccount, VatCode
from tests.journeys.pages import words

EXPRESS, COPY = "/admin/mappings/glmapping/express/", "/admin/mappings/glmapping/copy/"
SINCE = "2020-01-01"


@pytest.fixture
def unmapped(till):
    GLMapping.objects.all().delete()
    return till.world.shop.division


def accepted(browser, address, chosen, **fields):
    return browser.post(address, {"since": SINCE, **fields, "accept": [one.key for one in chosen]}, follow=True)


def shown(browser, address, **fields):
    return browser.get(address, {"since": SINCE, **fields})


def test_express_set_up_proposes_a_mapping_that_books_a_days_sales(till, unmapped, browser):
    page = shown(browser, EXPRESS, division=unmapped.pk)
    proposals = {one.words: one for one in page.context["found"].proposals}

    assert GLMapping.objects.count() == 0
    told = {name: (one.account.code, one.vat_code and one.vat_code.code) for name, one in proposals.items()}
    assert told["revenue · 21 %"] == ("8000", "2")
    assert told["revenue · 9 %"] == ("8001", "1")
    assert told["tips"] == ("2150", "NV")
    assert told["gift card"] == ("2160", "NV")
    assert told["service charge · 21 %"] == ("8010", "2")
    assert told["processing fee"] == ("4960", None)
    assert told["platform fee"] == ("4965", None)
    assert told["rounding"] == ("4990", "NV")
    assert told["transit"] == ("1290", None)
    assert "its own VAT code is 2" in proposals["revenue · 21 %"].reason
    assert "its name holds “tip”" in proposals["tips"].reason
    assert "The lane's clearing journal (type 12): 21 Square clearing." in words(page)

    told = words(accepted(browser, EXPRESS, proposals.values(), division=unmapped.pk))
    assert f"{len(proposals)} rules saved." in told
    assert AuditEntry.objects.filter(verb="glmapping.added", actor="anna").count() == len(proposals)
    till.sell()
    till.next_morning()
    assert till.ledger["8000"] == -2066  # 25.00 less 4.34 of VAT at 21 %


def test_only_what_is_ticked_is_saved_and_the_rest_is_proposed_again(unmapped, browser):
    found = express.propose(unmapped).proposals
    accepted(browser, EXPRESS, found[:2], division=unmapped.pk)
    assert GLMapping.objects.count() == 2
    again = shown(browser, EXPRESS, division=unmapped.pk).context["found"].proposals
    assert {one.words for one in again} == {one.words for one in found[2:]}


def test_a_proposal_that_is_no_longer_what_was_shown_saves_nothing(unmapped, browser):
    found = express.propose(unmapped).proposals
    LedgerAccount.objects.filter(code="2150").update(is_blocked=True)
    told = words(accepted(browser, EXPRESS, found, division=unmapped.pk))
    assert "What could be proposed has changed since you looked" in told
    assert GLMapping.objects.count() == 0


def test_what_several_accounts_fit_equally_is_left_to_a_person(unmapped, browser):
    LedgerAccount.objects.create(division=unmapped, remote_id="t2", code="2151", name="Tips of the bar", type=60)
    page = shown(browser, EXPRESS, division=unmapped.pk)
    assert "tips : Several accounts fit equally: 2150 Tips payable to staff, 2151 Tips of the bar." in words(page)
    assert not [one for one in page.context["found"].proposals if one.role == "tips"]


def test_where_four_eyes_are_wanted_accepting_only_proposes(unmapped, browser):
    MappingPolicy.objects.create(division=unmapped, four_eyes=True)
    found = express.propose(unmapped).proposals
    told = words(accepted(browser, EXPRESS, found[:3], division=unmapped.pk))
    assert "3 rules proposed" in told
    assert (GLMapping.objects.count(), ProposedChange.objects.filter(state="waiting").count()) == (0, 3)


@pytest.fixture
def second(till):
    """Another division: the same chart but for three codes."""
    first = till.world.shop.division
    made = Division.objects.create(
        connection=first.connection, code=777, name="Second", currency="EUR", is_pinned=True
    )  # fmt: skip
    for row in LedgerAccount.objects.filter(division=first).exclude(code="2150"):
        kind = 90 if row.code == "4960" else row.type
        LedgerAccount.objects.create(
            division=made, remote_id=f"s-{row.code}", code=row.code, name=row.name, type=kind, vat_code=row.vat_code
        )
    for code in VatCode.objects.filter(division=first):
        rate = Decimal("0.07") if code.code == "1" else code.percentage
        VatCode.objects.create(
            division=made, remote_id=f"s-{code.code}", code=code.code, name=code.name, percentage=rate, type=code.type
        )
    return made


def test_a_mapping_is_copied_by_codes_and_what_has_no_counterpart_is_listed(till, second, browser):
    first = till.world.shop.division
    page = shown(browser, COPY, source=first.pk, division=second.pk)
    told = words(page)
    assert "tips : There is no GL account 2150 that can be used." in told
    assert "processing fee : GL account 4960 Payment processing fees is of type 90 there" in told
    assert "revenue · 9 % : VAT code 1 9 % excluding means another rate or type there." in told

    found = page.context["found"].proposals
    accepted(browser, COPY, found, source=first.pk, division=second.pk)

    made = GLMapping.objects.get(division=second, role="revenue", tax_rate=Decimal(21))
    former = GLMapping.objects.get(division=first, role="revenue", tax_rate=Decimal(21))
    assert (made.account.code, made.vat_code.code, made.effective_from) == ("8000", "2", date(2020, 1, 1))
    assert (made.account.division, made.decided_by) == (second, "anna")
    assert made.reason == f"As rule {former.pk} of division {first}"
    assert GLMapping.objects.filter(division=second).count() == len(found)
    again = shown(browser, COPY, source=first.pk, division=second.pk).context["found"]
    assert not again.proposals
    assert ("revenue · 21 %", "The division has a rule for this already.") in again.open


def test_a_division_is_not_copied_onto_itself(till, browser):
    division = till.world.shop.division.pk
    assert "Choose another division" in words(shown(browser, COPY, source=division, division=division))


@pytest.mark.parametrize(("role", "status"), [("Bookkeeper", 200), ("Auditor", 403), ("Operator", 403)])
def test_who_may_set_mappings_up(unmapped, plain_http, role, status):
    browser = Client()
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    browser.force_login(user)
    for address in (EXPRESS, COPY):
        assert browser.get(address).status_code == status
