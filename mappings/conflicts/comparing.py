"""Two sides field by field, in words: pure, so that what a page says can be held against a table of cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mappings import likeness, suggestions
from mappings.suggestions import Party


class Verdict(StrEnum):
    """How a field of a candidate stands to ours; the value is the word on the page."""

    AGREES = "agrees"
    ALMOST = "almost the same"
    DIFFERS = "differs"
    ONLY_OURS = "missing in Exact"
    ONLY_THEIRS = "missing in Square"
    NOTHING = ""


# Said by sign as well as by word and colour.
SIGNS = {
    Verdict.AGREES: "✓", Verdict.ALMOST: "≈", Verdict.DIFFERS: "✗", Verdict.ONLY_OURS: "○", Verdict.ONLY_THEIRS: "○",
    Verdict.NOTHING: "",
}  # fmt: skip
TONES = {Verdict.AGREES: "good", Verdict.ALMOST: "wait", Verdict.DIFFERS: "bad"}


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    verdict: Verdict = Verdict.NOTHING

    @property
    def sign(self) -> str:
        return SIGNS[self.verdict]

    @property
    def tone(self) -> str:
        return TONES.get(self.verdict, "quiet")


@dataclass(frozen=True, slots=True)
class Line:
    """One field: our side, and a cell for each candidate in the order of the columns."""

    label: str
    ours: str
    cells: tuple[Cell, ...]


def verdicts(ours: Party, theirs: Party) -> dict[str, Verdict]:
    """By the field names of `suggestions.facts`."""
    mine, its = suggestions.facts(ours), suggestions.facts(theirs)
    return {field: _verdict(field, mine[field], its[field]) for field in mine}


def _verdict(field: str, mine: str, its: str) -> Verdict:
    if not mine or not its:
        return Verdict.ONLY_OURS if mine else Verdict.ONLY_THEIRS if its else Verdict.NOTHING
    if mine == its:
        return Verdict.AGREES
    if field == suggestions.NAME and likeness.is_alike(mine, its):
        return Verdict.ALMOST
    return Verdict.DIFFERS


def same_text(ours: str, theirs: str) -> Verdict:
    """For codes and names of articles: capitals, blanks and signs do not count."""
    mine, its = likeness.bare(ours), likeness.bare(theirs)
    return _verdict("", mine, its)


def lines(labels: Sequence[tuple[str, str]], columns: Sequence[dict[str, Cell]]) -> tuple[Line, ...]:
    """`labels`: (field, our text), where each column has a cell for the field; empty on all sides is left out."""
    made = [Line(label, ours, tuple(column.get(label, Cell("")) for column in columns)) for label, ours in labels]
    return tuple(line for line in made if line.ours or any(cell.text for cell in line.cells))
