"""Which table an endpoint shows and what its POST, PUT and DELETE do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connections.sandbox.exact import files, hooks, ledger, masters, orders, sales, statements, stock
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision
    from connections.sandbox.exact.service import Call

# Endpoints that show the table of another one.
_TABLES = {
    "bulk/CRM/Accounts": "accounts",
    "bulk/Cashflow/Receivables": "receivables",
    "bulk/Financial/GLAccounts": "glaccounts",
    "bulk/Financial/TransactionLines": "transactionlines",
    "sync/CRM/Accounts": "accounts",
    "sync/Financial/GLAccounts": "glaccounts",
    "sync/Financial/TransactionLines": "transactionlines",
    "sync/Logistics/Items": "items",
    "sync/Deleted": "deleted",
    # What is written as a quotation or sales order is not shown by these: an order has other columns there.
    "sync/PurchaseOrder/PurchaseOrders": "purchaseorderrows",
    "sync/SalesOrder/SalesOrderLines": "salesorderrows",
}
# Reference: section 5, without `Prefer: return=representation` these answer only the key and defaults.
TERSE = frozenset(("crm/Accounts", "crm/Contacts", "logistics/Items"))
# Reference: section 4, the fields of the mandatory filter on Accounts. Of other resources the list is unknown.
ACCOUNT_FILTERS = (
    *("Accountant", "AccountManager", "AddressLine1", "AddressLine2", "AddressLine3", "Blocked", "BRIN", "BSN"),
    *("ChamberOfCommerce", "City", "Classification", "Classification1", "Classification2", "Classification3"),
    *("Classification4", "Classification5", "Classification6", "Classification7", "Classification8", "Code"),
    *("CodeAtSupplier", "Country", "Created", "Email", "EndDate", "Fax", "ID", "InvoiceAccount", "IsAccountant"),
    *("IsReseller", "IsSales", "IsSupplier", "MainContact", "Modified", "Name", "Parent", "Phone", "Postcode"),
    *("PriceList", "Reseller", "RSIN", "SearchCode", "StartDate", "Status", "Type", "VATNumber"),
)
SYNCED = frozenset(("Accounts", "GLAccounts", "Items", "TransactionLines"))


def table_name(path: str) -> str:
    return _TABLES.get(path, path.rpartition("/")[2].lower())


@dataclass(frozen=True)
class Writer:
    create: Callable[[ExactDivision, Row], Row] | None = None
    change: Callable[[ExactDivision, str, Row], None] | None = None
    delete: Callable[[ExactDivision, str], None] | None = None
    # For what depends on who asks.
    create_for: Callable[[Call, ExactDivision, Row], Row] | None = None


def _plain(table: str, label: str, *used_in: tuple[str, str]) -> Writer:
    return Writer(masters.create(table), masters.change(table), masters.delete(table, *used_in, label=label))


def _change_receivable(division: ExactDivision, key: str, body: Row) -> None:
    """# Reference: section 9, only Description, PaymentMethod and PaymentReference."""
    changes = {name: body[name] for name in ("Description", "PaymentMethod", "PaymentReference") if name in body}
    division.tables["receivables"].change(key, **changes, Modified=division.now())


def _statement(kind: statements.Kind) -> Writer:
    return Writer(create=lambda division, body: statements.post(division, body, kind), delete=ledger.remove)


def _order(kind: orders.Kind) -> Writer:
    return Writer(orders.create(kind), orders.change(kind), orders.delete(kind))


def _order_line(kind: orders.Kind) -> Writer:
    return Writer(orders.create_line(kind), orders.change_line(kind), orders.delete_line(kind))


_GL_USE = ("transactionlines", "GLAccount")
WRITERS: dict[str, Writer] = {
    "cashflow/PaymentConditions": Writer(create=masters.create("paymentconditions")),
    "cashflow/Receivables": Writer(change=_change_receivable),
    "crm/Accounts": Writer(
        masters.create_account,
        masters.change_account,
        masters.delete("accounts", ("transactionlines", "Account"), label="Account"),
    ),
    "crm/Addresses": Writer(
        masters.create_address, masters.change("addresses"), masters.delete("addresses", label="Account")
    ),
    "crm/QuotationLines": _order_line(orders.QUOTATIONS),
    "crm/Quotations": _order(orders.QUOTATIONS),
    "crm/RejectQuotation": Writer(create=orders.reject),
    "crm/ReopenQuotation": Writer(create=orders.reopen),
    "crm/Contacts": Writer(masters.create_contact, masters.change_contact, masters.delete("contacts", label="Account")),
    "documents/Documents": Writer(files.create, masters.change("documents"), files.remove),
    "documents/DocumentAttachments": Writer(files.attach, delete=files.detach),
    "financial/GLAccounts": Writer(
        masters.create_gl_account,
        masters.change("glaccounts"),
        masters.delete("glaccounts", _GL_USE, label="GLAccount"),
    ),
    "financial/Journals": Writer(
        masters.create_journal, masters.change("journals"), masters.delete("journals", label="Journal")
    ),
    "financialtransaction/BankEntries": _statement(statements.BANK),
    "financialtransaction/CashEntries": _statement(statements.CASH),
    "generaljournalentry/GeneralJournalEntries": _statement(statements.GENERAL),
    "financialtransaction/BankEntryLines": Writer(
        create=lambda division, body: statements.post_line(division, body, statements.BANK)
    ),
    "financialtransaction/CashEntryLines": Writer(
        create=lambda division, body: statements.post_line(division, body, statements.CASH)
    ),
    "generaljournalentry/GeneralJournalEntryLines": Writer(
        create=lambda division, body: statements.post_line(division, body, statements.GENERAL)
    ),
    "hrm/Costcenters": _plain("costcenters", "CostCenter"),
    "hrm/Costunits": _plain("costunits", "CostUnit"),
    "inventory/ItemWarehouses": Writer(
        stock.create_item_warehouse, masters.change("itemwarehouses"), masters.delete("itemwarehouses", label="Item")
    ),
    "inventory/Warehouses": _plain("warehouses", "Code", ("itemwarehouses", "Warehouse")),
    "logistics/Items": Writer(stock.create_item, stock.change_item, masters.delete("items", label="Code")),
    "logistics/SalesItemPrices": Writer(
        stock.create_price, masters.change("salesitemprices"), masters.delete("salesitemprices", label="Item")
    ),
    "logistics/SupplierItem": Writer(
        stock.create_supplier_item, masters.change("supplieritem"), masters.delete("supplieritem", label="Item")
    ),
    "salesorder/CompleteSalesOrder": Writer(create=orders.complete),
    "salesorder/SalesOrderLines": _order_line(orders.ORDERS),
    "salesorder/SalesOrders": _order(orders.ORDERS),
    "salesentry/SalesEntries": Writer(sales.post, sales.change, ledger.remove),
    "salesentry/SalesEntryLines": Writer(sales.post_line, sales.change_line, sales.delete_line),
    "vat/VATCodes": Writer(
        masters.create_vat_code,
        masters.change("vatcodes"),
        masters.delete("vatcodes", ("transactionlines", "VATCode"), label="VATCode"),
    ),
    # A guess: PUT, which the reference lists, is not imitated.
    hooks.PATH: Writer(create_for=hooks.create, delete=hooks.delete),
}
