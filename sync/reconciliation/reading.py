"""Reading Exact's ledger of a period: by day and journal, a thousand lines a call.

Read are the lines of the lanes' own journals, and whatever moves a Square clearing account from any other journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from connections import money
from connections.providers.errors import NotAuthorised, Refused, Unreadable
from connections.providers.exact import odata
from connections.providers.exact.client import ExactClient
from connections.providers.exact.resources import RECEIVABLES, TRANSACTION_LINES, Resource
from connections.providers.exact.values import guid, number, required_guid, trimmed, wall_clock
from connections.providers.http import batches
from connections.providers.payload import Reader
from sync.reconciliation.books import Books, LedgerLine
from sync.reconciliation.figures import Period

# Thirty ids fit the 2,048 characters of query that web servers commonly allow.
TERMS = 30
# Entries that are not where they should be are looked for one by one, so far.
MOST_LOOKED_FOR = 150
# Any currency of two decimals.
HUNDREDTHS = "EUR"


@dataclass(frozen=True, slots=True)
class Scope:
    """The journals and clearing accounts of a division's lanes, by code."""

    journals: frozenset[str]
    clearing: frozenset[str]


def ledger_line(row: Mapping[str, Any]) -> LedgerLine:
    """Raises `Unreadable`."""
    reader = Reader(row, "TransactionLines")
    currency = trimmed(reader, "Currency")
    moment = wall_clock(reader, "Date")
    if moment is None:
        raise Unreadable("TransactionLines.Date is missing")
    return LedgerLine(
        entry=required_guid(reader, "EntryID"),
        number=number(reader, "EntryNumber"),
        day=moment.date(),
        journal=trimmed(reader, "JournalCode"),
        account=trimmed(reader, "GLAccountCode"),
        currency=currency,
        amount=_minor(reader, "AmountFC", currency),
        vat=_minor(reader, "AmountVATFC", currency),
        vat_code=trimmed(reader, "VATCode"),
        debtor=guid(reader, "Account"),
        text=f"{reader.optional_text('YourRef')} {reader.optional_text('Description')}",
    )


def _minor(reader: Reader, name: str, currency: str) -> int:
    return _cents(reader.optional_decimal(name), currency)


def _cents(amount: Decimal, currency: str) -> int:
    """Somebody else's line may be in a currency we do not count in; hundredths will do for it."""
    return money.to_minor(amount, currency if currency in money.KNOWN else HUNDREDTHS)


LEDGER = Resource(
    TRANSACTION_LINES.path,
    (
        "ID", "EntryID", "EntryNumber", "JournalCode", "GLAccountCode", "Account", "AmountFC", "AmountVATFC",
        "VATCode", "Currency", "Date", "Description", "YourRef",
    ),
    ledger_line,
)  # fmt: skip


def read(client: ExactClient, scope: Scope, period: Period, books: Books) -> None:
    """All lines of the scope that are dated in the period, into the books."""
    books.read(lines(client, scope, period))


def lines(client: ExactClient, scope: Scope, period: Period) -> Iterator[LedgerLine]:
    if scope.journals or scope.clearing:
        yield from client.read(LEDGER, where=_where(scope, period))


def _where(scope: Scope, period: Period) -> odata.Filter:
    ours = [odata.code("JournalCode", code) for code in sorted(scope.journals)]
    ours += [odata.code("GLAccountCode", code) for code in sorted(scope.clearing)]
    after = period.end + timedelta(days=1)
    return odata.all_of(odata.ge("Date", period.begin), odata.lt("Date", after), odata.any_of(*ours))


def look_for(client: ExactClient, entry_ids: Iterable[str], books: Books) -> None:
    """Entries that are not in the period: wherever they stand now."""
    books.read(lines_of(client, entry_ids))


def lines_of(client: ExactClient, entry_ids: Iterable[str]) -> Iterator[LedgerLine]:
    """Every line of these entries, as far as so many are looked for: thirty of them a call."""
    wanted = list(entry_ids)[:MOST_LOOKED_FOR]
    for part in batches((odata.guid(key) for key in wanted), TERMS):
        yield from client.read(LEDGER, where=odata.any_of(*(odata.eq("EntryID", key) for key in part)))


def open_terms(client: ExactClient, accounts: Sequence[str], *, most: int) -> dict[tuple[str, str], int] | None:
    """What Exact has not matched yet, per (currency, customer), positive where the customer owes; None where that
    would take more than `most` calls, or may not be read: sixty terms a call are few.

    Reference: exact-online.md section 9, ReceivablesList: only open terms, Amount positive = the customer owes. The
    sign of cashflow/Receivables, which could be read in bulk, is disputed (section 13).
    """
    open_by: Counter[tuple[str, str]] = Counter()
    try:
        for page in islice(_pages(client, accounts), most + 1):
            if (most := most - 1) < 0:
                return None
            for row in map(RECEIVABLES.read, page):
                open_by[row.currency, row.account] += _cents(row.amount, row.currency)
    except (NotAuthorised, Refused):
        return None
    return dict(open_by)


def _pages(client: ExactClient, accounts: Sequence[str]) -> Iterator[Sequence[Mapping[str, Any]]]:
    for part in batches((odata.guid(key) for key in accounts), TERMS):
        where = odata.any_of(*(odata.eq("AccountId", key) for key in part))
        yield from client.pages(RECEIVABLES.path, select=RECEIVABLES.select, where=where)
