"""Finance changes a mapping: it sees what a change would do, examples hold it to what was agreed, a second pair of eyes
looks, and what no rule covers is listed.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.models import AuditEntry
from connections.models import Division
from connections.sandbox.square import LineSpec
from mappings.controls import MappingExample, MappingPolicy, ProposedChange
from mappings.models import Convention, GLMapping, ItemMapping, LedgerAccount, VatCode
from sync import backtest
from sync.models import Leg, Posting
from tests.journeys.pages import page_of, press, save_form, words

RULES = "/admin/mappings/glmapping/"
ADD_EXAMPLE = "/admin/mappings/mappingexample/add/"


def account(code):
    return LedgerAccount.objects.get(code=code)


def rule(code="8000"):
    return GLMapping.objects.filter(account__code=code, role="revenue").get()


def somebody(name, *roles):
    browser = Client()
    user = User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=roles))
    browser.force_login(user)
    return browser


@pytest.fixture
def four_eyes(till):
    return MappingPolicy.objects.create(division=till.world.shop.division, four_eyes=True)


def write_example(browser, **changed):
    fields = {
        "role": "revenue", "amount": "12.10", "tax_rate": "21", "on": "2026-03-02", "account": account("8000").pk,
        "vat_code": VatCode.objects.get(code="2").pk, "net": "10.00", "vat": "2.10", "is_in_force": "on", **changed,
    }  # fmt: skip
    return browser.post(ADD_EXAMPLE, {"division": Division.objects.get().pk, **fields}, follow=True)


# --- Back-test ------------------------------------------------------------------------------------
def back_test(browser, row, **changed):
    form = browser.get(page_of(row)).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields} | changed
    fields = {name: value for name, value in shown.items() if value is not None}
    return browser.post(f"{RULES}back-test/?rule={row.pk}", fields)


def test_a_back_test_shows_what_would_move_and_sends_and_stores_nothing(till, browser):
    till.sell()  # 25.00 with 21 % inside: net 20.66, VAT 4.34
    till.sell(LineSpec("Book", 1090, tax="VAT 9"))
    till.next_morning()
    before = (till.calls(), Leg.objects.count(), Posting.objects.count(), AuditEntry.objects.count())

    page = back_test(browser, rule(), account=account("8002").pk)

    told = words(page)
    assert "1 of 2 records would be booked otherwise" in told
    # A debit is +: revenue of 20.66 leaves 8000 and comes to 8002.
    assert "8000 Revenue 21 % EUR −20.66 EUR 0.00 EUR 20.66" in told
    assert "8002 Revenue 0 % EUR 0.00 EUR −20.66 EUR −20.66" in told
    assert "No VAT code would come to another amount." in told
    assert rule().account.code == "8000"
    assert before == (till.calls(), Leg.objects.count(), Posting.objects.count(), AuditEntry.objects.count())


def test_a_back_test_shows_the_vat_codes_and_what_would_wait(till, browser):
    till.sell()
    till.next_morning()

    told = words(back_test(browser, rule(), vat_code=VatCode.objects.get(code="3").pk))
    assert "2 EUR 20.66 EUR 0.00 EUR −20.66 EUR 4.34 EUR 0.00 EUR −4.34" in told
    assert "1 would wait: VAT code 3, which rule" in told

    told = words(back_test(browser, rule(), status="ignored"))
    assert "1 would wait: No rule gives the account for revenue at 21 %" in told


def test_the_page_of_a_back_test_saves_what_was_tried(till, browser):
    till.sell()
    till.next_morning()
    page = back_test(browser, rule(), account=account("8002").pk)

    kept = dict(page.context["fields"])
    browser.post(page.context["back"], {**kept, "_save": "Save"})

    assert GLMapping.objects.get(tax_rate=Decimal(21), role="revenue").account.code == "8002"


def test_a_back_test_is_bounded_and_says_so(till, browser, monkeypatch):
    monkeypatch.setattr(backtest, "MOST", 2)
    for _ in range(3):
        till.sell()
    till.next_morning()
    told = words(back_test(browser, rule(), account=account("8002").pk))
    assert "2 of 2 records would be booked otherwise Only the newest 2 records of these days were tried." in told


def test_a_rule_that_cannot_be_saved_is_not_tried(till, browser):
    told = words(back_test(browser, rule(), account=account("1300").pk))
    assert "It cannot be saved like this" in told
    assert "for revenue an account of type 110 is needed" in told


# --- Examples -------------------------------------------------------------------------------------
def test_a_save_that_breaks_an_example_is_refused_with_what_came_out_instead(till, browser):
    write_example(browser)
    assert MappingExample.objects.get().decided_by == "anna"

    told = words(save_form(browser, page_of(rule()), account=account("8002").pk))

    assert (
        "This would break an example: EUR 12.10 of revenue (21 %) on 2026-03-02 must go to 8000 with VAT code 2: "
        "net 10.00, VAT 2.10. It would give 8002 with VAT code 2: net EUR 10.00, VAT EUR 2.10" in told
    )
    assert rule().account.code == "8000"


def test_an_example_is_held_to_no_longer_once_it_is_taken_out_of_force(till, browser):
    write_example(browser)
    example = MappingExample.objects.get()
    save_form(browser, page_of(example), is_in_force=False, reason="The chart was renumbered")

    save_form(browser, page_of(rule()), account=account("8002").pk)

    assert not GLMapping.objects.filter(account__code="8000", role="revenue").exists()
    assert AuditEntry.objects.get(verb="mappingexample.changed").detail["is_in_force"] == [True, False]


def test_a_new_rule_that_takes_over_an_example_is_refused_too(till, browser):
    write_example(browser, location="")
    fields = {
        "division": Division.objects.get().pk, "role": "revenue", "tax_rate": "21", "tax_name": "",
        "account": account("8001").pk, "vat_code": VatCode.objects.get(code="2").pk, "status": "matched",
        "effective_from": "2026-03-01",
    }  # fmt: skip
    told = words(browser.post(f"{RULES}add/", fields))
    assert "It would give 8001 with VAT code 2" in told
    assert GLMapping.objects.filter(effective_from=date(2026, 3, 1)).count() == 0


def test_an_example_that_does_not_add_up_is_refused_and_one_that_fails_now_is_told(till, browser):
    assert "Net and VAT together must come to the amount." in words(write_example(browser, vat="2.00"))
    told = words(write_example(browser, account=account("8001").pk))
    assert "The rules of now do not keep to this example. They give: 8000 with VAT code 2" in told


# --- Four eyes ------------------------------------------------------------------------------------
def test_a_change_waits_for_somebody_else_and_does_not_affect_booking_until_then(till, four_eyes, queue):
    bea, carl = somebody("bea", "Bookkeeper"), somebody("carl", "Approver")
    former = rule()

    told = words(save_form(bea, page_of(former), account=account("8002").pk, reason="New chart"))
    assert "proposed. It counts once somebody else has approved it." in told
    till.sell()
    till.next_morning()
    assert till.ledger["8000"] == -2066
    change = ProposedChange.objects.get()
    assert (change.state, change.proposed_by) == ("waiting", "bea")
    assert "8000 Revenue 21 %" in words(bea.get(page_of(change)))
    assert "A change of this waits for approval: proposed by bea" in words(carl.get(page_of(former)))
    assert "1 change of a mapping is proposed" in words(carl.get("/admin/"))

    with queue.listening():
        press(carl, change, "approve")
    till.sell()
    till.next_morning()

    assert till.ledger["8002"] == -2066
    former.refresh_from_db()
    assert (former.account.code, former.decided_by) == ("8002", "carl")
    fact = AuditEntry.objects.get(verb="mapping.approved")
    assert (fact.actor, fact.detail["proposed_by"]) == ("carl", "bea")
    versions = words(carl.get(page_of(former)))
    assert "change of a mapping proposed bea" in versions
    assert "GL account: 8000 Revenue 21 % → 8002 Revenue 0 %" in versions


def test_nobody_approves_or_rejects_what_he_proposed_himself(till, four_eyes):
    carl, dora = somebody("carl", "Approver"), somebody("dora", "Approver")
    save_form(carl, page_of(rule()), account=account("8002").pk)
    change = ProposedChange.objects.get()

    assert "you proposed it yourself" in words(press(carl, change, "approve"))
    assert "you proposed it yourself" in words(press(carl, change, "reject", reason="x"))
    change.refresh_from_db()
    assert change.state == "waiting"
    assert rule().account.code == "8000"

    press(dora, change, "reject", reason="Wrong account")
    change.refresh_from_db()
    assert (change.state, change.decided_by, change.reason) == ("rejected", "dora", "Wrong account")
    assert rule().account.code == "8000"


def test_a_bookkeeper_may_propose_and_withdraw_but_not_approve(till, four_eyes):
    bea, carl = somebody("bea", "Bookkeeper"), somebody("carl", "Bookkeeper")
    save_form(bea, page_of(rule()), account=account("8002").pk)
    change = ProposedChange.objects.get()
    assert press(carl, change, "approve").status_code == 403
    press(bea, change, "withdraw")
    change.refresh_from_db()
    assert change.state == "withdrawn"


def test_what_changed_meanwhile_is_not_approved(till, four_eyes):
    bea, carl = somebody("bea", "Bookkeeper"), somebody("carl", "Approver")
    save_form(bea, page_of(rule()), account=account("8002").pk)
    GLMapping.objects.filter(pk=rule().pk).update(cost_center="AMS")

    told = words(press(carl, ProposedChange.objects.get(), "approve"))

    assert "it was changed after this was proposed" in told
    assert rule().account.code == "8000"


def test_a_new_customer_mapping_waits_for_a_second_pair_of_eyes_too(till, four_eyes):
    bea, carl = somebody("bea", "Bookkeeper"), somebody("carl", "Approver")
    shop = till.world.shop
    debtor = shop.division.debtoraccount_set.get(name="Studio Noord")
    fields = {
        "division": shop.division.pk, "merchant": shop.square.pk, "square_customer_id": "NEW1",
        "square_name": "Studio", "status": "matched", "debtor": debtor.pk, "effective_from": "2026-03-01",
    }  # fmt: skip
    bea.post("/admin/mappings/customermapping/add/", fields)
    assert not shop.division.customer_mappings.filter(square_customer_id="NEW1").exists()

    press(carl, ProposedChange.objects.get(), "approve")
    made = shop.division.customer_mappings.get(square_customer_id="NEW1")
    assert (made.debtor, made.decided_by) == (debtor, "carl")


def test_an_article_and_a_convention_wait_for_a_second_pair_of_eyes_too(till, four_eyes):
    carl, dora = somebody("carl", "Approver"), somebody("dora", "Approver")
    shop = till.world.shop
    article = {
        "division": shop.division.pk, "merchant": shop.square.pk, "square_item": "ART1", "square_name": "Mug",
        "status": "ignored", "effective_from": "2026-03-01", "reason": "Sold once",
    }  # fmt: skip
    choices = {"fee_vat": "none", "tips": "kept", "service": "as_charged", "discounts": "netted",
               "gift_cards": "multi_purpose"}  # fmt: skip
    carl.post("/admin/mappings/itemmapping/add/", article)
    carl.post(
        "/admin/mappings/convention/add/",
        {"division": shop.division.pk, "effective_from": "2026-03-01", "reason": "New policy", **choices},
    )
    assert (ItemMapping.objects.count(), Convention.objects.count()) == (0, 0)

    for change in ProposedChange.objects.all():
        press(dora, change, "approve")

    assert (ItemMapping.objects.get().status, Convention.objects.get().tips) == ("ignored", "kept")


def test_four_eyes_are_switched_off_by_two_people_too(till, four_eyes):
    carl, dora = somebody("carl", "Approver"), somebody("dora", "Approver")
    save_form(carl, page_of(four_eyes), four_eyes=False)
    four_eyes.refresh_from_db()
    assert four_eyes.four_eyes
    press(dora, ProposedChange.objects.get(), "approve")
    four_eyes.refresh_from_db()
    assert not four_eyes.four_eyes


# --- Which rule wins, and what no rule covers -----------------------------------------------------
def test_the_example_page_names_the_winner_and_what_it_beat(till, browser):
    division = Division.objects.get()
    narrower = GLMapping.objects.create(
        division=division, role="revenue", tax_rate=Decimal(21), tender="CARD", account=account("8002"),
        vat_code=VatCode.objects.get(code="2"), effective_from=date(2026, 1, 1),
    )  # fmt: skip
    asked = {"division": division.pk, "role": "revenue", "on": "2026-03-02", "tax_rate": "21", "tender": "CARD"}
    told = words(browser.get(f"{RULES}explain/", asked))
    assert f"rule {narrower.pk}: revenue at 21 %, tender CARD, since 2026-01-01" in told
    assert f"it narrows on 1, rule {narrower.pk} on 2: the more specific one wins" in told
    told = words(browser.get(f"{RULES}explain/", {**asked, "tax_rate": "13"}))
    assert "Nothing can be decided No rule gives the account for revenue at 13 %" in told


@pytest.mark.accepts("S002-17")
def test_what_no_rule_covers_is_listed_with_money_and_a_form_that_is_filled_in(till, browser):
    missing = rule()
    missing.delete()
    till.sell()
    till.sell()
    till.next_morning()
    assert "8000" not in till.ledger

    page = browser.get(f"{RULES}gaps/")
    row = next(row for row in page.context["rows"] if "VAT 21" in row["subject"])
    assert (row["records"], row["first"], row["places"]) == (2, date(2026, 3, 2), ["Amsterdam"])
    assert "50.00" in row["sums"]
    form = browser.get(row["fix_url"]).context["adminform"].form
    assert form.initial["role"] == "revenue"
    assert (form.initial["tax_name"], form.initial["tax_rate"]) == ("VAT 21", "21")
    assert str(form.initial["effective_from"]) == "2026-03-02"


def test_pages_beside_the_rules_need_the_right_to_see_them(till):
    nobody, auditor = somebody("nora"), somebody("otto", "Auditor")
    for name in ("explain", "gaps"):
        assert nobody.get(f"{RULES}{name}/").status_code == 403
        assert auditor.get(f"{RULES}{name}/").status_code == 200
    assert auditor.post(f"{RULES}back-test/", {}).status_code == 403
