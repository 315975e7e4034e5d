"""The proof of the clearing account: what we booked = what Exact shows = what Square still owes, to the cent.

Amounts are minor units of one currency, signed as they move the Square balance, which is the debit of the account.
Reference: bookkeeping section 5 "Square clearing = Square balance not yet paid out, from a stated opening balance".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class DifferenceKind(StrEnum):
    """Why two of the three figures are not the same. Closed list."""

    TIMING = "timing"
    FEE_PENDING = "fee_pending"
    WAITING = "waiting"
    DISMISSED = "dismissed"
    UNVERIFIED = "unverified"
    OPENING = "opening"
    EDITED = "edited"
    DELETED = "deleted"
    FOREIGN = "foreign"
    UNEXPLAINED = "unexplained"

    @property
    def is_harmless(self) -> bool:
        """It goes away by itself: nobody has to do anything."""
        return self in (DifferenceKind.TIMING, DifferenceKind.FEE_PENDING)


@dataclass(frozen=True, slots=True)
class Difference:
    """One cause. `items`: primary keys of the records, `entries`: references or Exact numbers of the entries."""

    kind: DifferenceKind
    amount: int
    sentence: str
    items: tuple[int, ...] = ()
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """The three figures of one clearing account and currency at the end of a local day.

    `at_square` names what makes `square` another figure than `books`, `in_exact` the same for `ledger`, each to the
    cent. `ledger` is None when Exact was not asked. `notices` change no figure and are still worth a look.
    """

    currency: str
    day: date
    opening: int
    booked: int
    square: int
    ledger: int | None
    at_square: tuple[Difference, ...] = ()
    in_exact: tuple[Difference, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def books(self) -> int:
        return self.opening + self.booked

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (*self.at_square, *self.in_exact)

    @property
    def is_proven(self) -> bool:
        """The three figures are the same but for what goes away by itself."""
        return self.ledger is not None and all(difference.kind.is_harmless for difference in self.differences)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a proof is made of, before it is compared. The differences are those that somebody could name."""

    currency: str
    day: date
    opening: int
    booked: int
    square: int
    ledger: int | None
    at_square: Sequence[Difference] = ()
    in_exact: Sequence[Difference] = ()
    notices: Sequence[str] = ()


def prove(found: Figures) -> Proof:
    """Compare, and name what nobody could explain: the named differences must make up the whole difference."""
    books = found.opening + found.booked
    at_square = _completed(found.at_square, found.square - books, "Square's records")
    in_exact = () if found.ledger is None else _completed(found.in_exact, found.ledger - books, "Exact's ledger")
    return Proof(
        currency=found.currency, day=found.day, opening=found.opening, booked=found.booked, square=found.square,
        ledger=found.ledger, at_square=at_square, in_exact=in_exact, notices=tuple(found.notices),
    )  # fmt: skip


def _completed(named: Iterable[Difference], whole: int, side: str) -> tuple[Difference, ...]:
    kept = tuple(difference for difference in named if difference.amount)
    left = whole - sum(difference.amount for difference in kept)
    if not left:
        return kept
    sentence = f"Nothing that Tillbridge knows of explains this difference with {side}. Please report it to support."
    return (*kept, Difference(DifferenceKind.UNEXPLAINED, left, sentence))
