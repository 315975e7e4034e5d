"""Our entries against Exact's ledger, entry by entry: edited, deleted, doubled, foreign. Pure.

An entry is known by the id that Exact gave it. One that is not known is ours all the same when a line of it carries one
of our references; else it is somebody else's, which concerns us only on the Square clearing account.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from sync.reconciliation.books import Entry, Place
from sync.reconciliation.figures import Cell, Finding, Period
from sync.reconciliation.kinds import Kind

# Account code -> ledger role.
RoleOf = Callable[[str], str]
VAT = "vat"  # expected on whatever account its code has, when that was not known beforehand
VAT_ROLES = frozenset({"output_vat", "input_vat"})
CENTS = 5
CENT_ROLES = frozenset({"revenue", "output_vat", "rounding", "service_charge"})


@dataclass(frozen=True, slots=True)
class Sent:
    """An entry of ours as it was sent. `is_new`: it was booked while the ledger was being read.
    `was_confirmed`: the ledger once showed it to the cent, so that what differs now was changed since.
    `spread`: by day and account, of a bank or cash entry over several days: each line has its own, and its `own`
    account that of the entry.
    """

    posting: int
    reference: str
    number: int | None
    day: date
    currency: str
    expected: Mapping[str, int]
    is_new: bool = False
    was_confirmed: bool = True
    spread: Mapping[tuple[date, str], int] = field(default_factory=dict)
    own: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose reference an unknown entry carries: our entry, whether it stands in Exact, and under which id."""

    posting: int
    reference: str
    is_booked: bool
    remote_id: str


def compare(sent: Sent, entry: Entry | None, role_of: RoleOf, period: Period | None = None) -> Iterator[Finding]:
    """What an entry of ours meant less what the ledger shows of it. Of one over several days only those of the period
    were read.
    """
    if entry is None:
        yield _absent(sent, role_of)
        return
    if sent.spread and _is_as_spread(sent, entry, period):
        if cells := _cells(sent, entry, role_of):
            sentence = f"Entry {sent.reference} holds records of several days; Exact shows its total on {sent.day}."
            yield Finding(
                Kind.TIMING, sentence, cells, reference=sent.reference, posting=sent.posting, entry=sent.number
            )
        return
    shown = entry.by_account()
    apart = _apart(sent.expected, shown, role_of)
    moved = _is_moved(sent, entry)
    if not apart and not moved:
        return
    cells = _cells(sent, entry, role_of)
    kind = Kind.EDITED
    if not moved and not sent.was_confirmed and _is_cents(apart):
        kind = Kind.ROUNDING
    sentence = f"Entry {sent.reference} (Exact {entry.number}) {_told(sent, entry, apart, moved=moved)}"
    yield Finding(kind, sentence, cells, reference=sent.reference, posting=sent.posting, entry=entry.number)


def _is_as_spread(sent: Sent, entry: Entry, period: Period | None) -> bool:
    meant: dict[tuple[date, str], int] = {}
    for (day, account), amount in sent.spread.items():
        place = (sent.day if account == sent.own else day), account
        meant[place] = meant.get(place, 0) + amount
    shown: dict[tuple[date, str], int] = {}
    for found, amount in entry.moved.items():
        shown[found.day, found.account] = shown.get((found.day, found.account), 0) + amount
    is_one_currency = all(found.currency == sent.currency for found in entry.moved)
    return is_one_currency and all(
        meant.get(place, 0) == shown.get(place, 0) for place in {*meant, *shown} if period is None or place[0] in period
    )


def _absent(sent: Sent, role_of: RoleOf) -> Finding:
    cells = _meant(sent, role_of)
    if sent.is_new:
        sentence = f"Entry {sent.reference} was booked while the ledger was being read."
        return Finding(Kind.TIMING, sentence, cells, reference=sent.reference, posting=sent.posting)
    sentence = f"Entry {sent.reference} (Exact {sent.number}) of {sent.day} does not stand in Exact any more."
    return Finding(Kind.DELETED, sentence, cells, reference=sent.reference, posting=sent.posting, entry=sent.number)


def _meant(sent: Sent, role_of: RoleOf) -> dict[Cell, int]:
    cells: dict[Cell, int] = {}
    on_one_day = {(sent.day, account): amount for account, amount in sent.expected.items()}
    for (day, account), amount in (sent.spread or on_one_day).items():
        cell = Cell(day, _role(account, role_of), sent.currency)
        cells[cell] = cells.get(cell, 0) + amount
    return cells


def _role(account: str, role_of: RoleOf) -> str:
    return "output_vat" if account == VAT else role_of(account)


def _cells(sent: Sent, entry: Entry, role_of: RoleOf) -> dict[Cell, int]:
    cells = _meant(sent, role_of)
    for place, amount in entry.moved.items():
        cell = Cell(place.day, role_of(place.account), place.currency)
        cells[cell] = cells.get(cell, 0) - amount
    return {cell: amount for cell, amount in cells.items() if amount}


def _is_moved(sent: Sent, entry: Entry) -> bool:
    days = sorted({day for day, _ in sent.spread} | {sent.day}) if sent.spread else [sent.day]
    return entry.days != days or any(place.currency != sent.currency for place in entry.moved)


def _apart(expected: Mapping[str, int], shown: Mapping[str, int], role_of: RoleOf) -> dict[str, int]:
    """Account -> meant less shown. VAT whose account was not known is compared as the sum of the VAT accounts."""
    meant = dict(expected)
    if VAT in meant:
        unnamed = [code for code in shown if code not in meant and role_of(code) in VAT_ROLES]
        meant[VAT] -= sum(shown[code] for code in unnamed)
        shown = {code: amount for code, amount in shown.items() if code not in unnamed}
    apart = {code: meant.get(code, 0) - shown.get(code, 0) for code in {*meant, *shown}}
    return {code: amount for code, amount in sorted(apart.items()) if amount}


def _is_cents(apart: Mapping[str, int]) -> bool:
    return bool(apart) and max(abs(amount) for amount in apart.values()) <= CENTS


def _told(sent: Sent, entry: Entry, apart: Mapping[str, int], *, moved: bool) -> str:
    parts = []
    if moved and entry.days != [sent.day]:
        parts.append(f"is dated {', '.join(map(str, entry.days))} instead of {sent.day}")
    if apart:
        parts.append(f"shows other amounts than were sent on account {', '.join(apart)}")
    return f"{' and '.join(parts) or 'shows another currency than was sent'}."


@dataclass(slots=True)
class Strangers:
    """Entries that we do not know by id. `clearing`: the accounts that are Square's alone, from `since` on."""

    role_of: RoleOf
    clearing: Container[str]
    since: date
    standing: Container[str]
    owners: Mapping[str, Owner] = field(default_factory=dict)

    def judge(self, entries: Iterable[Entry], period: Period) -> Iterator[tuple[Entry, Finding]]:
        """Each entry that concerns us, with what it is."""
        for entry in entries:
            owner = next((self.owners[key] for key in sorted(entry.references) if key in self.owners), None)
            if owner:
                yield entry, self._ours_again(entry, owner)
            elif found := self._foreign(entry, period):
                yield entry, found

    def _ours_again(self, entry: Entry, owner: Owner) -> Finding:
        cells = self._shown(entry.moved)
        named = f"Exact entry {entry.number} carries the reference of entry {owner.reference}"
        if not owner.is_booked:
            kind, sentence = Kind.TIMING, f"{named}, which was sent and is being looked up: the next run takes it over."
        elif owner.remote_id in self.standing:
            kind, sentence = Kind.DOUBLED, f"{named}, which stands in Exact already: it is there twice."
        else:
            kind, sentence = Kind.EDITED, f"{named}, which is gone: somebody booked it anew by hand."
        return Finding(kind, sentence, cells, reference=owner.reference, posting=owner.posting, entry=entry.number)

    def _foreign(self, entry: Entry, period: Period) -> Finding | None:
        own = {place: amount for place, amount in entry.moved.items() if place.account in self.clearing}
        cells = self._shown({place: amount for place, amount in own.items() if place.day >= self.since})
        if not any(cell.day in period for cell in cells):
            return None
        sentence = (
            f"Exact entry {entry.number} in journal {entry.journal} moves the Square clearing account, and Tillbridge "
            "did not book it."
        )
        return Finding(Kind.FOREIGN, sentence, cells, entry=entry.number)

    def _shown(self, moved: Mapping[Place, int]) -> dict[Cell, int]:
        cells: dict[Cell, int] = {}
        for place, amount in moved.items():
            cell = Cell(place.day, self.role_of(place.account), place.currency)
            cells[cell] = cells.get(cell, 0) - amount
        return {cell: amount for cell, amount in cells.items() if amount}
