"""What Exact says of invoices: entries that carry a number, and what is still open.

Read in bulk, thirty numbers or forty references a call. Reference: exact-online.md 9 (SalesEntries, ReceivablesList),
10.3. Filters seen working: SalesEntries.YourRef, ReceivablesList.YourRef and AccountId. That SalesEntries filters on
InvoiceNumber too is a guess; the first call to a real division settles it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connections.providers.exact import odata, resources
from connections.providers.exact.client import ExactClient
from connections.providers.exact.payloads import ReceivableRow
from connections.providers.exact.resources import Resource
from connections.providers.exact.values import number, required_guid, trimmed
from connections.providers.http import batches
from connections.providers.payload import Reader

# So many a call, with the properties asked for, stay below 2,048 characters of query.
NUMBERS, REFERENCES, ACCOUNTS = 30, 40, 25


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """A sales entry as it is looked for by number. `amount` includes VAT; `customer` is the GUID of its account."""

    entry_id: str
    entry_number: int | None
    invoice_number: int | None
    reference: str
    customer: str
    amount: Decimal
    currency: str

    @property
    def number(self) -> int:
        """What a receipt names as OurRef."""
        return self.invoice_number or self.entry_number or 0


def _numbered(row: Mapping[str, Any]) -> NumberedEntry:
    reader = Reader(row, "SalesEntries")
    return NumberedEntry(
        entry_id=required_guid(reader, "EntryID"),
        entry_number=number(reader, "EntryNumber"),
        invoice_number=number(reader, "InvoiceNumber"),
        reference=trimmed(reader, "YourRef"),
        customer=required_guid(reader, "Customer"),
        amount=reader.decimal("AmountFC"),
        currency=trimmed(reader, "Currency"),
    )


NUMBERED = Resource(
    "salesentry/SalesEntries",
    ("EntryID", "EntryNumber", "InvoiceNumber", "YourRef", "Customer", "AmountFC", "Currency"),
    _numbered,
)


def with_numbers(client: ExactClient, numbers: Iterable[str]) -> Iterator[NumberedEntry]:
    """Every sales entry that carries one of these invoice numbers, as its number or as its YourRef."""
    for part in batches(numbers, NUMBERS):
        terms = [term for text in part for term in _terms(text)]
        yield from client.read(NUMBERED, where=odata.any_of(*terms))


def carries(entry: NumberedEntry, text: str) -> bool:
    """Whether the entry was found by this number."""
    return entry.reference == text or (text.isdecimal() and entry.invoice_number == int(text))


def _terms(text: str) -> Iterator[odata.Filter]:
    yield odata.eq("YourRef", text)
    if text.isdecimal() and int(text) < 2**31:
        yield odata.eq("InvoiceNumber", int(text))


def open_terms(client: ExactClient, references: Iterable[str]) -> Iterator[ReceivableRow]:
    """The open terms of sales entries, by YourRef. What is absent has been matched."""
    for part in batches(references, REFERENCES):
        terms = (odata.eq("YourRef", reference) for reference in part)
        yield from client.read(resources.RECEIVABLES, where=odata.any_of(*terms))


def open_terms_of(client: ExactClient, accounts: Iterable[str]) -> Iterator[ReceivableRow]:
    """Every open term of these customers."""
    for part in batches(accounts, ACCOUNTS):
        terms = (odata.eq("AccountId", odata.guid(account)) for account in part)
        yield from client.read(resources.RECEIVABLES, where=odata.any_of(*terms))
