"""The division's reference data: read once, then only what changed, and every mapping that it contradicts is shown."""

from __future__ import annotations

import pytest

from connections import divisions
from connections.providers.errors import VendorError
from connections.sandbox.faults import Fault
from mappings import items, reference
from mappings.models import (
    ClosedPeriod,
    DebtorAccount,
    ExactItem,
    GLMapping,
    LedgerAccount,
    PaymentCondition,
    ReadingPoint,
    TenderJournal,
    VatCode,
)
from tests.journeys.pages import press, words

DAY = 24 * 3600
RULES, CUSTOMERS = "/admin/mappings/glmapping/?trouble=yes", "/admin/mappings/customermapping/?trouble=yes"


def debtors(division):
    return set(DebtorAccount.objects.filter(division=division, gone_at=None).values_list("name", flat=True))


@pytest.mark.accepts("S002-16", "S004-01")
def test_the_chart_is_kept_with_type_default_vat_code_and_what_is_blocked(till, division):
    books = till.world.books
    books.block_account("8010")
    reference.refresh(division)

    kept = {
        row.code: (row.remote_id, row.name, row.type, row.vat_code, row.is_blocked)
        for row in LedgerAccount.objects.filter(division=division, gone_at=None)
    }
    assert kept == {
        row["Code"].strip(): (
            row["ID"], row["Description"], row["Type"], (row.get("VATCode") or "").strip(), bool(row["IsBlocked"])
        )
        for row in books.tables["glaccounts"]
    }  # fmt: skip
    assert kept["8010"][4] is True
    till.sell()
    till.next_morning()
    assert till.calls("exact", "POST", "GLAccounts") == till.calls("exact", "PUT", "GLAccounts") == 0


@pytest.mark.accepts("S002-24", "S004-23")
def test_vat_codes_are_kept_with_rate_and_type(till, division):
    till.world.books.add_vat_code("7", "VAT seven", percentage=7 / 100, kind="E")
    reference.refresh(division)

    kept = {row.code: (row.name, float(row.percentage), row.type) for row in VatCode.objects.filter(division=division)}
    assert kept == {
        row["Code"].strip(): (row["Description"], float(row["Percentage"]), row["Type"])
        for row in till.world.books.tables["vatcodes"]
    }


@pytest.mark.accepts("S004-18")
def test_payment_terms_are_kept_and_stand_on_the_customer_that_has_them(till, division):
    books = till.world.books
    books.tables["accounts"].change(books._relation("Museum Oud-West")["ID"], PaymentConditionSales="30")
    reference.refresh(division)

    kept = {row.code: row.name for row in PaymentCondition.objects.filter(division=division)}
    assert kept == {row["Code"].strip(): row["Description"] for row in books.tables["paymentconditions"]}
    assert DebtorAccount.objects.get(name="Museum Oud-West").payment_condition == "30"


@pytest.mark.accepts("S004-08")
def test_cost_centres_and_units_that_rules_name_are_kept_shown_and_booked_on(till, division, browser):
    GLMapping.objects.filter(division=division, role="revenue").update(cost_center="AMS", cost_unit="SHOP")
    reference.refresh(division)
    assert "AMS Amsterdam" in words(browser.get("/admin/mappings/costcenter/"))
    assert "SHOP Shop" in words(browser.get("/admin/mappings/costunit/"))

    till.sell()
    till.next_morning()
    (line,) = [line for line in till.world.books.lines() if line["GLAccountCode"] == "8000"]
    assert (line["CostCenter"], line["CostUnit"]) == ("AMS", "SHOP")


def test_a_period_closed_in_exact_is_known_after_the_button_and_before_a_stale_run(till, division, browser, queue):
    def shown():
        return words(browser.get("/admin/mappings/closedperiod/"))

    books = till.world.books
    assert "No closed period is known" in shown()
    books.close_period(2026, 1)
    books.close_period(2026, 2, "70")
    assert "No closed period is known" in shown()

    with queue.listening():
        answer = press(browser, division, "reference")
    assert "A worker reads them now" in words(answer)
    queue.work()
    kept = set(ClosedPeriod.objects.values_list("journal", "year", "period"))
    assert ("70", 2026, 2) in kept
    assert ("21", 2026, 2) not in kept
    assert {journal for journal, _, period in kept if period == 1} == {row["Code"] for row in books.tables["journals"]}
    assert "1 Jan 2026" in shown()

    books.reopen_period(2026, 1)
    books.reopen_period(2026, 2, "70")
    till.run_after(hours=1)  # read an hour ago: not asked again
    assert "1 Jan 2026" in shown()
    till.run_after(hours=25)
    assert "No closed period is known" in shown()


def test_a_division_in_which_nothing_changed_costs_the_same_few_calls_however_large(till, division, calls):
    reference.refresh(division)
    small = calls(reference.refresh, division)
    for number in range(2_500):
        till.world.books.add_account(f"Relation {number:04}", Status="C", IsSales=True)

    first = calls(reference.refresh, division)
    again = calls(reference.refresh, division)

    # Journals, VAT codes, payment conditions, closed periods; changed GL accounts, customers, their contacts and
    # addresses; what was deleted.
    assert small == again == 9
    # Three pages of a thousand instead of an empty one. What belongs to so many new customers is read whole.
    assert first == again + 2
    assert DebtorAccount.objects.filter(division=division, name__startswith="Relation").count() == 2_500


def test_a_day_of_runs_asks_once(till, division, calls):
    till.next_morning()
    assert [calls(till.run_after, hours=1) for _ in range(4)] == [9, 0, 0, 0]
    assert set(ReadingPoint.objects.values_list("division", flat=True)) == {division.pk}


def test_what_was_renamed_blocked_made_a_prospect_or_deleted_is_known_from_the_changes_alone(till, division, calls):
    books = till.world.books
    gone = books.add_account("Gone soon", Status="C", IsSales=True)
    reference.refresh(division)
    assert "Gone soon" in debtors(division)

    books.tables["accounts"].change(books._relation("Museum Oud-West")["ID"], Name="Museum West")
    books.block_relation("Atelier Vos")
    books.set_relation_status("Studio Noord", "P")
    books.forget("accounts", gone["ID"])
    books.retype_account("8010", 90)
    assert calls(reference.refresh, division) == 9

    assert "Museum West" in debtors(division)
    assert {"Gone soon", "Studio Noord", "Museum Oud-West"} & debtors(division) == set()
    assert DebtorAccount.objects.get(name="Atelier Vos").is_blocked
    assert LedgerAccount.objects.get(code="8010").type == 90


def test_a_customer_again_after_being_a_prospect_is_back(till, division):
    books = till.world.books
    books.set_relation_status("Studio Noord", "P")
    reference.refresh(division)
    assert "Studio Noord" not in debtors(division)

    books.set_relation_status("Studio Noord", "C")
    reference.refresh(division)
    assert "Studio Noord" in debtors(division)
    assert DebtorAccount.objects.filter(name="Studio Noord").count() == 1


def test_a_moved_division_is_read_whole_because_its_versions_start_again(till, division):
    """What vanished with the move stands in no log of deletions, and old versions would hide what is new."""
    books = till.world.books
    books.tables["accounts"].remove(books._relation("Studio Noord")["ID"])
    books.move()
    books.add_account("Newcomer", Status="C", IsSales=True)
    till.world.timeline.advance(DAY)

    reference.refresh(division)

    assert "Newcomer" in debtors(division)
    assert "Studio Noord" not in debtors(division)
    assert max(ReadingPoint.objects.values_list("version", flat=True)) < 1_000_000


@pytest.mark.parametrize(("days", "is_missed"), [(50, False), (58, True)])
def test_after_two_months_without_a_reading_the_log_of_deletions_is_not_trusted(till, division, days, is_missed):
    books = till.world.books
    books.tables["accounts"].remove(books._relation("Studio Noord")["ID"])  # Exact's log forgot it already
    for _ in range(days // 2):
        till.world.timeline.advance(2 * DAY)
        divisions.discover(division.connection)  # somebody looks in, and the consent stays alive

    reference.refresh(division)

    assert ("Studio Noord" not in debtors(division)) is is_missed


def test_a_failed_reading_stores_nothing_and_is_made_up_for_by_the_next(till, division):
    till.world.books.add_account("Newcomer", Status="C", IsSales=True)
    till.world.sandbox.faults.add(Fault("503", "exact", "GET", "*sync/Deleted*", times=99))
    with pytest.raises(VendorError):
        reference.refresh(division)
    assert "Newcomer" not in debtors(division)

    till.world.sandbox.faults.clear()
    reference.refresh(division)
    assert "Newcomer" in debtors(division)


@pytest.mark.accepts("S002-45")
def test_items_are_read_by_what_changed_too(till, division, calls):
    books = till.world.books
    mug = books.add("items", Code="MUG", Description="Mug", Unit="pcs", IsSalesItem=True)
    books.add("items", Code="CLAY", Description="Clay", Unit="kg", IsSalesItem=False)
    items.refresh(division)
    assert ("MUG", "Mug", "pcs") in ExactItem.objects.values_list("code", "name", "unit")
    assert not ExactItem.objects.filter(code="CLAY").exists()

    books.tables["items"].change(mug["ID"], Description="Big mug")
    assert calls(items.refresh, division) == 4  # items, two sorts of prices, what was deleted
    assert ExactItem.objects.get(code="MUG").name == "Big mug"
    books.forget("items", mug["ID"])
    items.refresh(division)
    assert ExactItem.objects.get(code="MUG").gone_at is not None


def test_mappings_that_name_what_is_blocked_or_gone_are_listed(till, division, browser):
    books = till.world.books
    TenderJournal.objects.create(division=division, tender="EXTERNAL:CHECK", journal="20")
    condition = books.add("paymentconditions", Code="45", Description="45 days")
    books.tables["accounts"].change(books._relation("Museum Oud-West")["ID"], PaymentConditionSales="45")
    reference.refresh(division)
    assert PaymentCondition.objects.get(code="45").gone_at is None
    assert "Museum Oud-West" not in words(browser.get(CUSTOMERS))

    books.block_account("8000")
    books.tables["paymentconditions"].remove(condition["ID"])
    books.block_journal("20")
    reference.refresh(division)

    shown = words(browser.get(RULES))
    assert "account 8000 is blocked" in shown
    assert GLMapping.objects.filter(account__code="8001").exists()
    assert "account 8001" not in shown
    assert "payment condition 45 no longer exists" in words(browser.get(CUSTOMERS))
    assert "is blocked" in words(browser.get("/admin/mappings/tenderjournal/?trouble=yes"))
    told = words(browser.get("/admin/"))
    assert "1 customer mapping names what is blocked or gone" in told or "customer mappings name" in told


def test_a_rule_whose_vat_code_was_made_anew_in_exact_is_shown_as_usable_as_planning_uses_it(till, division, browser):
    """The list says what planning does: of a code that is there twice, the row in use counts."""
    rule = GLMapping.objects.get(account__code="8001")
    gone = VatCode.objects.get(code="1")
    VatCode.objects.filter(pk=gone.pk).update(gone_at=till.world.timeline.now())
    assert "VAT code 1 no longer exists" in words(browser.get(RULES))

    anew = VatCode.objects.create(
        division=division, remote_id="made-anew", code="1", name="VAT low", percentage=gone.percentage, type="E"
    )
    assert "VAT code 1" not in words(browser.get(RULES))
    assert "VAT code 1 no longer exists" not in words(browser.get(f"/admin/mappings/glmapping/{rule.pk}/change/"))

    VatCode.objects.filter(pk=anew.pk).update(is_blocked=True)
    assert "VAT code 1 is blocked" in words(browser.get(RULES))
