"""One administration: its tables, its books, and what a test wants to ask or do to it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from connections.sandbox.exact import template
from connections.sandbox.exact.periods import CLOSED, OPEN, Periods
from connections.sandbox.exact.store import Row, Table
from connections.sandbox.exact.switches import Switches

DELETIONS_KEPT = timedelta(days=61)
RECEIVABLES = 20
_HEADER = ("YourRef", "EntryNumber", "Description", "Journal")
_LINE = ("EntryID", "Description", "GLAccountCode")
# Table -> (key, indexed columns). The names are those of the endpoints, in lower case.
_TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "accounts": ("ID", ("Code", "Name", "Email", "VATNumber", "SearchCode")),
    "contacts": ("ID", ("Account", "Email")),
    "addresses": ("ID", ("Account",)),
    "glaccounts": ("ID", ("Code",)),
    "journals": ("ID", ("Code",)),
    "vatcodes": ("ID", ("Code",)),
    "vatpercentages": ("ID", ("VATCodeID",)),
    "paymentconditions": ("ID", ("Code",)),
    "costcenters": ("ID", ("Code",)),
    "costunits": ("ID", ("Code",)),
    "items": ("ID", ("Code",)),
    "salesitemprices": ("ID", ("Item",)),
    "supplieritem": ("ID", ("Item",)),
    "warehouses": ("ID", ("Code",)),
    "itemwarehouses": ("ID", ("Item",)),
    "financialperiods": ("ID", ()),
    "salesentries": ("EntryID", (*_HEADER, "Customer", "InvoiceNumber")),
    "salesentrylines": ("ID", _LINE),
    "bankentries": ("EntryID", ("JournalCode", "EntryNumber")),
    "bankentrylines": ("ID", (*_LINE, "OurRef", "Account")),
    "cashentries": ("EntryID", ("JournalCode", "EntryNumber")),
    "cashentrylines": ("ID", (*_LINE, "OurRef", "Account")),
    "generaljournalentries": ("EntryID", ("JournalCode", "EntryNumber")),
    "generaljournalentrylines": ("ID", (*_LINE, "OurRef", "Account")),
    "transactionlines": ("ID", ("EntryID", "Description", "YourRef", "EntryNumber", "InvoiceNumber", "Account")),
    "receivables": ("ID", ("EntryID", "YourRef", "Account", "InvoiceNumber", "TransactionID")),
    "receivableslist": ("HID", ("Id", "AccountId", "YourRef", "EntryNumber", "InvoiceNumber")),
    "salesorders": ("OrderID", ("YourRef", "OrderNumber")),
    "salesorderlines": ("ID", ("OrderID",)),
    "quotations": ("QuotationID", ("YourRef", "QuotationNumber")),
    "quotationlines": ("ID", ("QuotationID",)),
    "webhooksubscriptions": ("ID", ("Topic",)),
    "documents": ("ID", ("Subject", "FinancialTransactionEntryID")),
    "documentattachments": ("ID", ("Document",)),
    "deleted": ("Timestamp", ()),
    # Read by the archive alone; empty until somebody adds rows from outside.
    "glaccountclassificationmappings": ("ID", ()),
    "glclassifications": ("ID", ()),
    "glschemes": ("ID", ()),
    "purchaseinvoices": ("ID", ()),
    "purchaseinvoicelines": ("ID", ()),
    "purchaseorders": ("PurchaseOrderID", ()),
    "purchaseorderrows": ("ID", ()),
    "paymentterms": ("ID", ()),
    "projects": ("ID", ()),
    "salesinvoices": ("ID", ()),
    "salesorderheaders": ("ID", ()),
    "salesorderrows": ("ID", ()),
}
# Reference: section 8, the entity types of sync/Deleted. That 30 (ItemAccounts) is what a supplier asks for an item is
# a guess: a recorded deletion would settle it.
DELETED_TYPES = {
    "transactionlines": 1,
    "accounts": 2,
    "addresses": 3,
    "contacts": 5,
    "glaccounts": 7,
    "salesitemprices": 8,
    "items": 9,
    "paymentterms": 10,
    "salesinvoices": 13,
    "glclassifications": 18,
    "itemwarehouses": 19,
    "projects": 21,
    "purchaseorderrows": 22,
    "supplieritem": 30,
    "salesorderheaders": 32,
    "salesorderrows": 33,
    "salesorders": 32,
    "salesorderlines": 33,
    "quotations": 34,
    "quotationlines": 35,
    "documentattachments": 4,
    "documents": 6,
}


class ExactDivision:
    """Built by `ExactSite.add_division`; `wall` tells the site's local time."""

    def __init__(
        self,
        code: int,
        name: str,
        *,
        currency: str,
        country: str,
        registration_number: str,
        wall: Callable[[], datetime],
        seed: int,
        switches: Switches,
    ) -> None:
        self.code, self.name, self.currency, self.country = code, name, currency, country
        self.registration_number = registration_number
        self.switches = switches
        self.reachable = True
        self.users: set[str] | None = None  # who may reach it; None is everybody
        self.rates: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
        self.moved_at: datetime | None = None
        self._wall = wall
        self._random = random.Random(f"{seed}/{code}")
        self._versions = count(1_000_001)
        self._numbers: dict[tuple[str, int], int] = defaultdict(int)
        self._hids = count(1)
        self.latest_statement: dict[tuple[str, str], str] = {}  # (table, journal) -> entry with the latest number
        self.made_at = self.now()
        self.tables = {
            name: Table(key, indexed=indexed, stamp=self._next_version) for name, (key, indexed) in _TABLES.items()
        }
        year = self.made_at.year
        self.periods = Periods(year - 2, year + 1)
        for row in self.periods.rows(division=code, made=self.made_at):
            self.tables["financialperiods"].insert(row)

    # -- what the books are made of

    def now(self) -> datetime:
        """The wall clock to the millisecond."""
        moment = self._wall()
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def guid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def hid(self) -> int:
        return next(self._hids)

    def _next_version(self) -> int:
        return next(self._versions)

    def next_number(self, journal: str, year: int) -> int:
        """# Reference: section 9, TransactionLines: 2-digit year + 2-digit journal + 4-digit sequence."""
        self._numbers[(journal, year)] += 1
        prefix = journal if journal.isdigit() else f"{sum(journal.encode()) % 100:02}"
        return int(f"{year % 100:02}{prefix[-2:]:0>2}{self._numbers[(journal, year)]:04}")

    def stamped(self, row: Row) -> Row:
        """With the columns every entity has."""
        now = self.now()
        return {**row, "Created": now, "Modified": now, "Division": self.code, "CreatorFullName": "Square link"}

    def add(self, table: str, **row: Any) -> Row:
        key = _TABLES[table][0]
        return self.tables[table].insert(self.stamped({key: self.guid(), **row}))

    def forget(self, table: str, key: Any) -> Row:
        """Remove a row and note it where sync/Deleted looks."""
        row = self.tables[table].remove(key)
        kind = DELETED_TYPES.get(table)
        if kind is not None:
            gone = {
                "ID": self.guid(),
                "EntityKey": key,
                "EntityType": kind,
                "DeletedDate": self.now(),
                "Division": self.code,
            }
            self.tables["deleted"].insert(gone)
        return row

    def deletions(self) -> Table:
        """# Reference: section 8, the log of deletions is kept for two months."""
        oldest = self.now() - DELETIONS_KEPT
        for row in self.tables["deleted"]:
            if row["DeletedDate"] >= oldest:
                break
            self.tables["deleted"].remove(row["Timestamp"])
        return self.tables["deleted"]

    def move(self) -> None:
        """# Reference: section 3, a moved division starts its row versions again."""
        self.moved_at = self.now()
        self._versions = count(2)  # Reference: section 8, a first read asks for what is greater than 1
        self.tables["deleted"] = Table("Timestamp", stamp=self._next_version)
        for table in self.tables.values():
            table.restamp()

    # -- currencies

    def set_rate(self, currency: str, rate: Decimal | str, since: date | str | None = None) -> None:
        """One unit of the currency in the division's, from that day on: a row of the division's exchange rates."""
        day = date.fromisoformat(since) if isinstance(since, str) else since or date.min
        self.rates[currency] = sorted([*self.rates[currency], (day, Decimal(rate))])

    def rate_on(self, currency: str, day: date) -> Decimal | None:
        """# Reference: section 10.7, without a rate in the entry Exact takes its own of the date."""
        known = [rate for since, rate in self.rates[currency] if since <= day]
        return known[-1] if known else None

    @property
    def exchange_account(self) -> Row:
        """Where exchange differences go; a real division names one in its settings."""
        found = self.tables["glaccounts"].first("Code", template.EXCHANGE[0])
        return found or self.add_gl_account(*template.EXCHANGE)

    # -- masters

    def add_gl_account(self, code: str, description: str, kind: int, **more: Any) -> Row:
        revenue = kind >= 110  # noqa: PLR2004 - from 110 on the types are of the profit and loss account
        row = {
            "BalanceSide": "D",
            "BalanceType": "W" if revenue else "B",
            "IsBlocked": False,
            "Matching": False,
            **more,
        }
        return self.add(
            "glaccounts",
            Code=code,
            Description=description,
            Type=kind,
            UseCostcenter=0,
            UseCostunit=0,
            SearchCode="",
            **row,
        )

    def add_account(self, name: str, status: str = "C", **more: Any) -> Row:
        """A relation; its code is assigned, right-aligned to 18."""
        number = len(self.tables["accounts"]) + 1
        row = {
            "Code": f"{number:07}".rjust(18),
            "Name": name,
            "Status": status,
            "IsSales": status == "C",
            "IsSupplier": False,
            "Blocked": False,
            "Country": f"{self.country:<3}",
            "SalesCurrency": self.currency,
            "Type": "A",
            "StartDate": self.now().replace(hour=0, minute=0, second=0, microsecond=0),
            **more,
        }
        return self.add("accounts", **row)

    def add_journal(
        self, code: str, description: str, kind: int, *, name: str = "", gl: str | None = None, vat: bool = False,
        currency: str = "", variable: bool = False,
    ) -> Row:  # fmt: skip
        """`currency`: the division's unless named; `variable`: entries in other currencies are taken too."""
        account = self.gl(gl) if gl else None
        row = self.add(
            "journals",
            Code=code,
            Description=description,
            Type=kind,
            Currency=currency or self.currency,
            AllowVariableCurrency=variable,
            AllowVariableExchangeRate=False,
            AllowVAT=vat,
            AutoSave=False,
            IsBlocked=False,
            PaymentServiceProvider=0,
            GLAccount=account and account["ID"],
            GLAccountCode=account and account["Code"],
            GLAccountDescription=account and account["Description"],
            GLAccountType=account and account["Type"],
        )
        self.periods.add_journal(code, description, kind, name or description)
        return row

    def add_vat_code(self, code: str, description: str, percentage: Decimal, kind: str = "E", **gl: str | None) -> Row:
        """`pay=` and `claim=` name the accounts by code."""
        pay, claim = (self.gl(gl[name]) if gl.get(name) else None for name in ("pay", "claim"))  # type: ignore[arg-type]
        row = self.add(
            "vatcodes",
            Code=f"{code:<3}",
            Description=description,
            Percentage=percentage,
            Type=kind,
            VATTransactionType="B",
            IsBlocked=False,
            Charged=False,
            CalculationBasis=0,
            IntraStat=False,
            VatMargin=0,
            ExcludeVATListing=0,
            **{f"GLToPay{end}": pay and pay[column] for end, column in _GL_COLUMNS},
            **{f"GLToClaim{end}": claim and claim[column] for end, column in _GL_COLUMNS},
        )
        start = datetime(self.made_at.year - 10, 1, 1)  # noqa: DTZ001 - wall clock
        self.add("vatpercentages", VATCodeID=row["ID"], LineNumber=1, Percentage=percentage, StartDate=start, Type=0)
        return row

    def add_item(self, code: str, description: str, **more: Any) -> Row:
        return self.add("items", Code=code, Description=description, **{"IsSalesItem": True, **more})

    def gl(self, code: str) -> Row:
        """The ledger account of that code. Raises `LookupError`."""
        return self._known("glaccounts", code, "ledger account")

    def vat_row(self, code: str | None) -> Row | None:
        """The VAT code, blocked or not."""
        return self.tables["vatcodes"].first("Code", code) if code else None

    @property
    def receivables_account(self) -> Row:
        """The ledger account of type 20. Raises `LookupError`."""
        for row in self.tables["glaccounts"]:
            if row["Type"] == RECEIVABLES:
                return row
        raise LookupError(f"Division {self.code} has no accounts receivable.")

    def _known(self, table: str, code: str, what: str) -> Row:
        row = self.tables[table].first("Code", code)
        if row is None:
            raise LookupError(f"Division {self.code} has no {what} {code}.")
        return row

    @property
    def counter_sales(self) -> Row:
        """The relation for sales to nobody in particular."""
        found = self.tables["accounts"].first("Name", template.COUNTER_SALES)
        return found or self.add_account(template.COUNTER_SALES)

    # -- what tests and the demo ask

    def lines(self) -> list[Row]:
        """The ledger: TransactionLines in the order they were booked, codes trimmed, amounts as `Decimal`."""
        return [_trimmed(row) for row in self.tables["transactionlines"]]

    def balance(self, gl_code: str, until: date | None = None) -> Decimal:
        """Debit less credit in the division's currency, up to and including that day."""
        rows = [row for row in self.lines() if row["GLAccountCode"] == gl_code]
        return sum((row["AmountDC"] for row in rows if until is None or row["Date"].date() <= until), Decimal("0.00"))

    def entries(self, journal: str | None = None) -> list[Row]:
        """One row per booked entry: number, journal, date, type, reference, and its ledger lines under `lines`."""
        found: dict[str, Row] = {}
        for line in self.lines():
            if journal in (None, line["JournalCode"]):
                found.setdefault(line["EntryID"], {**{key: line.get(key) for key in _ENTRY}, "lines": []})[
                    "lines"
                ].append(line)
        return list(found.values())

    def receivables(self, account_id: str | None = None) -> list[Row]:
        """Open terms: amount positive where the customer owes."""
        rows = list(self.tables["receivableslist"])
        return [row for row in rows if account_id in (None, row["AccountId"])]

    # -- what tests and people do to it

    def close_period(self, year: int, period: int, journal: str | None = None) -> None:
        self.periods.set_status(year, period, journal, CLOSED)

    def reopen_period(self, year: int, period: int, journal: str | None = None) -> None:
        self.periods.set_status(year, period, journal, OPEN)

    def block_account(self, gl_code: str, *, blocked: bool = True) -> None:
        self.tables["glaccounts"].change(self.gl(gl_code)["ID"], IsBlocked=blocked, Modified=self.now())

    def block_vat_code(self, code: str, *, blocked: bool = True) -> None:
        row = self._known("vatcodes", code, "VAT code")
        self.tables["vatcodes"].change(row["ID"], IsBlocked=blocked, Modified=self.now())

    def block_relation(self, name: str, *, blocked: bool = True) -> None:
        self.tables["accounts"].change(self._relation(name)["ID"], Blocked=blocked, Modified=self.now())

    def set_relation_status(self, name: str, status: str) -> None:
        """As a person does who makes a customer a prospect again; S, P, C or A."""
        self.tables["accounts"].change(
            self._relation(name)["ID"], Status=status, IsSales=status == "C", Modified=self.now()
        )

    def _relation(self, name: str) -> Row:
        row = self.tables["accounts"].first("Name", name)
        if row is None:
            raise LookupError(f"Division {self.code} has no relation {name}.")
        return row

    def block_journal(self, code: str, *, blocked: bool = True) -> None:
        self.tables["journals"].change(self._known("journals", code, "journal")["ID"], IsBlocked=blocked)

    def set_vat_use(self, code: str, use: str) -> None:
        """VATTransactionType: B both, P purchases, S sales."""
        self.tables["vatcodes"].change(self._known("vatcodes", code, "VAT code")["ID"], VATTransactionType=use)

    def end_cost_center(self, code: str, *, active: bool = False) -> None:
        self.tables["costcenters"].change(self._known("costcenters", code, "cost centre")["ID"], Active=active)

    def retype_account(self, gl_code: str, kind: int) -> None:
        """As a person does who gives a ledger account another type."""
        self.tables["glaccounts"].change(self.gl(gl_code)["ID"], Type=kind, Modified=self.now())

    def match(self, terms: list[int]) -> None:
        """Settle open terms (by HID) of a customer with one another, as a bookkeeper does."""
        from connections.sandbox.exact import receivables

        receivables.match(self, terms)

    def delete_entry(self, entry_id: str) -> None:
        """As a person does in Exact's own screens."""
        from connections.sandbox.exact import ledger

        ledger.remove(self, entry_id)


_GL_COLUMNS = (("", "ID"), ("Code", "Code"), ("Description", "Description"))
_ENTRY = (
    "EntryID",
    "EntryNumber",
    "JournalCode",
    "Date",
    "Type",
    "YourRef",
    "FinancialYear",
    "FinancialPeriod",
    "Status",
)


def _trimmed(row: Row) -> Row:
    return {name: value.strip() if isinstance(value, str) else value for name, value in row.items()}
