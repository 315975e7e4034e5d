"""Mappings on the screen: what is accepted, what is told, what goes on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from connections.models import Division
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import CustomerMapping, DebtorAccount, GLMapping, LedgerAccount, VatCode
from mappings.signals import mapping_changed
from tests.pages import NOW, in_role, text_of
from tests.till import Shop

RULES, CUSTOMERS = "/admin/mappings/glmapping/", "/admin/mappings/customermapping/"


def rule(shop: Shop, **changes: Any) -> dict[str, Any]:
    account = LedgerAccount.objects.get(code="8001", division=shop.division)
    return {
        "division": shop.division.pk, "role": "revenue", "tax_name": "VAT 9", "tax_rate": "9", "account": account.pk,
        "vat_code": VatCode.objects.get(code="2").pk, "status": "matched", "effective_from": "2026-11-01", **changes,
    }  # fmt: skip


def customer(shop: Shop, **changes: Any) -> dict[str, Any]:
    return {
        "division": shop.division.pk, "merchant": shop.square.pk, "square_customer_id": "CUST1",
        "square_name": "Hotel Zon", "status": "matched", "debtor": DebtorAccount.objects.get(code="1").pk,
        "effective_from": "2026-11-01", **changes,
    }  # fmt: skip


def test_a_saved_rule_says_who_decided_and_when(shop: Shop, anna: Client) -> None:
    response = anna.post(f"{RULES}add/", rule(shop))
    assert response.status_code == 302, text_of(response)
    made = GLMapping.objects.get(tax_name="VAT 9")
    assert (made.decided_by, made.decided_at) == ("anna", NOW)
    fact = AuditEntry.objects.get(verb="glmapping.added")
    assert (fact.subject_id, fact.division, fact.actor) == (made.pk, 123456, "anna")
    assert fact.detail["account"][1] == "8001 Revenue 9 %"


def test_a_changed_rule_keeps_before_and_after_in_the_trail(shop: Shop, anna: Client) -> None:
    made = shop.rules["revenue"]
    anna.post(
        f"{RULES}{made.pk}/change/",
        rule(shop, tax_name="VAT 21", tax_rate="21", cost_center="K1", effective_from="2026-09-22"),
    )
    detail = AuditEntry.objects.get(verb="glmapping.changed").detail
    assert detail["cost_center"] == ["", "K1"]
    assert "status" not in detail


def test_records_that_waited_for_the_rule_go_on(
    shop: Shop, anna: Client, django_capture_on_commit_callbacks: Any
) -> None:
    item = shop.waiting(1, ProblemKind.UNMAPPED_TAX, "revenue: VAT 9, 9 %")
    other = shop.waiting(2, ProblemKind.UNMAPPED_CUSTOMER, "CUST1")
    with django_capture_on_commit_callbacks(execute=True):
        anna.post(f"{RULES}add/", rule(shop))
    item.refresh_from_db()
    other.refresh_from_db()
    assert (item.state, other.state) == ("extracted", "waiting")


def test_the_signal_names_the_division_and_what_may_be_solved(shop: Shop, anna: Client) -> None:
    heard: list[tuple[int, tuple[str, ...]]] = []

    def listen(division_id: int, kinds: tuple[str, ...], **_: Any) -> None:
        heard.append((division_id, kinds))

    mapping_changed.connect(listen)
    try:
        anna.post(f"{CUSTOMERS}add/", customer(shop))
    finally:
        mapping_changed.disconnect(listen)
    assert heard == [(shop.division.pk, ("unmapped_customer", "unusable"))]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"account": "1300"}, "1300 Trade debtors is of type 20; for revenue an account of type 110 is needed."),
        ({"account": "blocked"}, "8002 Blocked is blocked or gone in Exact."),
        ({"account": "elsewhere"}, "8001 Elsewhere belongs to another division."),
        ({"account": ""}, "A rule in use needs its GL account."),
        (
            {"tax_name": "VAT 21", "tax_rate": "21", "effective_from": "2026-09-22"},
            "There is already a rule for exactly this",
        ),
    ],
)
def test_a_rule_that_cannot_be_booked_is_refused_with_a_sentence(
    shop: Shop, anna: Client, changes: dict[str, Any], sentence: str
) -> None:
    other = Division.objects.create(connection=shop.exact, code=777, name="Other", currency="EUR")
    LedgerAccount.objects.create(
        division=shop.division, remote_id="b", code="8002", name="Blocked", type=110, is_blocked=True
    )
    LedgerAccount.objects.create(division=other, remote_id="e", code="8001", name="Elsewhere", type=110)
    named = {"1300": "Trade debtors", "blocked": "Blocked", "elsewhere": "Elsewhere"}
    if changes.get("account") in named:
        changes = {**changes, "account": LedgerAccount.objects.get(name=named[changes["account"]]).pk}
    response = anna.post(f"{RULES}add/", rule(shop, **changes))
    assert sentence in text_of(response)
    assert not AuditEntry.objects.filter(verb="glmapping.added").exists()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("S", "is not a customer in Exact (status C)"), ("C", "is blocked or gone in Exact")],
)
def test_a_customer_is_mapped_only_to_who_can_be_sold_to(shop: Shop, anna: Client, status: str, sentence: str) -> None:
    debtor = DebtorAccount.objects.create(
        division=shop.division, remote_id="d", code="9", name="Nobody", status=status, is_blocked=status == "C"
    )
    response = anna.post(f"{CUSTOMERS}add/", customer(shop, debtor=debtor.pk))
    assert sentence in text_of(response)
    assert not CustomerMapping.objects.exists()


def offered(client: Client, field: str, **query: Any) -> list[str]:
    asked = {"app_label": "mappings", "model_name": "glmapping", "field_name": field, **query}
    return [row["text"] for row in client.get("/admin/autocomplete/", asked).json()["results"]]


def test_the_choice_of_an_account_offers_what_makes_sense_for_the_role(shop: Shop, anna: Client) -> None:
    assert offered(anna, "account", role="revenue") == ["8000 Revenue 21 %", "8001 Revenue 9 %"]
    assert offered(anna, "account", role="clearing") == ["1105 Square clearing"]
    assert len(offered(anna, "account")) == 8


def test_the_choice_of_an_account_stays_in_the_division_and_in_use(shop: Shop, anna: Client) -> None:
    other = Division.objects.create(connection=shop.exact, code=777, name="Other", currency="EUR")
    LedgerAccount.objects.create(division=other, remote_id="e", code="8009", name="Elsewhere", type=110)
    LedgerAccount.objects.filter(code="8001").update(is_blocked=True)
    assert offered(anna, "account", role="revenue", division=shop.division.pk) == ["8000 Revenue 21 %"]
    assert offered(anna, "account", role="revenue", division=other.pk) == ["8009 Elsewhere"]
    assert offered(anna, "account", role="nonsense", division="x; drop") != []


def test_a_link_fills_in_what_is_known(shop: Shop, anna: Client) -> None:
    form = anna.get(f"{CUSTOMERS}add/?square_customer_id=CUST9&effective_from=2026-10-05").context["adminform"].form
    assert form.initial["square_customer_id"] == "CUST9"
    assert form.initial["effective_from"].isoformat() == "2026-10-05"
    assert form.initial["division"] == shop.division.pk


@pytest.mark.parametrize(
    ("role", "may"),
    [("Bookkeeper", True), ("Approver", True), ("Administrator", True), ("Operator", False), ("Auditor", False)],
)
def test_only_those_who_decide_may_change_a_rule(shop: Shop, role: str, may: bool) -> None:
    client = in_role(role)
    assert (client.get(f"{RULES}add/").status_code == 200) is may
    assert client.get(f"{RULES}{shop.rules['revenue'].pk}/change/").status_code == 200
    response = client.post(f"{RULES}{shop.rules['revenue'].pk}/change/", rule(shop, cost_center="K9"))
    assert (response.status_code == 302) is may
    assert (response.status_code == 403) is not may


def test_a_decision_is_never_deleted(shop: Shop, anna: Client) -> None:
    assert anna.get(f"{RULES}{shop.rules['revenue'].pk}/delete/").status_code == 403


def test_a_rule_is_recognised_and_found_in_the_list(shop: Shop, anna: Client) -> None:
    text = text_of(anna.get(RULES))
    assert "revenue · VAT 21 · 21 %" in text
    assert "8000 Revenue 21 %" in text
    assert anna.get(RULES, {"q": "VAT"}).context["cl"].result_count == 1
    assert anna.get(RULES, {"q": "8001"}).context["cl"].result_count == 0


# --- A customer that may be several --------------------------------------------------------------
@pytest.fixture
def conflict(shop: Shop) -> CustomerMapping:
    found = [
        DebtorAccount.objects.create(
            division=shop.division, remote_id=f"d{code}", code=code, name="Hotel Zon", status="C", email=email
        )
        for code, email in (("71", "info@zon.example"), ("72", ""))
    ]
    candidates = [
        {"id": row.remote_id, "code": row.code, "name": row.name, "agrees": ["name"], "differs": []} for row in found
    ]
    return CustomerMapping.objects.create(
        division=shop.division, merchant=shop.square, square_customer_id="CUST1", square_name="Hotel Zon",
        status="conflict", candidates=candidates, effective_from="2026-11-01", reason="Nobody has decided yet.",
    )  # fmt: skip


def press(client: Client, row: CustomerMapping, **button: str) -> Any:
    form = {
        "division": row.division_id, "merchant": row.merchant_id, "square_customer_id": row.square_customer_id,
        "square_name": row.square_name, "status": row.status, "debtor": "", "effective_from": "2026-11-01",
        "reason": row.reason, **button,
    }  # fmt: skip
    return client.post(f"{CUSTOMERS}{row.pk}/change/", form)


def test_candidates_stand_side_by_side_with_what_agrees(conflict: CustomerMapping, anna: Client) -> None:
    text = text_of(anna.get(f"{CUSTOMERS}{conflict.pk}/change/"))
    assert "71 Hotel Zon – name – info@zon.example" in text
    assert "72 Hotel Zon – name" in text
    assert "remote_id" not in text


def test_one_click_accepts_a_candidate(conflict: CustomerMapping, anna: Client) -> None:
    chosen = DebtorAccount.objects.get(code="72")
    assert press(anna, conflict, _accept=str(chosen.pk)).status_code == 302
    conflict.refresh_from_db()
    assert (conflict.status, conflict.debtor, conflict.reason) == ("matched", chosen, "")
    assert conflict.decided_by == "anna"


def test_one_click_leaves_a_customer_to_the_collective_debtor(conflict: CustomerMapping, anna: Client) -> None:
    press(anna, conflict, _collective="yes", reason="Came once")
    conflict.refresh_from_db()
    assert (conflict.status, conflict.debtor, conflict.reason) == ("ignored", None, "Came once")


def test_a_candidate_that_was_blocked_since_is_refused(conflict: CustomerMapping, anna: Client) -> None:
    DebtorAccount.objects.filter(code="72").update(is_blocked=True)
    refused = press(anna, conflict, _accept=str(DebtorAccount.objects.get(code="72").pk))
    assert "is blocked or gone in Exact" in text_of(refused)
    conflict.refresh_from_db()
    assert conflict.status == "conflict"


def test_the_first_button_of_the_form_saves_it_and_decides_nothing(conflict: CustomerMapping, anna: Client) -> None:
    page = anna.get(f"{CUSTOMERS}{conflict.pk}/change/").content.decode()
    form = page[page.index('id="customermapping_form"') :]
    assert 'name="_save"' in form[: form.index('name="_accept"')]


def test_who_may_only_look_is_offered_no_button(conflict: CustomerMapping) -> None:
    page = in_role("Auditor").get(f"{CUSTOMERS}{conflict.pk}/change/").content.decode()
    assert "71 Hotel Zon" in page
    assert "_accept" not in page
    assert "_collective" not in page


# --- Rules that would come to nothing ------------------------------------------------------------
def test_a_revenue_rule_must_say_which_tax(shop: Shop, anna: Client) -> None:
    assert "Say which tax" in text_of(anna.post(f"{RULES}add/", rule(shop, tax_name="", tax_rate="")))


def test_a_code_without_vat_does_not_go_with_a_tax(shop: Shop, anna: Client) -> None:
    zero = VatCode.objects.create(
        division=shop.division, remote_id="v0", code="0", name="0 %", percentage=0, type="E", account=""
    )
    told = text_of(anna.post(f"{RULES}add/", rule(shop, vat_code=zero.pk)))
    assert "0 0 % carries no VAT, so Exact would refuse the 9 %." in told


def test_a_form_offers_what_a_person_decides_and_where_lanes_may_book(shop: Shop, anna: Client) -> None:
    Division.objects.create(connection=shop.exact, code=777, name="Not pinned", currency="EUR")
    form = anna.get(f"{RULES}add/").context["adminform"].form
    assert [value for value, _ in form.fields["status"].choices] == ["matched", "ignored"]
    assert list(form.fields["division"].queryset) == [shop.division]


def test_a_rule_names_its_location_in_the_list(shop: Shop, anna: Client) -> None:
    GLMapping.objects.update(location="LAMS")
    assert "revenue · Amsterdam · VAT 21" in text_of(anna.get(RULES))


def test_the_list_offers_to_accept_suggestions_in_words_a_person_can_read(shop: Shop, anna: Client) -> None:
    assert "Accept suggestions of 90 % and more" in text_of(anna.get(RULES))
