"""What Square describes wrongly is said otherwise by a person, beside the original; record and money stay Square's."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from connections.sandbox.square import LineSpec, RequestSpec, TenderSpec
from mappings.models import CustomerMapping, GLMapping
from sync.models import ItemEdit, Leg, Reconciliation, SyncItem
from tests.journeys.desk import Desk, kept
from tests.journeys.reconciling import MARCH, reconcile
from tests.pages import confirm, in_role, text_of

MUG_BOOKED = {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
# The fee needs no sale, and is booked while the rest waits.
FEE = {"1105": -44, "4960": 44}
MUG_TAX = {"0-tax_name": "VAT 21", "0-tax_rate": "21", "0-tax": "4.34"}


def two_taxes(till: Any) -> SyncItem:
    """A mug of 25.00 on which Square states two taxes: it waits, since Exact books one code a line."""
    till.world.sandbox.square.add_tax("City tax", "0")
    sale = till.sell(LineSpec("Mug", 2500, tax=("VAT 21", "City tax")))
    till.next_morning()
    item = till.item(sale)
    assert (item.state, item.problem_kind) == ("waiting", "ambiguous_tax"), item.problem
    return item


@pytest.fixture
def waiting(till: Any) -> SyncItem:
    return two_taxes(till)


def order_of(till: Any, order_id: str) -> dict[str, Any]:
    data: dict[str, Any] = till.world.sandbox.square.state.order(order_id).data
    return data


def without_rules() -> None:
    GLMapping.objects.filter(role="revenue", account__isnull=False).update(status="conflict")


def with_rules() -> None:
    GLMapping.objects.filter(role="revenue", account__isnull=False).update(status="matched")


def page(item: SyncItem) -> str:
    return f"/admin/sync/syncitem/{item.pk}/edit/"


def filled(browser: Client, item: SyncItem, **said: str) -> dict[str, str]:
    """The form as it opens, with this said otherwise."""
    form = browser.get(page(item)).context["form"]
    opened = {name: form[name].value() for name in form.fields}
    values = {name: "" if value is None else str(value) for name, value in opened.items()}
    return {**values, "reason": "The city tax is a mistake of the till", **said}


def save(browser: Client, item: SyncItem, **said: str) -> Any:
    return browser.post(page(item), {**filled(browser, item, **said), "verb": "save"}, follow=True)


@pytest.mark.accepts("S000-38", "S001-35")
def test_a_line_with_two_taxes_is_edited_beside_the_original_and_booked(
    till: Any, waiting: SyncItem, browser: Client
) -> None:
    sent = copy.deepcopy(waiting.payload)
    opened = browser.get(page(waiting))
    assert "As Square has it" in text_of(opened)
    assert "VAT 21 21 %, City tax 0 %" in text_of(opened)

    tried = browser.post(page(waiting), {**filled(browser, waiting, **MUG_TAX), "verb": "preview"})
    assert "8000" in text_of(tried)
    assert not ItemEdit.objects.exists()

    saved = save(browser, waiting, **MUG_TAX)
    assert "on its way to be booked" in text_of(saved)
    till.world.run()

    waiting.refresh_from_db()
    assert waiting.state == "done"
    assert till.ledger == MUG_BOOKED
    assert waiting.payload == sent
    told = AuditEntry.objects.get(verb="item.edited")
    assert (told.actor, told.source) == ("anna", waiting.source_id)
    assert told.detail["changes"] == [
        ["Mug: tax", "VAT 21 21 %, City tax 0 %, EUR 4.34", "VAT 21 21 %, EUR 4.34"]
    ]  # fmt: skip
    shown = text_of(browser.get(f"/admin/sync/syncitem/{waiting.pk}/change/"))
    assert "Edited here in force" in shown
    assert "Edited by anna: Mug: tax: VAT 21 21 %, City tax 0 %, EUR 4.34 became VAT 21 21 %, EUR 4.34" in shown


def test_an_edit_must_come_to_the_money_that_moved(waiting: SyncItem, browser: Client) -> None:
    refused = save(browser, waiting, **{**MUG_TAX, "0-total": "24.00", "0-tax": "4.17"})
    assert refused.status_code == 422
    assert "The lines come to EUR 24.00 now, and EUR 25.00 was paid for them" in text_of(refused)
    wrong = save(browser, waiting, **{**MUG_TAX, "0-tax": "1.00"})
    assert "21 % inside EUR 25.00 is EUR 4.34." in text_of(wrong)
    rateless = save(browser, waiting, **{"0-tax_name": "VAT 21"})
    assert "Give the rate of the tax" in text_of(rateless)
    early = save(browser, waiting, **{**MUG_TAX, "day": "2026-01-01"})
    assert "lies before the lane" in text_of(early)
    late = save(browser, waiting, **{**MUG_TAX, "day": "2027-01-01"})
    assert "is still to come" in text_of(late)
    unknown = save(browser, waiting, **{**MUG_TAX, "customer": "NOBODY"})
    assert "Nobody here knows a Square customer NOBODY" in text_of(unknown)
    assert "Nothing is said otherwise" in text_of(save(browser, waiting))
    assert "Give a reason" in text_of(save(browser, waiting, **MUG_TAX, reason=" "))
    assert not ItemEdit.objects.exists()


def test_lines_that_do_not_add_up_are_given_their_share(till: Any, browser: Client) -> None:
    sale = till.sell(LineSpec("Mug", 2500, tax="VAT 21"), LineSpec("Cake", 1090, tax="VAT 9"))
    lines = copy.deepcopy(order_of(till, sale.order_id)["line_items"])
    lines[1]["total_money"]["amount"] = 1000
    till.world.sandbox.square.change_order(sale.order_id, line_items=lines)
    till.next_morning()
    item = till.item(sale)
    assert item.problem_kind == "unbalanced", item.problem

    save(browser, item, **{"1-total": "10.90", "1-tax": "0.90"})
    till.world.run()

    item.refresh_from_db()
    assert item.state == "done", item.problem
    assert (till.ledger["8000"], till.ledger["8001"]) == (-2066, -1000)
    # Square's own total of the order was right, so nothing is apart.
    assert reconcile(*MARCH)[0] == 0
    assert not Reconciliation.objects.get().differences.exists()


def told_of(item: SyncItem) -> str:
    """The one difference that the comparison of March names for it."""
    code, printed = reconcile(*MARCH)
    assert code == 0, printed
    found = Reconciliation.objects.get().differences.get(item=item)
    assert (found.kind, found.is_explained) == ("restated", True)
    return str(found.sentence)


def test_the_day_of_the_sale_moves_and_the_money_stays_on_its_own(
    till: Any, waiting: SyncItem, browser: Client
) -> None:
    save(browser, waiting, **{**MUG_TAX, "day": "2026-03-01"})
    till.world.run()

    days = dict(Leg.objects.filter(item=waiting).values_list("kind", "date"))
    assert (days["sale"], days["receipt"]) == (date(2026, 3, 1), date(2026, 3, 2))
    assert "Day of the sale: 2026-03-02 became 2026-03-01" in told_of(waiting)


def test_a_house_account_without_a_customer_is_given_one(till: Any, browser: Client) -> None:
    sale = till.sell(tenders=(TenderSpec("house"),))
    till.next_morning()
    item = till.item(sale)
    assert item.problem_kind == "unmapped_customer"
    mapping = CustomerMapping.objects.filter(status="matched").first()
    assert mapping

    save(browser, item, customer=mapping.square_customer_id)
    till.world.run()

    item.refresh_from_db()
    assert (item.state, item.customer_id) == ("done", "")
    assert till.owed_by(mapping.debtor.name) == 2500


def test_an_external_tender_is_said_to_be_another(till: Any, browser: Client) -> None:
    rule = GLMapping.objects.filter(role="other_tender", tender__startswith="EXTERNAL:").first()
    assert rule
    assert rule.account
    sale = till.sell(tenders=(TenderSpec("external", external_type="CRYPTO"),))
    till.next_morning()
    item = till.item(sale)
    assert item.problem_kind == "unmapped_account", item.problem

    save(browser, item, tender=rule.tender.removeprefix("EXTERNAL:"))
    till.world.run()

    item.refresh_from_db()
    assert item.state == "done", item.problem
    assert till.ledger[rule.account.code] == 2500
    assert item.payload["payment"]["external_details"]["type"] == "CRYPTO"
    refused = confirm(browser, f"/admin/sync/itemedit/{ItemEdit.objects.get().pk}/do/withdraw/")
    assert "Undo its entry first" in text_of(refused)


def test_an_invoice_is_said_to_be_anothers_and_its_payment_follows(till: Any, desk: Desk, browser: Client) -> None:
    type(till.world.shop.lane).objects.update(edit_limit=None)
    stranger = till.world.sandbox.square.add_customer(given_name="Nobody")
    made = desk.invoice(RequestSpec("BALANCE", due=date(2026, 4, 1)), customer_id=stranger["id"])
    desk.morning()
    item = kept(made)
    assert (item.state, item.problem_kind) == ("waiting", "unmapped_customer"), item.problem
    owing = CustomerMapping.objects.exclude(debtor=None).first()
    assert owing
    assert owing.debtor

    save(browser, item, customer=owing.square_customer_id, day="2026-03-01")
    till.world.run()
    item.refresh_from_db()
    assert item.state == "done", item.problem
    assert till.owed_by(owing.debtor.name) == 157400
    assert Leg.objects.get(item=item, kind="sale").date == date(2026, 3, 1)

    desk.pay(made)
    desk.morning()
    assert ItemEdit.objects.get().state == "in_force"
    assert Leg.objects.get(kind="receipt").state == "confirmed"
    assert "1300" not in till.ledger


# --- four eyes ------------------------------------------------------------------------------------
def test_above_the_limit_an_edit_counts_once_somebody_else_has_approved_it(
    till: Any, waiting: SyncItem, browser: Client
) -> None:
    type(waiting.lane).objects.update(edit_limit=2499)
    assert "Propose the edit" in text_of(browser.get(page(waiting)))
    save(browser, waiting, **MUG_TAX)
    till.world.run()

    waiting.refresh_from_db()
    assert (waiting.state, waiting.problem_kind) == ("waiting", "edited")
    assert till.ledger == FEE
    row = ItemEdit.objects.get()
    own = confirm(browser, f"/admin/sync/itemedit/{row.pk}/do/approve/")
    assert "somebody else approves it" in text_of(own)
    assert in_role("Bookkeeper").get(f"/admin/sync/itemedit/{row.pk}/do/approve/").status_code == 403

    confirm(in_role("Approver"), f"/admin/sync/itemedit/{row.pk}/do/approve/")
    till.world.run()

    waiting.refresh_from_db()
    assert waiting.state == "done"
    assert till.ledger == MUG_BOOKED
    told = list(AuditEntry.objects.filter(verb__startswith="item.edit").order_by("id").values_list("verb", "actor"))
    assert told == [("item.edit_proposed", "anna"), ("item.edit_approved", "someone-approver")]
    assert "approved by someone-approver" in text_of(browser.get(f"/admin/sync/syncitem/{waiting.pk}/change/"))


def test_of_an_order_paid_in_parts_the_whole_sale_counts_for_the_limit(till: Any, browser: Client) -> None:
    till.world.sandbox.square.add_tax("City tax", "0")
    mug = LineSpec("Mug", 2500, tax=("VAT 21", "City tax"))
    sale = till.sell(mug, tenders=(TenderSpec("cash", amount=1500), TenderSpec("card")))
    till.next_morning()
    # Of two payments at the same moment either may carry the sale: the one that waits.
    first, second = sorted((till.item(sale), till.item(sale, 1)), key=lambda item: item.state != "waiting")
    type(first.lane).objects.update(edit_limit=2000)
    assert "Propose the edit" in text_of(browser.get(page(first)))
    assert "customer" not in browser.get(page(first)).context["form"].fields
    save(browser, first, **MUG_TAX)
    row = ItemEdit.objects.get()
    assert (row.state, row.amount) == ("proposed", 2500)
    assert "only one that waits is edited" in text_of(browser.get(page(second)))


def test_a_rejected_edit_leaves_the_record_waiting_as_it_did(till: Any, waiting: SyncItem, browser: Client) -> None:
    type(waiting.lane).objects.update(edit_limit=0)
    save(browser, waiting, **MUG_TAX)
    till.world.run()
    row = ItemEdit.objects.get()
    approver = in_role("Approver")
    confirm(approver, f"/admin/sync/itemedit/{row.pk}/do/reject/", reason="Ask the till first")
    till.world.run()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.problem_kind) == ("waiting", "ambiguous_tax")
    again = confirm(approver, f"/admin/sync/itemedit/{row.pk}/do/approve/")
    assert "rejected already" in text_of(again)
    assert "Ask the till first" in text_of(browser.get(f"/admin/sync/itemedit/{row.pk}/change/"))


def test_whoever_may_not_edit_finds_neither_button_nor_page(waiting: SyncItem) -> None:
    for role in ("Auditor", "Operator"):
        client = in_role(role)
        assert page(waiting) not in client.get(f"/admin/sync/syncitem/{waiting.pk}/change/").content.decode()
        assert client.get(page(waiting)).status_code == client.post(page(waiting)).status_code == 403
    assert in_role("Bookkeeper").get(page(waiting)).status_code == 200
    assert User.objects.filter(username="someone-bookkeeper").exists()


# --- taken back, and overtaken --------------------------------------------------------------------
def test_an_edit_is_withdrawn_while_nothing_is_booked_by_it(till: Any, waiting: SyncItem, browser: Client) -> None:
    without_rules()
    save(browser, waiting, **MUG_TAX)
    till.world.run()
    waiting.refresh_from_db()
    assert waiting.problem_kind == "unmapped_tax"

    row = ItemEdit.objects.get()
    confirm(browser, f"/admin/sync/itemedit/{row.pk}/do/withdraw/")
    till.world.run()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.problem_kind) == ("waiting", "ambiguous_tax")


def test_what_is_booked_by_an_edit_is_undone_before_the_edit_is_withdrawn(
    till: Any, waiting: SyncItem, browser: Client
) -> None:
    save(browser, waiting, **MUG_TAX)
    till.world.run()
    row = ItemEdit.objects.get()
    refused = confirm(browser, f"/admin/sync/itemedit/{row.pk}/do/withdraw/")
    assert "Undo its entry first" in text_of(refused)
    assert "only one that waits is edited" in text_of(browser.get(page(waiting)))
    row.refresh_from_db()
    assert row.state == "in_force"


def test_a_second_edit_takes_the_place_of_the_first(till: Any, waiting: SyncItem, browser: Client) -> None:
    without_rules()
    save(browser, waiting, **MUG_TAX)
    till.world.run()
    waiting.refresh_from_db()
    with_rules()
    save(browser, waiting, **{"0-tax_name": "VAT 9", "0-tax_rate": "9", "0-tax": "2.06"})
    till.world.run()
    assert list(ItemEdit.objects.order_by("id").values_list("state", flat=True)) == ["withdrawn", "in_force"]
    assert till.ledger["8001"] == -2294
    assert "became VAT 9 9 %, EUR 2.06" in told_of(waiting)


def test_an_edit_does_not_count_for_what_square_changed_since(till: Any, waiting: SyncItem, browser: Client) -> None:
    without_rules()
    save(browser, waiting, **MUG_TAX)
    till.world.run()
    lines = copy.deepcopy(order_of(till, waiting.order_id)["line_items"])
    lines[0]["name"] = "Bowl"
    till.world.sandbox.square.change_order(waiting.order_id, line_items=lines)
    till.world.sandbox.square.change_payment(waiting.source_id, note="changed")
    till.run_after(minutes=10)

    waiting.refresh_from_db()
    assert (waiting.state, waiting.problem_kind) == ("waiting", "edited"), waiting.problem
    assert "Square changed the record after anna had edited it" in waiting.problem
    row = ItemEdit.objects.get()
    assert row.state == "overtaken"
    assert AuditEntry.objects.filter(verb="item.edit_overtaken", source=waiting.source_id).exists()

    with_rules()
    confirm(browser, f"/admin/sync/syncitem/{waiting.pk}/do/replay/")
    till.world.run()
    waiting.refresh_from_db()
    assert waiting.problem_kind == "edited"
    assert till.ledger == FEE

    save(browser, waiting, **MUG_TAX)
    till.world.run()
    assert till.ledger == MUG_BOOKED
