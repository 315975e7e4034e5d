"""Views above those of single tables: dimensions, and the questions that are asked every month.

Each reads the latest versions, so that it shows what the archive last saw. All are named in small letters and quoted;
the alias in capitals needs no quotes. Amounts are NUMBER(38,10), so that no cent is rounded on the way.
Reference: exact-online.md 8 and 9; the names of fields are those of Exact.
"""

# ruff: noqa: S608 - names and texts of this module alone become SQL; nothing that a record says
from __future__ import annotations

from collections.abc import Sequence

from connections.providers.snowflake.statements import Statement, quoted

PLACE = ("source_system", "region", "division_id")
TEXT, MONEY, WHOLE = "VARCHAR", "NUMBER(38,10)", "NUMBER(38,0)"
# Exact writes times as milliseconds of the site's wall clock. Reference: exact-online.md 1 (2).
DAY = (
    "DATEADD('day', CAST(FLOOR(TRY_CAST(REGEXP_SUBSTR({}::VARCHAR, '-?[0-9]+') AS NUMBER(38,0)) / 86400000)"
    " AS INTEGER), '1970-01-01'::DATE)"
)

# view -> (table, columns: name, field, type)
DIMENSIONS: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "dim_gl_account",
        "gl_accounts",
        (
            ("code", "Code", TEXT), ("description", "Description", TEXT), ("type", "Type", WHOLE),
            ("balance_side", "BalanceSide", TEXT), ("balance_type", "BalanceType", TEXT),
        ),
    ),
    ("dim_cost_center", "cost_centers", (("code", "Code", TEXT), ("description", "Description", TEXT))),
    ("dim_cost_unit", "cost_units", (("code", "Code", TEXT), ("description", "Description", TEXT))),
    (
        "dim_gl_hierarchy",
        "gl_account_classifications",
        (
            ("gl_account_id", "GLAccount", TEXT), ("gl_account_code", "GLAccountCode", TEXT),
            ("classification_code", "ClassificationCode", TEXT),
            ("classification", "ClassificationDescription", TEXT), ("scheme_code", "GLSchemeCode", TEXT),
            ("scheme", "GLSchemeDescription", TEXT),
        ),
    ),
)  # fmt: skip


def views() -> tuple[Statement, ...]:
    """The views of every table come before them."""
    made = [_view(name, _dimension(table, columns)) for name, table, columns in DIMENSIONS]
    made += [_view(name, query) for name, query in READY]
    return tuple(made)


def names() -> tuple[str, ...]:
    return (*(name for name, _, _ in DIMENSIONS), *(name for name, _ in READY))


def _view(name: str, query: str) -> Statement:
    return Statement(f"CREATE OR REPLACE VIEW {quoted(name)} COPY GRANTS AS\n{query}", "views.create")


def _dimension(table: str, columns: Sequence[tuple[str, str, str]]) -> str:
    known = [f"{field(name, kind)} AS {quoted(column)}" for column, name, kind in columns]
    chosen = [*map(quoted, (*PLACE, "record_id")), *known]
    return f"SELECT {', '.join(chosen)}\nFROM {quoted(f'{table}_latest')}"


def field(name: str, kind: str = TEXT) -> str:
    """Of a document, as that type; a number that is none is nothing."""
    text = f'"data":{name}::VARCHAR'
    return f"TRIM({text})" if kind == TEXT else f"TRY_CAST({text} AS {kind})"


_PLACE = ", ".join(map(quoted, PLACE))
# Movements per account, period and cost centre. Over all accounts of a division and period they sum to nothing.
GL = f"""SELECT {_PLACE}, {field("FinancialYear", WHOLE)} AS "financial_year",
    {field("FinancialPeriod", WHOLE)} AS "financial_period", {field("GLAccountCode")} AS "gl_account_code",
    {field("CostCenter")} AS "cost_center", SUM({field("AmountDC", MONEY)}) AS "amount", COUNT(*) AS "lines"
FROM "transaction_lines_latest"
GROUP BY {_PLACE}, 4, 5, 6, 7"""
AGED = f"""SELECT {_PLACE}, {field("AccountCode")} AS "supplier_code", {field("AccountName")} AS "supplier",
    {field("InvoiceNumber", WHOLE)} AS "invoice_number", {DAY.format('"data":DueDate')} AS "due_on",
    {field("AmountDC", MONEY)} AS "amount",
    CASE WHEN {DAY.format('"data":DueDate')} >= CURRENT_DATE() THEN 'not due'
        WHEN DATEDIFF('day', {DAY.format('"data":DueDate')}, CURRENT_DATE()) <= 30 THEN '1-30 days'
        WHEN DATEDIFF('day', {DAY.format('"data":DueDate')}, CURRENT_DATE()) <= 60 THEN '31-60 days'
        WHEN DATEDIFF('day', {DAY.format('"data":DueDate')}, CURRENT_DATE()) <= 90 THEN '61-90 days'
        ELSE 'over 90 days' END AS "age"
FROM "payables_latest"
WHERE COALESCE({field("IsFullyPaid")}, 'false') <> 'true'"""
# Open (12) or partial (20) for longer than a month. Reference: exact-online.md 9, SalesOrder.Status.
STUCK = f"""SELECT {_PLACE}, {field("OrderNumber", WHOLE)} AS "order_number", {field("Status", WHOLE)} AS "status",
    {field("OrderedByName")} AS "ordered_by", {DAY.format('"data":OrderDate')} AS "ordered_on",
    {field("AmountDC", MONEY)} AS "amount"
FROM "sales_orders_latest"
WHERE {field("Status", WHOLE)} IN (12, 20) AND {DAY.format('"data":OrderDate')} < DATEADD('day', -30, CURRENT_DATE())"""
# What was ordered longer than a month ago and is not invoiced in full. That a line of an invoice names the line of the
# order by its ID, and that both amounts have one sign, is what their fields say; a guess until seen.
_ORDERED = f"""SELECT {_PLACE}, "record_id" AS "line", {field("OrderNumber", WHOLE)} AS "order_number",
    {field("SupplierName")} AS "supplier", {DAY.format('"data":OrderDate')} AS "ordered_on",
    {field("AmountDC", MONEY)} AS "amount"
FROM "purchase_order_lines_latest\""""
_INVOICED = f"""SELECT {_PLACE}, LOWER({field("PurchaseOrderLine")}) AS "line",
    SUM({field("AmountDC", MONEY)}) AS "amount"
FROM "purchase_invoice_lines_latest"
GROUP BY {_PLACE}, 4"""
_OF_ORDER = ", ".join(f"o.{quoted(name)}" for name in (*PLACE, "order_number", "supplier"))
_SAME = " AND ".join(f"i.{quoted(name)} = o.{quoted(name)}" for name in (*PLACE, "line"))
STUCK_PURCHASES = f"""SELECT {_OF_ORDER}, MIN(o."ordered_on") AS "ordered_on", SUM(o."amount") AS "ordered",
    SUM(COALESCE(i."amount", 0)) AS "invoiced"
FROM ({_ORDERED}) o
LEFT JOIN ({_INVOICED}) i ON {_SAME}
GROUP BY {_OF_ORDER}
HAVING MIN(o."ordered_on") < DATEADD('day', -30, CURRENT_DATE()) AND SUM(COALESCE(i."amount", 0)) < SUM(o."amount")"""
INVOICES = f"""SELECT {_PLACE}, {field("InvoiceNumber", WHOLE)} AS "invoice_number",
    {field("InvoiceToName")} AS "invoice_to", {DAY.format('"data":InvoiceDate')} AS "invoiced_on",
    {field("Currency")} AS "currency", {field("AmountDC", MONEY)} AS "amount"
FROM "sales_invoices_latest\""""
READY = (
    ("gl_reconciliation", GL), ("aged_payables", AGED), ("stuck_orders", STUCK),
    ("stuck_purchase_orders", STUCK_PURCHASES), ("invoices_by_region", INVOICES),
)  # fmt: skip
