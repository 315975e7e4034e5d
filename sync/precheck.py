"""What would be refused, found before it is sent: a refusal costs a call, and ten of them in an hour the key.

Looks at the frozen body alone and at the division's reference data as last read. Everything is named by body lines, so
that only the records behind them have to wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connections.models import Division
from connections.money import exponent, to_minor, written
from mappings import soundness
from mappings.bookkeeping.legs import Document, ProblemKind
from mappings.bookkeeping.texts import LINE_LENGTH, YOUR_REF_LENGTH
from mappings.bookkeeping.validation import unusable
from mappings.models import DebtorAccount, LedgerAccount, ReferenceRow, VatCode
from sync.models import Posting

Line = Mapping[str, Any]
LINES: Mapping[str, str] = {
    Document.SALES_ENTRY: "SalesEntryLines",
    Document.BANK_ENTRY: "BankEntryLines",
    Document.CASH_ENTRY: "CashEntryLines",
}
# A double, which is what Exact reads an amount into, tells cents apart up to here. Reference: exact-online.md 1.
LARGEST = Decimal(10) ** 13


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that Exact would refuse. `lines` None: about the entry as a whole."""

    kind: ProblemKind
    subject: str
    sentence: str
    lines: Sequence[Line] | None = None


@dataclass(frozen=True, slots=True)
class Barred:
    """What a division's reference data says must not be booked on: Exact's id or code -> what it is, in words."""

    accounts: Mapping[str, str] = field(default_factory=dict)
    debtors: Mapping[str, str] = field(default_factory=dict)
    vat_codes: Mapping[str, str] = field(default_factory=dict)


def barred(division: Division) -> Barred:
    """As last read: three short statements."""
    accounts, debtors = soundness.shut(LedgerAccount, division), soundness.shut(DebtorAccount, division)
    codes = soundness.by_code(VatCode, division).values()
    return Barred(
        accounts={row.remote_id: _words("GL account", row) for row in accounts},
        debtors={row.remote_id: _words("Exact account", row) for row in debtors},
        vat_codes={row.code: _words("VAT code", row) for row in codes if unusable(row)},
    )


def _words(what: str, row: ReferenceRow) -> str:
    return f"{what} {row.code} is {'blocked' if row.is_blocked else 'gone'} in Exact"


def body_of(posting: Posting) -> tuple[Line, list[Line]]:
    """The frozen body as header and lines, amounts as `Decimal`."""
    body: dict[str, Any] = json.loads(posting.body, parse_float=Decimal)
    return body, list(body.get(LINES.get(posting.document, "")) or ())


def flaws(posting: Posting, *, barred: Barred) -> Iterator[Flaw]:
    """Each thing wrong with the entry, those of the whole first. Of a document that is no entry nothing is said."""
    if posting.document not in LINES:
        return
    header, lines = body_of(posting)
    yield from _of_header(posting, header, lines, barred)
    yield from _of_lines(posting, lines, barred)


def _of_header(posting: Posting, header: Line, lines: Sequence[Line], barred: Barred) -> Iterator[Flaw]:
    if not lines:
        yield _flaw("it has no lines")
        return
    if posting.document == Document.SALES_ENTRY:
        if not header.get("Customer"):
            yield _flaw("it names no customer")
        if len(header.get("YourRef") or "") not in range(1, YOUR_REF_LENGTH + 1):
            yield _flaw(f"its reference must have 1 to {YOUR_REF_LENGTH} characters, or Exact cuts it")
        if told := barred.debtors.get(header.get("Customer") or ""):
            yield _flaw(told, subject=told)
    if sum(posting.expected.values()):
        yield _flaw("what it moves in the ledger does not come to zero")
    if all(_is_amount(line.get("AmountFC"), posting.currency) for line in lines):
        yield from _of_total(posting, lines)


def _of_total(posting: Posting, lines: Sequence[Line]) -> Iterator[Flaw]:
    sums = (Decimal(line["AmountFC"]) + Decimal(line.get("VATAmountFC") or 0) for line in lines)
    total = to_minor(sum(sums, Decimal(0)), posting.currency)
    if total != posting.total:
        ours, meant = written(total, posting.currency), written(posting.total, posting.currency)
        yield _flaw(f"its lines come to {ours} where it should move {meant}")


def _of_lines(posting: Posting, lines: Sequence[Line], barred: Barred) -> Iterator[Flaw]:
    told: dict[str, list[Line]] = {}
    for line in lines:
        for what in _of_line(line, posting.currency, barred):
            told.setdefault(what, []).append(line)
    for what, faulty in told.items():
        yield _flaw(what, subject=what, lines=faulty)


def _of_line(line: Line, currency: str, barred: Barred) -> Iterator[str]:
    account = line.get("GLAccount")
    if not account:
        yield "a line names no GL account"
    if not _is_amount(line.get("AmountFC"), currency):
        yield "a line's amount is missing, too large, or finer than the currency"
    if len(line.get("Description") or "") > LINE_LENGTH:
        yield f"a line's description has more than {LINE_LENGTH} characters"
    places = (
        (barred.accounts, account),
        (barred.debtors, line.get("Account")),
        (barred.vat_codes, line.get("VATCode")),
    )
    for rows, key in places:
        if key and (what := rows.get(str(key))):
            yield what


def _is_amount(value: Any, currency: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    amount = Decimal(value)
    return abs(amount) < LARGEST and amount == round(amount, exponent(currency))


def _flaw(what: str, *, subject: str = "", lines: Sequence[Line] | None = None) -> Flaw:
    return Flaw(ProblemKind.UNSENDABLE, (subject or what)[:200], what, lines)
