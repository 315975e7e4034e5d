"""Square's figures against our legs, one event after the other: what differs, and by which name. Pure.

An event is a group: the sale of an order, the receipt of a payment, all fees of a payment or refund (whoever stated
them). Within a group only the sums per role and day count, so corrections, reversals and late fees need no rule here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sync.reconciliation.figures import Cell, Finding, Moves, cells_of
from sync.reconciliation.kinds import Kind
from sync.reconciliation.square import Group, Owed

# Cents by which net and VAT of one event may differ between Square's figures and the entry.
ROUNDING = 5
CENT_ROLES = frozenset({"revenue", "output_vat", "rounding", "service_charge"})
FEE_ROLES = frozenset({"processing_fee", "platform_fee", "clearing"})
UNDER_WAY = frozenset({"ready", "posting"})
BOOKED = frozenset({"posted", "confirmed", "reversing", "reversed"})


# A record that waits for one of these is booked, or was, and stands otherwise than Square says.
DECIDED_LATER = frozenset({"changed_after_posting", "undone"})


@dataclass(frozen=True, slots=True)
class Held:
    """One leg of ours. `state` as its life has it; a leg whose entry stands in doubt in Exact counts as booked."""

    group: Group
    day: date
    currency: str
    moves: Moves
    state: str
    reference: str = ""
    posting: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The record that an event belongs to. `states_fee`: its own record says what its fee is; `edited`: what a person
    says of its sale in Square's stead, in a sentence.
    """

    item: int | None
    source_id: str
    state: str
    problem_kind: str = ""
    problem: str = ""
    states_fee: bool = True
    name: str = ""
    edited: str = ""


def compare(group: Group, owed: Sequence[Owed], held: Sequence[Held], standing: Standing) -> Iterator[Finding]:
    """What makes Square and our booked legs differ about one event; nothing when they agree."""
    if _is_plainly_right(owed, held):
        return
    apart = _sum(cell for one in owed for cell in cells_of(one.day, one.currency, one.moves))
    booked = [leg for leg in held if leg.state in BOOKED]
    apart.subtract(_sum(cell for leg in booked for cell in cells_of(leg.day, leg.currency, leg.moves)))
    cells = {cell: amount for cell, amount in apart.items() if amount}
    if not cells:
        return
    case = _Case(group, owed, held, standing, cells)
    kind = case.kind()
    reference = next((leg.reference for leg in held if leg.reference), "")
    posting = next((leg.posting for leg in booked if leg.posting), None)
    yield Finding(
        kind, case.sentence(kind), cells, source_id=standing.source_id or group[1], reference=reference,
        item=standing.item, posting=posting,
    )  # fmt: skip


def _is_plainly_right(owed: Sequence[Owed], held: Sequence[Held]) -> bool:
    """One event and one leg that says the same: nearly all of a month, so that it is worth a look of its own."""
    if len(owed) != 1 or len(held) != 1:
        return False
    said, leg = owed[0], held[0]
    return leg.state in BOOKED and (leg.day, leg.currency, leg.moves) == (said.day, said.currency, said.moves)


def _sum(cells: Iterable[tuple[Cell, int]]) -> Counter[Cell]:
    total: Counter[Cell] = Counter()
    for cell, amount in cells:
        total[cell] += amount
    return total


@dataclass(frozen=True, slots=True)
class _Case:
    group: Group
    owed: Sequence[Owed]
    held: Sequence[Held]
    standing: Standing
    cells: dict[Cell, int]

    def kind(self) -> Kind:
        """The first that fits, from what is certain to what is only known not to be explained."""
        apart = self._over_days(self.cells.items())
        states = {leg.state for leg in self.held}
        if self.standing.edited and states and states <= BOOKED and not sum(apart.values()):
            return Kind.RESTATED
        if not apart or (states & UNDER_WAY and apart == self._over_days(self._of(UNDER_WAY))):
            return Kind.TIMING
        if states & {"waiting", "refused"} or self._record_waits:
            return self._waiting()
        return self._small(apart) or self._unbooked(states)

    def _small(self, apart: dict[str, int]) -> Kind | None:
        if self._is_doubled(apart):
            return Kind.DOUBLED
        if self.group[0] == "fee" and not self.standing.states_fee and set(apart) <= FEE_ROLES:
            return Kind.FEE_PENDING
        if set(apart) <= CENT_ROLES and not sum(apart.values()) and max(apart.values()) <= ROUNDING:
            return Kind.ROUNDING
        return None

    @property
    def _record_waits(self) -> bool:
        """What of a waiting record is booked must be right all the same, unless just that is what it waits for."""
        about_this = not self._is_booked or self.standing.problem_kind in DECIDED_LATER
        return self.standing.state == "waiting" and about_this

    def _unbooked(self, states: set[str]) -> Kind:
        if states & BOOKED and self._stands:
            return Kind.UNKNOWN
        if "dismissed" in states or self.standing.state == "dismissed":
            return Kind.DISMISSED
        if (states and self._stands) or not self.owed:
            return Kind.UNKNOWN
        return Kind.TIMING if self.standing.state == "extracted" else Kind.MISSING

    def _waiting(self) -> Kind:
        return Kind.BEFORE_GO_LIVE if self.standing.problem_kind == "before_go_live" else Kind.WAITING

    def _is_doubled(self, apart: dict[str, int]) -> bool:
        owed = self._over_days(cell for one in self.owed for cell in cells_of(one.day, one.currency, one.moves))
        return bool(owed) and apart == {role: -amount for role, amount in owed.items()} and self._is_booked

    @property
    def _is_booked(self) -> bool:
        return any(leg.state in BOOKED for leg in self.held)

    @property
    def _stands(self) -> bool:
        """Whether anything is left of what was booked: a leg and its reversal come to nothing."""
        return bool(self._over_days(self._of(BOOKED))) or not self._is_booked

    def _of(self, states: frozenset[str]) -> Iterator[tuple[Cell, int]]:
        return (cell for leg in self.held if leg.state in states for cell in cells_of(leg.day, leg.currency, leg.moves))

    @staticmethod
    def _over_days(cells: Iterable[tuple[Cell, int]]) -> dict[str, int]:
        total: Counter[str] = Counter()
        for cell, amount in cells:
            total[cell.role] += amount
        return {role: amount for role, amount in total.items() if amount}

    def sentence(self, kind: Kind) -> str:
        what = self.standing.name or f"{self.group[0].replace('_', ' ')} {self.group[1]}"
        problem = self.standing.problem or next((leg.problem for leg in self.held if leg.problem), "")
        if kind in {Kind.WAITING, Kind.BEFORE_GO_LIVE} and problem:
            return f"{what}: {problem}"
        return f"{what}: {self._told(kind)}"

    def _told(self, kind: Kind) -> str:
        if kind is Kind.RESTATED:
            return f"{self.standing.edited}."
        if kind is Kind.TIMING and not self._over_days(self.cells.items()):
            return f"Square's day is {self._days(self.owed)}, the entry's {self._days(self._booked())}."
        if kind is Kind.UNKNOWN and not self.owed:
            return "it is booked, and nothing in Square's figures says so."
        if kind is Kind.UNKNOWN:
            return "what is booked is not what Square states."
        return TOLD[kind]

    def _booked(self) -> list[Held]:
        return [leg for leg in self.held if leg.state in BOOKED]

    @staticmethod
    def _days(rows: Sequence[Owed] | Sequence[Held]) -> str:
        return " and ".join(sorted({str(row.day) for row in rows})) or "none"


TOLD = {
    Kind.TIMING: "on its way: the next run books it.",
    Kind.FEE_PENDING: "the payout states a fee that the payment does not state yet.",
    Kind.WAITING: "it waits for a person.",
    Kind.BEFORE_GO_LIVE: "it lies before the lane's go-live.",
    Kind.DISMISSED: "somebody decided that Tillbridge does not book it.",
    Kind.ROUNDING: "net and VAT are a few cents apart from Square's.",
    Kind.MISSING: "Square states it, and nothing of ours books it.",
    Kind.DOUBLED: "our entries hold it twice.",
}
