from __future__ import annotations

import json
from pathlib import Path

import pytest

from connections.providers.snowflake import statements
from sync.archive.catalogue import BY_NAME, ENTITIES, Entity, Way, feeds

# Endpoints and their fields as the vendor documents them. Reference: exact-metadata.json
DOCUMENTED = json.loads(Path(__file__).with_name("exact_fields.json").read_text())
ASKED = (
    "purchase_invoices", "purchase_invoice_lines", "purchase_orders", "purchase_order_lines", "sales_orders",
    "sales_order_lines", "sales_invoices", "sales_invoice_lines", "gl_accounts", "gl_classifications", "cost_centers",
    "cost_units", "journals", "journal_entries", "transaction_lines", "receivables", "bank_entries", "cash_entries",
    "payables", "suppliers", "customers", "contacts", "addresses", "items", "vat_codes", "payment_conditions",
    "projects", "periods",
)  # fmt: skip


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_an_entity_is_read_from_a_documented_endpoint_with_the_fields_it_needs(entity: Entity) -> None:
    documented = DOCUMENTED[entity.path]
    assert entity.fields <= set(documented["fields"].split())
    assert (documented["kind"] == "sync") == (entity.way == Way.SYNC)


def test_everything_asked_for_is_in_the_catalogue_once() -> None:
    assert set(ASKED) <= set(BY_NAME)
    assert len(BY_NAME) == len(ENTITIES)


def test_every_entity_has_a_table() -> None:
    made = [statements.create(entity.table).text for entity in ENTITIES]
    assert len(set(made)) == len(ENTITIES)


def test_an_endpoint_is_read_once_and_in_one_way() -> None:
    for _, entities in feeds():
        assert len({(entity.way, entity.deleted_as) for entity in entities}) == 1
    assert sum(len(entities) for _, entities in feeds()) == len(ENTITIES)


def tables(path: str, **row: object) -> list[str]:
    return [entity.name for entity in dict(feeds())[path] if entity.takes(row)]


def test_heads_and_lines_part_and_none_is_lost() -> None:
    for path, head, line in (
        ("sync/Financial/TransactionLines", "journal_entries", "transaction_lines"),
        ("sync/SalesInvoice/SalesInvoices", "sales_invoices", "sales_invoice_lines"),
    ):
        assert tables(path, LineNumber=0) == [head]
        assert tables(path, LineNumber=7) == [line]
        assert tables(path, LineNumber=None) == [line]


def test_receivables_and_payables_part() -> None:
    assert tables("sync/Cashflow/PaymentTerms", LineType=20) == ["receivables"]
    assert tables("sync/Cashflow/PaymentTerms", LineType=22) == ["payables"]


@pytest.mark.accepts("S003-18", "S003-35")
def test_an_account_that_is_both_stands_in_both_tables_with_both_flags() -> None:
    path, both = "sync/CRM/Accounts", {"IsSupplier": True, "Status": "C"}
    assert tables(path, **both) == ["suppliers", "customers"]
    assert BY_NAME["suppliers"].flags_of(both) == {"is_supplier": True, "is_customer": True}
    assert tables(path, IsSupplier=True, Status="A") == ["suppliers"]
    assert BY_NAME["suppliers"].flags_of({"IsSupplier": True, "Status": "A"}) == {
        "is_supplier": True,
        "is_customer": False,
    }
    assert tables(path, IsSupplier=False, Status="P") == []
