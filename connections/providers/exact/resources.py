"""The lists of Exact: a path, the properties asked for, and what a row becomes.

No read goes out without its `$select`, because it is part of the resource. Property names are those of Exact's own
reference (exact-online.md appendix A).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from connections.providers.exact.payloads import (
    Account,
    CostCode,
    Division,
    EntryHead,
    EntryLine,
    FinancialPeriod,
    GLAccount,
    Journal,
    Me,
    PaymentCondition,
    PeriodStatus,
    ReceivableRow,
    TransactionLine,
    VATCode,
)
from connections.providers.exact.values import guid, number, required_guid, trimmed, wall_clock
from connections.providers.payload import Reader

T = TypeVar("T")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resource(Generic[T]):
    """`read` raises `Unreadable` naming the property, never its value."""

    path: str
    select: tuple[str, ...]
    read: Callable[[Row], T]


def me(row: Row) -> Me:
    reader = Reader(row, "Me")
    return Me(
        user_id=guid(reader, "UserID"),
        user_name=reader.optional_text("UserName"),
        full_name=reader.optional_text("FullName"),
        current_division=reader.integer("CurrentDivision"),
        language_code=reader.optional_text("LanguageCode"),
        server_time=wall_clock(reader, "ServerTime"),
        utc_offset=reader.optional_decimal("ServerUtcOffset"),
    )


def division(row: Row) -> Division:
    reader = Reader(row, "Divisions")
    return Division(
        code=reader.integer("Code"),
        number=number(reader, "Hid"),
        name=reader.optional_text("Description"),
        customer_name=reader.optional_text("CustomerName"),
        registration_number=trimmed(reader, "ChamberOfCommerceNumber"),
        vat_number=trimmed(reader, "VATNumber"),
        currency=trimmed(reader, "Currency"),
        country=trimmed(reader, "Country"),
        status=reader.optional_integer("Status", default=1),
        is_current=reader.optional_flag("Current"),
        moved_at=wall_clock(reader, "DivisionMoveDate"),
        hr_linked_at=wall_clock(reader, "DivisionHRLinkUnlinkDate"),
    )


def gl_account(row: Row) -> GLAccount:
    reader = Reader(row, "GLAccounts")
    return GLAccount(
        id=required_guid(reader, "ID"),
        code=trimmed(reader, "Code"),
        name=reader.optional_text("Description"),
        type=reader.optional_integer("Type"),
        balance_side=trimmed(reader, "BalanceSide"),
        balance_type=trimmed(reader, "BalanceType"),
        vat_code=trimmed(reader, "VATCode"),
        is_blocked=reader.optional_flag("IsBlocked"),
        cost_center_use=reader.optional_integer("UseCostcenter"),
        cost_unit_use=reader.optional_integer("UseCostunit"),
    )


def journal(row: Row) -> Journal:
    reader = Reader(row, "Journals")
    return Journal(
        id=required_guid(reader, "ID"),
        code=trimmed(reader, "Code"),
        name=reader.optional_text("Description"),
        type=reader.optional_integer("Type"),
        currency=trimmed(reader, "Currency"),
        gl_account=guid(reader, "GLAccount"),
        gl_account_code=trimmed(reader, "GLAccountCode"),
        allows_vat=reader.optional_flag("AllowVAT"),
        allows_other_currencies=reader.optional_flag("AllowVariableCurrency"),
        is_blocked=reader.optional_flag("IsBlocked"),
    )


def vat_code(row: Row) -> VATCode:
    reader = Reader(row, "VATCodes")
    return VATCode(
        id=required_guid(reader, "ID"),
        code=trimmed(reader, "Code"),
        name=reader.optional_text("Description"),
        kind=trimmed(reader, "Type"),
        use=trimmed(reader, "VATTransactionType"),
        percentage=reader.optional_decimal("Percentage"),
        gl_to_pay=guid(reader, "GLToPay"),
        gl_to_pay_code=trimmed(reader, "GLToPayCode"),
        gl_to_claim_code=trimmed(reader, "GLToClaimCode"),
        country=trimmed(reader, "Country"),
        is_blocked=reader.optional_flag("IsBlocked"),
    )


def account(row: Row) -> Account:
    reader = Reader(row, "Accounts")
    return Account(
        id=required_guid(reader, "ID"),
        code=trimmed(reader, "Code"),
        name=reader.optional_text("Name"),
        status=trimmed(reader, "Status"),
        email=reader.optional_text("Email"),
        phone=reader.optional_text("Phone"),
        vat_number=trimmed(reader, "VATNumber"),
        registration_number=trimmed(reader, "ChamberOfCommerce"),
        search_code=trimmed(reader, "SearchCode"),
        address=reader.optional_text("AddressLine1"),
        postcode=trimmed(reader, "Postcode"),
        city=reader.optional_text("City"),
        country=trimmed(reader, "Country"),
        currency=trimmed(reader, "SalesCurrency"),
        receivables=guid(reader, "GLAR"),
        payment_condition=trimmed(reader, "PaymentConditionSales"),
        vat_code=trimmed(reader, "SalesVATCode"),
        is_blocked=reader.optional_flag("Blocked"),
        modified_at=wall_clock(reader, "Modified"),
        address2=reader.optional_text("AddressLine2"),
        is_supplier=reader.optional_flag("IsSupplier"),
        main_contact=guid(reader, "MainContact"),
    )


def payment_condition(row: Row) -> PaymentCondition:
    reader = Reader(row, "PaymentConditions")
    return PaymentCondition(
        id=required_guid(reader, "ID"), code=trimmed(reader, "Code"), name=reader.optional_text("Description")
    )


def cost_center(row: Row) -> CostCode:
    return replace(cost_unit(row), is_active=Reader(row, "Costcenters").optional_flag("Active", default=True))


def cost_unit(row: Row) -> CostCode:
    reader = Reader(row, "CostCodes")
    return CostCode(
        id=required_guid(reader, "ID"),
        code=trimmed(reader, "Code"),
        name=reader.optional_text("Description"),
        ends=wall_clock(reader, "EndDate"),
    )


def period_status(row: Row) -> PeriodStatus:
    reader = Reader(row, "JournalStatusList")
    return PeriodStatus(
        journal=trimmed(reader, "Journal"),
        year=reader.integer("Year"),
        period=reader.integer("Period"),
        is_closed=reader.integer("Status") != 0,
    )


def financial_period(row: Row) -> FinancialPeriod:
    reader = Reader(row, "FinancialPeriods")
    return FinancialPeriod(
        year=reader.integer("FinYear"),
        period=reader.integer("FinPeriod"),
        starts=wall_clock(reader, "StartDate"),
        ends=wall_clock(reader, "EndDate"),
    )


def transaction_line(row: Row) -> TransactionLine:
    reader = Reader(row, "TransactionLines")
    return TransactionLine(
        id=required_guid(reader, "ID"),
        entry_id=required_guid(reader, "EntryID"),
        entry_number=number(reader, "EntryNumber"),
        line_number=number(reader, "LineNumber"),
        journal=trimmed(reader, "JournalCode"),
        gl_account=guid(reader, "GLAccount"),
        gl_account_code=trimmed(reader, "GLAccountCode"),
        account=guid(reader, "Account"),
        amount=reader.decimal("AmountFC"),
        amount_dc=reader.optional_decimal("AmountDC"),
        vat_amount=reader.optional_decimal("AmountVATFC"),
        vat_code=trimmed(reader, "VATCode"),
        currency=trimmed(reader, "Currency"),
        date=wall_clock(reader, "Date"),
        description=reader.optional_text("Description"),
        your_ref=trimmed(reader, "YourRef"),
        invoice_number=number(reader, "InvoiceNumber"),
        type=number(reader, "Type"),
        status=number(reader, "Status"),
        year=number(reader, "FinancialYear"),
        period=number(reader, "FinancialPeriod"),
    )


def entry_head(row: Row) -> EntryHead:
    """Of a sales, bank or cash entry: they name their journal differently."""
    reader = Reader(row, "Entry")
    return EntryHead(
        entry_id=required_guid(reader, "EntryID"),
        entry_number=number(reader, "EntryNumber"),
        invoice_number=number(reader, "InvoiceNumber"),
        amount=reader.optional_decimal("AmountFC", default=None),
        reference=trimmed(reader, "YourRef"),
        journal=trimmed(reader, "Journal") or trimmed(reader, "JournalCode"),
        date=wall_clock(reader, "EntryDate"),
        status=number(reader, "Status"),
    )


def entry_line(row: Row) -> EntryLine:
    reader = Reader(row, "EntryLines")
    return EntryLine(
        id=required_guid(reader, "ID"),
        entry_id=required_guid(reader, "EntryID"),
        entry_number=number(reader, "EntryNumber"),
        amount=reader.decimal("AmountFC"),
        description=reader.optional_text("Description"),
        date=wall_clock(reader, "Date"),
        gl_account=guid(reader, "GLAccount"),
        gl_account_code=trimmed(reader, "GLAccountCode"),
    )


def receivable(row: Row) -> ReceivableRow:
    reader = Reader(row, "ReceivablesList")
    return ReceivableRow(
        id=reader.integer("HID"),
        account=guid(reader, "AccountId"),
        account_code=trimmed(reader, "AccountCode"),
        account_name=reader.optional_text("AccountName"),
        amount=reader.decimal("Amount"),
        currency=trimmed(reader, "CurrencyCode"),
        description=reader.optional_text("Description"),
        reference=trimmed(reader, "YourRef"),
        journal=trimmed(reader, "JournalCode"),
        entry_number=number(reader, "EntryNumber"),
        invoice_number=number(reader, "InvoiceNumber"),
        due_date=wall_clock(reader, "DueDate"),
        invoice_date=wall_clock(reader, "InvoiceDate"),
    )


CODED = ("ID", "Code", "Description")
LINE = ("ID", "EntryID", "EntryNumber", "AmountFC", "Description", "Date", "GLAccount", "GLAccountCode")

ME = Resource(
    "current/Me",
    ("UserID", "UserName", "FullName", "CurrentDivision", "LanguageCode", "ServerTime", "ServerUtcOffset"),
    me,
)
DIVISIONS = Resource(
    "system/Divisions",
    (
        "Code",
        "Hid",
        "Description",
        "CustomerName",
        "ChamberOfCommerceNumber",
        "VATNumber",
        "Currency",
        "Country",
        "Status",
        "Current",
        "DivisionMoveDate",
        "DivisionHRLinkUnlinkDate",
    ),
    division,
)
GL_ACCOUNTS = Resource(
    "bulk/Financial/GLAccounts",
    (*CODED, "Type", "BalanceSide", "BalanceType", "VATCode", "IsBlocked", "UseCostcenter", "UseCostunit"),
    gl_account,
)
JOURNALS = Resource(
    "financial/Journals",
    (*CODED, "Type", "Currency", "GLAccount", "GLAccountCode", "AllowVAT", "AllowVariableCurrency", "IsBlocked"),
    journal,
)
VAT_CODES = Resource(
    "vat/VATCodes",
    (
        *CODED,
        "Type",
        "VATTransactionType",
        "Percentage",
        "GLToPay",
        "GLToPayCode",
        "GLToClaimCode",
        "Country",
        "IsBlocked",
    ),
    vat_code,
)
ACCOUNTS = Resource(
    "bulk/CRM/Accounts",
    (
        "ID",
        "Code",
        "Name",
        "Status",
        "Email",
        "Phone",
        "VATNumber",
        "ChamberOfCommerce",
        "SearchCode",
        "AddressLine1",
        "AddressLine2",
        "Postcode",
        "City",
        "Country",
        "SalesCurrency",
        "GLAR",
        "PaymentConditionSales",
        "SalesVATCode",
        "Blocked",
        "Modified",
        "IsSupplier",
        "MainContact",
    ),
    account,
)
PAYMENT_CONDITIONS = Resource("cashflow/PaymentConditions", CODED, payment_condition)
COST_CENTERS = Resource("hrm/Costcenters", (*CODED, "Active", "EndDate"), cost_center)
COST_UNITS = Resource("hrm/Costunits", (*CODED, "EndDate"), cost_unit)
PERIOD_STATUSES = Resource("read/financial/JournalStatusList", ("Journal", "Year", "Period", "Status"), period_status)
FINANCIAL_PERIODS = Resource(
    "financial/FinancialPeriods", ("ID", "FinYear", "FinPeriod", "StartDate", "EndDate"), financial_period
)
TRANSACTION_LINES = Resource(
    "bulk/Financial/TransactionLines",
    (
        "ID",
        "EntryID",
        "EntryNumber",
        "LineNumber",
        "JournalCode",
        "GLAccount",
        "GLAccountCode",
        "Account",
        "AmountFC",
        "AmountDC",
        "AmountVATFC",
        "VATCode",
        "Currency",
        "Date",
        "Description",
        "YourRef",
        "InvoiceNumber",
        "Type",
        "Status",
        "FinancialYear",
        "FinancialPeriod",
    ),
    transaction_line,
)
SALES_ENTRIES = Resource(
    "salesentry/SalesEntries",
    ("EntryID", "EntryNumber", "InvoiceNumber", "AmountFC", "Status", "YourRef", "Journal", "EntryDate"),
    entry_head,
)
BANK_ENTRIES = Resource(
    "financialtransaction/BankEntries", ("EntryID", "EntryNumber", "JournalCode", "Status"), entry_head
)
CASH_ENTRIES = Resource(
    "financialtransaction/CashEntries", ("EntryID", "EntryNumber", "JournalCode", "Status"), entry_head
)
BANK_ENTRY_LINES = Resource("financialtransaction/BankEntryLines", LINE, entry_line)
CASH_ENTRY_LINES = Resource("financialtransaction/CashEntryLines", LINE, entry_line)
RECEIVABLES = Resource(
    "read/financial/ReceivablesList",
    (
        "HID",
        "AccountId",
        "AccountCode",
        "AccountName",
        "Amount",
        "CurrencyCode",
        "Description",
        "YourRef",
        "JournalCode",
        "EntryNumber",
        "InvoiceNumber",
        "DueDate",
        "InvoiceDate",
    ),
    receivable,
)
