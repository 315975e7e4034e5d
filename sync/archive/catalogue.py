"""What is archived: one line per entity. A new one is one line more.

Pure data. An endpoint that carries two kinds of rows (heads and lines, receivables and payables) is read once and feeds
as many tables. Bulk endpoints are not among the ways: each that would serve has a sync sibling, which tells changes.
Reference: exact-online.md section 8.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from connections.providers.snowflake.statements import Table


class Way(StrEnum):
    """How changes are read, the cheapest first."""

    SYNC = "sync"  # 1,000 rows a call, filtered on the row version, with a log of what was deleted
    MODIFIED = "modified"  # 60 rows a call, filtered on the time of the last change
    WHOLE = "whole"  # small lists, read from end to end and compared


@dataclass(frozen=True, slots=True)
class Condition:
    """On one field of a row. `negated` turns it round."""

    field: str
    value: object
    negated: bool = False

    def holds(self, row: Mapping[str, Any]) -> bool:
        return (row.get(self.field) == self.value) is not self.negated


@dataclass(frozen=True, slots=True)
class Entity:
    """One table. `name` is its name in Snowflake, `path` the endpoint, `key` the field that names a record for ever.

    `only`: which rows of the endpoint belong here; a record that was taken once keeps its place, so that a supplier
    who is none any more gets a last version with the flag off. `flags`: columns of true or false. `deleted_as`: the
    record's type in sync/Deleted; without one a deletion is seen only by its absence from a whole list. `amount`: the
    field whose sum is compared with that in Snowflake.
    """

    name: str
    path: str
    way: Way
    key: str = "ID"
    only: Condition | None = None
    flags: tuple[tuple[str, Condition], ...] = ()
    deleted_as: int | None = None
    amount: str = ""

    @property
    def table(self) -> Table:
        return Table(self.name, tuple(name for name, _ in self.flags))

    @property
    def fields(self) -> frozenset[str]:
        """What a row must carry to be archived, besides being itself."""
        conditions = [*([self.only] if self.only else []), *(condition for _, condition in self.flags)]
        cursor = {Way.SYNC: {"Timestamp", "Modified"}, Way.MODIFIED: {"Modified"}, Way.WHOLE: set[str]()}[self.way]
        return frozenset({self.key, *cursor, *([self.amount] if self.amount else []),
                          *(condition.field for condition in conditions)})  # fmt: skip

    def takes(self, row: Mapping[str, Any]) -> bool:
        return self.only is None or self.only.holds(row)

    def flags_of(self, row: Mapping[str, Any]) -> dict[str, bool]:
        return {name: condition.holds(row) for name, condition in self.flags}


# Reference: section 8, endpoints that mix heads and lines, and section 9, crm/Accounts.
HEAD, LINE = Condition("LineNumber", 0), Condition("LineNumber", 0, negated=True)
RECEIVABLE, PAYABLE = Condition("LineType", 20), Condition("LineType", 22)
SUPPLIER, CUSTOMER = Condition("IsSupplier", value=True), Condition("Status", "C")
ROLES = (("is_supplier", SUPPLIER), ("is_customer", CUSTOMER))

LEDGER, INVOICES = "sync/Financial/TransactionLines", "sync/SalesInvoice/SalesInvoices"
TERMS, ACCOUNTS = "sync/Cashflow/PaymentTerms", "sync/CRM/Accounts"

# fmt: off
ENTITIES = (
    Entity("purchase_invoices", "purchase/PurchaseInvoices", Way.MODIFIED, amount="AmountDC"),
    Entity("purchase_invoice_lines", "purchase/PurchaseInvoiceLines", Way.MODIFIED, amount="AmountDC"),
    Entity("purchase_orders", "purchaseorder/PurchaseOrders", Way.MODIFIED, key="PurchaseOrderID", amount="AmountDC"),
    # Its rows are lines; whether heads come among them, as on the two endpoints that say so, is a guess: no.
    Entity("purchase_order_lines", "sync/PurchaseOrder/PurchaseOrders", Way.SYNC, deleted_as=22, amount="AmountDC"),
    Entity("sales_orders", "sync/SalesOrder/SalesOrderHeaders", Way.SYNC, deleted_as=32, amount="AmountDC"),
    Entity("sales_order_lines", "sync/SalesOrder/SalesOrderLines", Way.SYNC, deleted_as=33, amount="AmountDC"),
    Entity("sales_invoices", INVOICES, Way.SYNC, only=HEAD, deleted_as=13, amount="AmountDC"),
    Entity("sales_invoice_lines", INVOICES, Way.SYNC, only=LINE, deleted_as=13, amount="AmountDC"),
    Entity("gl_accounts", "sync/Financial/GLAccounts", Way.SYNC, deleted_as=7),
    Entity("gl_classifications", "sync/Financial/GLClassifications", Way.SYNC, deleted_as=18),
    Entity("gl_schemes", "financial/GLSchemes", Way.WHOLE),
    Entity("gl_account_classifications", "financial/GLAccountClassificationMappings", Way.WHOLE),
    Entity("cost_centers", "hrm/Costcenters", Way.WHOLE),
    Entity("cost_units", "hrm/Costunits", Way.WHOLE),
    Entity("journals", "financial/Journals", Way.WHOLE),
    Entity("journal_entries", LEDGER, Way.SYNC, only=HEAD, deleted_as=1, amount="AmountDC"),
    Entity("transaction_lines", LEDGER, Way.SYNC, only=LINE, deleted_as=1, amount="AmountDC"),
    Entity("receivables", TERMS, Way.SYNC, only=RECEIVABLE, deleted_as=10, amount="AmountDC"),
    Entity("payables", TERMS, Way.SYNC, only=PAYABLE, deleted_as=10, amount="AmountDC"),
    Entity("bank_entries", "financialtransaction/BankEntries", Way.MODIFIED, key="EntryID"),
    Entity("bank_entry_lines", "financialtransaction/BankEntryLines", Way.MODIFIED, amount="AmountDC"),
    Entity("cash_entries", "financialtransaction/CashEntries", Way.MODIFIED, key="EntryID"),
    Entity("cash_entry_lines", "financialtransaction/CashEntryLines", Way.MODIFIED, amount="AmountDC"),
    Entity("suppliers", ACCOUNTS, Way.SYNC, only=SUPPLIER, flags=ROLES, deleted_as=2),
    Entity("customers", ACCOUNTS, Way.SYNC, only=CUSTOMER, flags=ROLES, deleted_as=2),
    Entity("contacts", "sync/CRM/Contacts", Way.SYNC, deleted_as=5),
    Entity("addresses", "sync/CRM/Addresses", Way.SYNC, deleted_as=3),
    Entity("items", "sync/Logistics/Items", Way.SYNC, deleted_as=9),
    Entity("vat_codes", "vat/VATCodes", Way.WHOLE),
    Entity("payment_conditions", "cashflow/PaymentConditions", Way.WHOLE),
    Entity("projects", "sync/Project/Projects", Way.SYNC, deleted_as=21),
    Entity("periods", "financial/FinancialPeriods", Way.WHOLE),
)
# fmt: on
BY_NAME = {entity.name: entity for entity in ENTITIES}


@cache
def _documented() -> dict[str, tuple[str, ...]]:
    """Endpoint -> every property it gives besides nested lists, whose rows are entities of their own."""
    found = json.loads(Path(__file__).with_name("fields.json").read_text())
    return {path: tuple(names.split()) for path, names in found.items()}


def fields_of(path: str) -> tuple[str, ...]:
    return _documented()[path]


def feeds() -> Iterator[tuple[str, tuple[Entity, ...]]]:
    """Each endpoint once, with the tables it feeds, in the order of the catalogue."""
    for path in dict.fromkeys(entity.path for entity in ENTITIES):
        yield path, tuple(entity for entity in ENTITIES if entity.path == path)
