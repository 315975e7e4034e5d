"""Amounts per day, ledger role and currency from three sources, and the findings that explain where they part. Pure.

Minor units, debit +, credit -.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from sync.reconciliation.kinds import EXPLAINED, Kind

# So many findings are kept one by one.
MOST = 500
# What one event moves, by role.
Moves = Mapping[str, int]


class Cell(NamedTuple):
    """Where an amount stands."""

    day: date
    role: str
    currency: str


Cells = Mapping[Cell, int]


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both ends included."""

    begin: date
    end: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.begin <= day <= self.end

    def __str__(self) -> str:
        return f"{self.begin} to {self.end}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that makes Square and Exact differ. `cells`: its part of Square minus Exact.

    `source_id`: Square's id; `reference`: ours; `item`, `posting`: primary keys; `entry`: Exact's entry number. One
    without cells explains nothing and should be known all the same: `stake`, `told_on` and `told_in` are its amount,
    day and currency. `count` says for how many it stands.
    """

    kind: Kind
    sentence: str
    cells: Cells
    source_id: str = ""
    reference: str = ""
    item: int | None = None
    posting: int | None = None
    entry: int | None = None
    count: int = 1
    stake: int = 0
    told_on: date | None = None
    told_in: str = ""

    @property
    def is_explained(self) -> bool:
        return self.kind in EXPLAINED

    @property
    def size(self) -> int:
        """What it is about, on its largest day: the larger of what it adds and what it takes, since most findings
        balance in themselves. Of one that explains nothing but should be known, what is at stake.
        """
        if not self.cells:
            return self.stake
        added: Counter[date] = Counter()
        taken: Counter[date] = Counter()
        for cell, amount in self.cells.items():
            (added if amount > 0 else taken)[cell.day] += abs(amount)
        return max(*added.values(), *taken.values(), 0, 0)

    @property
    def day(self) -> date | None:
        return min((cell.day for cell in self.cells), default=self.told_on)

    @property
    def currency(self) -> str:
        return next((cell.currency for cell in self.cells), self.told_in)


@dataclass(frozen=True, slots=True)
class Row:
    """One role of one day and currency. `square` = `exact` + `explained` + `difference`."""

    cell: Cell
    square: int
    explained: int
    ours: int
    exact: int

    @property
    def difference(self) -> int:
        return self.square - self.explained - self.exact


@dataclass(slots=True)
class Figures:
    """What was added up for one lane. Cells outside the period are left out on the way in."""

    period: Period
    square: Counter[Cell] = field(default_factory=Counter)
    ours: Counter[Cell] = field(default_factory=Counter)
    exact: Counter[Cell] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    condensed: dict[tuple[Kind, date | None, str], Finding] = field(default_factory=dict)

    def add(self, column: Counter[Cell], cells: Iterable[tuple[Cell, int]]) -> None:
        for cell, amount in cells:
            if cell.day in self.period and amount:
                column[cell] += amount

    def find(self, findings: Iterable[Finding]) -> None:
        """Keep what concerns the period; a finding without amounts always does."""
        for finding in findings:
            inside = {cell: amount for cell, amount in finding.cells.items() if cell.day in self.period and amount}
            if inside or not finding.cells:
                self._keep(replace(finding, cells=inside))

    def _keep(self, finding: Finding) -> None:
        """Beyond so many, those that explain themselves are told per day: a lane that has not run yet has thousands."""
        if len(self.findings) < MOST or not finding.is_explained:
            self.findings.append(finding)
            return
        key = (finding.kind, finding.day, finding.currency)
        held = self.condensed.get(key)
        sentence = f"{finding.day}: more of the same, told together."
        cells, count, stake = Counter(finding.cells), finding.count, finding.stake
        if held:
            cells.update(held.cells)
            count, stake = count + held.count, stake + held.stake
        self.condensed[key] = Finding(
            finding.kind, sentence, cells, count=count, stake=stake, told_on=finding.day, told_in=finding.currency
        )

    def close(self) -> None:
        """Whatever no finding explains becomes one of its own, per day and currency: nothing is left out silently."""
        self.findings += self.condensed.values()
        self.condensed.clear()
        rest = Counter(self.square)
        rest.subtract(self.exact)
        for finding in self.findings:
            rest.subtract(finding.cells)
        left: dict[tuple[date, str], dict[Cell, int]] = {}
        for cell, amount in rest.items():
            if amount:
                left.setdefault((cell.day, cell.currency), {})[cell] = amount
        for (day, _), cells in sorted(left.items()):
            sentence = f"The figures of {day} differ, and no record or entry says why."
            self.findings.append(Finding(Kind.UNKNOWN, sentence, cells))

    def rows(self) -> Iterator[Row]:
        explained: Counter[Cell] = Counter()
        for finding in self.findings:
            if finding.is_explained:
                explained.update(finding.cells)
        for cell in sorted({*self.square, *self.ours, *self.exact, *explained}):
            yield Row(cell, self.square[cell], explained[cell], self.ours[cell], self.exact[cell])

    @property
    def unexplained(self) -> int:
        """Cents, over all findings that need a person."""
        return sum(finding.size for finding in self.findings if not finding.is_explained)


def cells_of(day: date, currency: str, moves: Moves) -> Iterator[tuple[Cell, int]]:
    return ((Cell(day, role, currency), amount) for role, amount in moves.items() if amount)
