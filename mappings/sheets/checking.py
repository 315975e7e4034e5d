"""Every line of an upload against what is there: new, changed, unchanged or wrong. Reads only; nothing is written here.

500 lines at a time, so that memory does not grow with the file and each batch costs a handful of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError

from mappings.models import Decision
from mappings.sheets.columns import DECIDED, Known, Subject
from mappings.sheets.models import Verdict
from mappings.sheets.reading import Lines, UnreadableSheet

BATCH = 500
# Fields that need no column: what a new mapping then has. All others of the key have none but empty.
# Not of the sheet, or found among what is known: asking the database again about each would be most of the work.
UNCHECKED = ("decided_by", "decided_at", "candidates", "division")
UNDECIDED = "A person decides matched or ignored; what is proposed or in conflict is what nobody has decided."
DEFAULTS: Mapping[str, Any] = {"status": Decision.MATCHED.value}


@dataclass(frozen=True, slots=True)
class Checked:
    """One line. `before` and `after` as cells by column, only those that differ; `problems`: (column, sentence). `row`:
    the mapping as it would be, not stored.
    """

    line: int
    verdict: Verdict | None
    key: str
    target_id: int | None = None
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[tuple[str, str]] = ()
    row: Any = None


@dataclass(slots=True)
class _Line:
    number: int
    cells: Mapping[str, str]
    values: dict[str, Any]
    problems: list[tuple[str, str]]


class Checking:
    """Of one upload. Raises `UnreadableSheet` when a column is missing or unknown."""

    def __init__(self, subject: Subject, lines: Lines) -> None:
        self.subject, self.lines = subject, lines
        self.known = Known.read()
        self.met: dict[int, int] = {}

    def batches(self) -> Iterator[list[Checked]]:
        """What becomes of the lines, in their order. `verdict` None: nothing would change."""
        is_first = True
        while batch := list(islice(self.lines, BATCH)):
            if is_first:
                self._check_columns(batch[0][1])
                is_first = False
            yield list(self._checked(batch))
        if is_first:
            raise UnreadableSheet("The file names columns and holds no line below them.")

    def _check_columns(self, cells: Mapping[str, str]) -> None:
        known = {field.column_name for field in self.subject.fields.values()}
        unknown = sorted(set(cells) - known)
        if unknown:
            raise UnreadableSheet(
                f"There is no column “{unknown[0]}”. The columns are: {', '.join(sorted(known))}. An export shows them."
            )
        needed = {self.subject.column(name) for name in self.subject.key}
        absent = sorted(needed - set(cells))
        if absent:
            raise UnreadableSheet(f"The column “{absent[0]}” is missing: it says which mapping a line is about.")

    def _checked(self, batch: Sequence[tuple[int, Mapping[str, str]]]) -> Iterator[Checked]:
        self.known.meet(self.subject, (cells for _, cells in batch))
        lines = [self._read(number, cells) for number, cells in batch]
        held = existing(self.subject, [line.values for line in lines if not line.problems])
        for line in lines:
            yield self._judged(line, held)

    def _read(self, number: int, cells: Mapping[str, str]) -> _Line:
        values, problems = {}, []
        for name, column in self.subject.fields.items():
            if column.column_name not in cells:
                continue
            try:
                values[name] = column.clean(cells, known=self.known)
            except ValueError as wrong:
                problems.append((column.column_name, str(wrong)))
        return _Line(number, cells, values, problems)

    def _judged(self, line: _Line, held: Mapping[tuple[Any, ...], Any]) -> Checked:
        shown = " · ".join(filter(None, (line.cells.get(self.subject.column(name), "") for name in self.subject.key)))
        if not line.problems:
            line.problems += self._twice(line)
        if line.problems:
            return Checked(line.number, Verdict.WRONG, shown[:300], problems=line.problems)
        row = held.get(key_of(self.subject, line.values))
        return self._compared(line, row, shown[:300])

    def _twice(self, line: _Line) -> Iterator[tuple[str, str]]:
        key = hash(key_of(self.subject, line.values))
        first = self.met.setdefault(key, line.number)
        if first != line.number:
            column = self.subject.column(self.subject.key[-1])
            yield column, f"Line {first} is about the same mapping and day. Keep one of them."

    def _compared(self, line: _Line, row: Any, shown: str) -> Checked:
        """The mapping as it is, with the line's values over it: compared, then checked as a form checks it.

        A line that changes nothing is not checked: what it names may have gone in Exact since, and others change.
        """
        cells = self.subject.cells(row) if row else {}
        wanted = changed_row(self.subject, row, line.values)
        after = self.subject.cells(wanted)
        differing = [name for name in after if after[name] != cells.get(name, "")]
        if row and not differing:
            return Checked(line.number, None, shown)
        problems = list(_objections(self.subject, wanted))
        if problems:
            return Checked(line.number, Verdict.WRONG, shown, problems=problems)
        if "status" in differing and wanted.status not in DECIDED:
            return Checked(line.number, Verdict.WRONG, shown, problems=[("status", UNDECIDED)])
        return Checked(
            line.number, Verdict.CHANGED if row else Verdict.NEW, shown, target_id=row.pk if row else None,
            before={name: cells[name] for name in differing} if row else {},
            after={name: after[name] for name in differing} if row else after, row=wanted,
        )  # fmt: skip


def key_of(subject: Subject, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_plain(values.get(name)) for name in subject.key)


def _plain(value: Any) -> Any:
    if hasattr(value, "pk"):
        return value.pk
    return value.normalize() if hasattr(value, "normalize") else value


def existing(subject: Subject, lines: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], Any]:
    """The mappings that these lines are about, by key."""
    rows = subject.model._default_manager.select_related("division", *subject.relations)
    found = rows.filter(**{f"{subject.narrow}__in": {values[subject.narrow] for values in lines}})
    wanted = {key_of(subject, values) for values in lines}
    keys = ((key_of(subject, {name: getattr(row, name) for name in subject.key}), row) for row in found)
    return {key: row for key, row in keys if key in wanted}


def changed_row(subject: Subject, row: Any, values: Mapping[str, Any]) -> Any:
    """A mapping not stored: the one there is, or a new one, with the line's values."""
    wanted = subject.model()
    for column in subject.model._meta.concrete_fields:
        if row is not None:
            setattr(wanted, column.attname, getattr(row, column.attname))
    for name in subject.relations if row is not None else ():
        setattr(wanted, name, getattr(row, name))
    if row is not None:
        wanted.division = row.division
    else:
        for name, value in DEFAULTS.items():
            setattr(wanted, name, value)
    for name, value in values.items():
        setattr(wanted, name, value)
    return wanted


def _objections(subject: Subject, row: Any) -> Iterable[tuple[str, str]]:
    """What the form would say: about each value, about them together, and about the status."""
    try:
        row.clean_fields(exclude=[*UNCHECKED, *subject.relations])
    except ValidationError as wrong:
        for name, messages in wrong.message_dict.items():
            yield subject.column(name) if name in subject.fields else name, " ".join(messages)
        return
    values = {name: getattr(row, name) for name in subject.fields}
    for name, sentence in subject.object_to(values):
        yield subject.column(name), sentence
    if row.status == Decision.MATCHED and getattr(row, subject.target) is None:
        noun = "item" if subject.target == "item" else "account"
        sentence = f"A mapping that is matched names its {noun}; write its code, or ignored as status."
        yield subject.column(subject.target), sentence
    if not isinstance(row.effective_from, date):
        yield "effective_from", "Say from which day on it counts."
