"""Business rules answer HTTP 500 in the user's language; what is malformed or unknown answers 400 and is noted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connections.sandbox.exact_world import World, said

SALES = "salesentry/SalesEntries"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Period is closed: 2026 - 03"),
        ("nl", "Periode is afgesloten: 2026 - 03"),
        ("de", "Periode ist abgeschlossen: 2026 - 03"),
        ("fr", "La période est clôturée : 2026 - 03"),
    ],
)
def test_a_closed_period_is_told_in_the_users_language(language: str, sentence: str) -> None:
    world = World()
    world.site.language = language
    world.division.close_period(2026, 3, "70")
    answer = world.post(SALES, world.sale())
    assert (answer.status_code, said(answer)) == (500, sentence)
    assert world.division.lines() == []
    world.division.reopen_period(2026, 3, "70")
    assert world.post(SALES, world.sale()).status_code == 201


def test_the_list_of_journal_statuses_shows_what_is_closed() -> None:
    world = World()
    world.division.close_period(2026, 3, "70")
    rows = world.rows("read/financial/JournalStatusList", filter="Status eq 1")
    assert [(row["Journal"], row["Year"], row["Period"]) for row in rows] == [("70", 2026, 3)]


def _without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def test_what_is_mandatory_is_named() -> None:
    world = World()
    world.site.language = "nl"
    assert said(world.post(SALES, _without(world.sale(), "Journal"))) == "Verplicht: Dagboek"
    assert said(world.post(SALES, _without(world.sale(), "Customer"))) == "Verplicht: Klant"
    assert said(world.post(SALES, {**world.sale(), "SalesEntryLines": []})) == "Verplicht: Regels"
    assert said(world.post(SALES, world.sale({"GLAccount": world.gl("8000")}))) == "Verplicht: Bedrag"


def test_a_relation_that_is_no_customer_is_refused() -> None:
    world = World()
    supplier = world.division.add_account("Grossier", "A")["ID"]
    assert said(world.post(SALES, world.sale(Customer=supplier))) == "Invalid: Customer (Type)"


def test_journals_of_the_wrong_kind_are_refused() -> None:
    world = World()
    assert said(world.post(SALES, world.sale(Journal="21"))) == "Invalid: Journal (type)"
    assert said(world.post(SALES, world.sale(Journal="99"))) == "Invalid reference: Journal"
    bank = world.receipt(world.paid(1.0), journal="20")
    assert (
        world.post(
            "financialtransaction/CashEntries", {"JournalCode": "20", "CashEntryLines": bank["BankEntryLines"]}
        ).status_code
        == 500
    )


def test_blocked_and_unknown_accounts_and_codes_are_refused() -> None:
    world = World()
    world.division.block_account("8000")
    assert said(world.post(SALES, world.sale())) == "Blocked: G/L account [8000]"
    unknown = {"GLAccount": world.customer, "AmountFC": 1.0}
    assert said(world.post(SALES, world.sale(unknown))) == "Invalid reference: G/L account"
    assert said(world.post(SALES, world.sale(world.line("8001", 1.0, "9")))) == "Invalid reference: VAT code"
    world.division.block_vat_code("1")
    assert said(world.post(SALES, world.sale(world.line("8001", 1.0, "1")))) == "Blocked: VAT code [1]"


def test_a_year_nobody_opened_is_unknown() -> None:
    world = World()
    assert said(world.post(SALES, world.sale(EntryDate="1999-01-01"))) == "Unknown: Fiscal year (Period - date table)"


def test_a_receivables_line_needs_a_relation() -> None:
    world = World()
    answer = world.post("financialtransaction/BankEntries", world.receipt(world.line("1300", 5.0)))
    assert said(answer) == "Mandatory: Account"


def test_vat_on_a_memo_is_not_allowed() -> None:
    world = World()
    lines = [world.line("4990", 1.0, "2"), world.line("2990", -1.0)]
    answer = world.post(
        "generaljournalentry/GeneralJournalEntries", {"JournalCode": "90", "GeneralJournalEntryLines": lines}
    )
    assert said(answer) == "Not allowed: VAT code"


def test_vat_without_a_rate_has_nowhere_to_go() -> None:
    world = World()
    assert world.post(SALES, world.sale(world.line("8002", 10.0, "0", VATAmountFC=2.1))).status_code == 500


def test_a_refused_entry_leaves_nothing_behind() -> None:
    world = World()
    before = {name: len(table) for name, table in world.division.tables.items()}
    for line in (world.line("8000", 1.0, "9"), world.line("8002", 10.0, "0", VATAmountFC=2.1)):
        world.post(SALES, world.sale(world.line("8000", 1.0, "2"), line))
    assert {name: len(table) for name, table in world.division.tables.items()} == before
    assert world.book_sale()["EntryNumber"] == 26700001


def test_unknown_properties_are_refused_and_read_only_ones_ignored() -> None:
    world = World()
    answer = world.post(SALES, {**world.sale(), "Colour": "red"})
    assert (answer.status_code, "Colour" in said(answer)) == (400, True)
    answer = world.post(SALES, world.sale({**world.line("8000", 1.0, "2"), "Shade": 1}))
    assert answer.status_code == 400
    assert [refusal.path for refusal in world.sandbox.log.refusals] == [f"/api/v1/100001/{SALES}"] * 2
    assert world.book_sale(Type=21, Status=50, EntryNumber=None)["Type"] == 20


@pytest.mark.parametrize(
    ("field", "value"),
    [("Customer", "not-a-guid"), ("EntryDate", "yesterday"), ("YourRef", 5), ("ReportingYear", "2026"), ("Rate", "1")],
)
def test_values_of_the_wrong_type_are_refused(field: str, value: object) -> None:
    world = World()
    assert world.post(SALES, {**world.sale(), field: value}).status_code == 400


def test_amounts_beyond_a_double_are_refused() -> None:
    world = World()
    assert world.post(SALES, world.sale(world.line("8000", 1e40, "2"))).status_code == 400


def test_a_date_with_a_zone_is_shifted_to_the_wall_clock() -> None:
    world = World()
    world.book_sale(EntryDate="2026-03-09T23:30:00Z")
    assert {line["Date"].day for line in world.division.lines()} == {10}


def test_bodies_that_are_no_json_or_no_entity_are_refused() -> None:
    world = World()
    json_type = {**world.headers, "Content-Type": "application/json"}
    for body in (b"{", b"[]", b"null", b"\xff"):
        assert world.session.post(world.url + SALES, data=body, headers=json_type).status_code == 400
    assert world.session.post(world.url + SALES, data=b"a=1", headers=world.headers).status_code == 415


def test_unknown_paths_methods_and_parameters_are_refused_and_noted() -> None:
    world = World()
    assert world.get("webhooks/WebhookTopics").status_code == 404
    assert world.session.get(f"{world.site_url}/api/v2/x", headers=world.headers).status_code == 404
    assert world.post("financialtransaction/TransactionLines", {}).status_code == 405
    assert world.session.get(world.url + "crm/Accounts?limit=5", headers=world.headers).status_code == 400
    assert len(world.sandbox.log.refusals) == 4


def test_without_json_in_accept_the_sandbox_says_what_it_does_not_speak() -> None:
    world = World()
    headers = {"Authorization": world.headers["Authorization"], "Accept": "application/atom+xml"}
    assert world.session.get(world.url + "crm/Accounts", headers=headers).status_code == 406
    assert "JSON" in world.sandbox.log.refusals[0].reason


def test_the_error_envelope_has_the_recorded_form() -> None:
    world = World()
    assert world.get("crm/Accounts", filter="Nope eq 1").json() == {
        "error": {"code": "", "message": {"lang": "", "value": "No property 'Nope' exists in the type."}}
    }


def test_what_people_shut_in_exacts_screens_is_refused() -> None:
    world = World()
    books = world.division
    books.set_vat_use("2", "P")
    assert said(world.post("salesentry/SalesEntries", world.sale())) == "Invalid: VAT code [2]"
    books.set_vat_use("2", "B")
    books.end_cost_center("AMS")
    centered = world.line("8000", 100.0, "2", CostCenter="AMS")
    assert said(world.post("salesentry/SalesEntries", world.sale(centered))) == "Blocked: Cost center [AMS]"
    books.block_journal("70")
    assert said(world.post("salesentry/SalesEntries", world.sale())).startswith("Blocked: Journal")
    books.block_journal("70", blocked=False)
    name = books.tables["accounts"].get(world.customer)["Name"]
    books.set_relation_status(name, "P")
    assert said(world.post("salesentry/SalesEntries", world.sale())) == "Invalid: Customer (Type)"
    books.set_relation_status(name, "C")
    books.block_relation(name)
    assert said(world.post("salesentry/SalesEntries", world.sale())).startswith("Blocked: Customer")
