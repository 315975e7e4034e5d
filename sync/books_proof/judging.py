"""Our legs and entries against what the ledger shows, by reference. Pure.

Each booked leg must stand in exactly one document, the one that was noted, and each document must move what was sent,
which must be the sum of its legs. What is not booked must stand in none.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sync.books_proof.evidence import Evidence, Standing
from sync.books_proof.kinds import Kind

# "vat" in what was expected: tax on whatever account its code has, where that was not known beforehand.
VAT = "vat"


class Claim(NamedTuple):
    """A leg, and by which `reference` its document is found: that of the leg, or of the sales entry it was summed up
    in. `is_settling`: on its way to Exact while the ledger was read, so that either answer is right.
    """

    leg: int
    item: int
    reference: str
    posting: int | None
    remote_id: str
    currency: str
    amount: int
    is_booked: bool
    is_settling: bool = False


class Sent(NamedTuple):
    """A document as it was sent: `expected` per GL account, debit +; `legs` is the sum of the legs in it."""

    posting: int
    reference: str
    remote_id: str
    number: int | None
    currency: str
    total: int
    legs: int
    expected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Kind
    sentence: str
    reference: str
    leg: int | None = None
    posting: int | None = None
    entries: tuple[int, ...] = ()


@dataclass(slots=True)
class Verdict:
    """`sums`: minor units that the legs in one document come to, per currency, in the vendor's sign."""

    events: int = 0
    legs: int = 0
    in_one: int = 0
    entries: int = 0
    equal: int = 0
    unbooked: int = 0
    settling: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    counts: Counter[Kind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    digest: str = ""

    @property
    def is_proven(self) -> bool:
        return not self.findings

    def find(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        self.findings.append(finding)


def judge(
    claims: Iterable[Claim], sent: Sequence[Sent], evidence: Evidence, *, begin: date, end: date,
    strange: Collection[str] = (),
) -> Verdict:  # fmt: skip
    """`strange`: references in the ledger that nobody here knows."""
    verdict, events = Verdict(), set()
    digest = hashlib.sha256()
    for claim in claims:
        holders = evidence.holding(claim.reference)
        if claim.is_booked and not claim.is_settling:
            events.add(claim.item)
            _judge_booked(claim, holders, verdict)
            digest.update(f"{claim.reference} {' '.join(entry.id for entry in holders)}\n".encode())
        else:
            _judge_unbooked(claim, holders, verdict)
    verdict.events = len(events)
    for one in sent:
        _judge_entry(one, evidence.entries.get(one.remote_id), verdict, begin=begin, end=end)
        digest.update(f"{one.reference} {sorted(one.expected.items())}\n".encode())
    for reference in sorted(strange):
        _tell_unknown(reference, evidence.holding(reference), verdict)
    verdict.digest = digest.hexdigest()
    return verdict


def _judge_booked(claim: Claim, holders: Sequence[Standing], verdict: Verdict) -> None:
    verdict.legs += 1
    if len(holders) == 1 and holders[0].id == claim.remote_id:
        verdict.in_one += 1
        verdict.sums[claim.currency] += claim.amount
        return
    numbers = _numbers(holders)
    if not holders:
        kind, told = Kind.MISSING, "is booked here, and no document in Exact carries it."
    elif len(holders) > 1:
        kind, told = Kind.DOUBLED, f"stands in {len(holders)} documents in Exact: {_listed(holders)}."
    else:
        kind, told = Kind.ELSEWHERE, f"stands in document {_listed(holders)} in Exact, not in the one that was noted."
    verdict.find(Finding(kind, f"{claim.reference} {told}", claim.reference, claim.leg, claim.posting, numbers))


def _judge_unbooked(claim: Claim, holders: Sequence[Standing], verdict: Verdict) -> None:
    if claim.is_settling:
        verdict.settling += 1
        return
    verdict.unbooked += 1
    if holders:
        told = f"{claim.reference} is not booked here, and stands in document {_listed(holders)} in Exact."
        verdict.find(
            Finding(Kind.UNEXPECTED, told, claim.reference, claim.leg, claim.posting, _numbers(holders))
        )  # fmt: skip


def _judge_entry(sent: Sent, shown: Standing | None, verdict: Verdict, *, begin: date, end: date) -> None:
    """One that is not there at all is told of by its legs."""
    verdict.entries += 1
    if shown is None:
        return
    found = list(_troubles(sent, shown, begin, end))
    for kind, told in found:
        numbers = _numbers([shown])
        verdict.find(Finding(kind, f"Entry {sent.reference} {told}", sent.reference, None, sent.posting, numbers))
    verdict.equal += not any(kind in {Kind.AMOUNT, Kind.SUM} for kind, _ in found)


def _troubles(sent: Sent, shown: Standing, begin: date, end: date) -> Iterator[tuple[Kind, str]]:
    if apart := _apart(sent.expected, shown.by_account):
        yield Kind.AMOUNT, f"shows other amounts in Exact than were sent, on account {', '.join(apart)}."
    elif shown.currencies != {sent.currency}:
        yield Kind.AMOUNT, f"is in {', '.join(sorted(shown.currencies))} in Exact, and was sent in {sent.currency}."
    if sent.total != sent.legs:
        yield Kind.SUM, "is not the sum of its legs."
    if not any(begin <= day <= end for day in shown.days):
        yield Kind.MOVED, f"is dated {min(shown.days)} in Exact."


def _apart(expected: Mapping[str, int], shown: Mapping[str, int]) -> list[str]:
    """Accounts that show another amount than was sent. VAT of an account that was not known beforehand is compared as
    the sum of what no line of ours names.
    """
    meant, seen = dict(expected), dict(shown)
    if VAT in meant:
        seen[VAT] = sum(seen.pop(code) for code in list(seen) if code not in meant)
    return sorted(code for code in {*meant, *seen} if meant.get(code, 0) != seen.get(code, 0))


def _tell_unknown(reference: str, holders: Sequence[Standing], verdict: Verdict) -> None:
    told = f"Document {_listed(holders)} in Exact carries {reference}, which no record here has."
    verdict.find(Finding(Kind.UNKNOWN, told, reference, entries=_numbers(holders)))


def _numbers(holders: Iterable[Standing]) -> tuple[int, ...]:
    return tuple(entry.number for entry in holders if entry.number is not None)


def _listed(holders: Iterable[Standing]) -> str:
    return ", ".join(str(entry.number or entry.id) for entry in holders)
