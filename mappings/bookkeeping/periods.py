"""Closed periods: what becomes of a leg whose day can no longer be booked on.

Exact closes (journal, year, period). A record is booked in several journals (a sale in the sales journal, its money in
clearing or cash), and half of it would be worse than none of it: a day is open for a record only when every journal
of its family is open that day. What is closed is known before the first leg is sent.

*hold*: the leg waits until somebody opens the period. *next open day*: its entry is dated on the first day of the next
open period; amounts, VAT codes and accounts stay, its own day stays in the texts, in the leg and in the trail, and its
VAT is declared in a later return. *accrual*: the same, and what would have moved the result (GL types from 110, the
profit and loss account) goes to the account of the role *accrual*: the result of the closed period stays where the
accountant has accrued it, and the later period shows no turnover that is not its own. VAT, receivables, clearing, tips
and gift cards go where they always go: they are balances, and the tax is owed all the same. (A guess: that Exact takes
a VAT code with a VAT amount on a line of a balance account. An entry on a real division would settle it.)

A leg that is frozen in an entry is never moved: `as_owed` takes the move away again, so that a frozen leg and a new
plan of the same record compare as what the record owes, whatever was closed or opened since.
Reference: exact-online.md 9 (JournalStatusList, GLAccounts.Type); bookkeeping section 4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from mappings.bookkeeping.legs import LegPlan, Line, Problem, ProblemKind
from mappings.resolution import Case, Gap, RuleBook
from mappings.roles import Role

# Reference: GLAccounts.Type; 110 revenue to 160 interest. From 300 on they are Exact's own year-end accounts.
RESULT = range(110, 300)


class Policy(StrEnum):
    HOLD = "hold"
    NEXT_OPEN_DAY = "next_open_day"
    ACCRUAL = "accrual"


class Closed(Protocol):
    """A closed (journal, year, period); both days belong to it. `label` names it on the screen ('70 2026-03')."""

    journal: str
    year: int
    period: int
    starts: date
    ends: date

    @property
    def label(self) -> str: ...


class Calendar:
    """Which days are closed in which journals. A period that Exact does not list as closed is open."""

    def __init__(self, closed: Iterable[Closed] = ()) -> None:
        self._by_journal: Mapping[str, list[Closed]] = defaultdict(list)
        for period in closed:
            self._by_journal[period.journal].append(period)
        # A month asks about the same few days thousands of times.
        self._answers: dict[tuple[str, date], Closed | None] = {}

    def __bool__(self) -> bool:
        return bool(self._by_journal)

    def closing(self, journals: Iterable[str], on: date) -> Closed | None:
        """The closed period that the day lies in, of the first of these journals in which it is closed."""
        return next((period for journal in sorted(journals) if (period := self._closed(journal, on))), None)

    def _closed(self, journal: str, on: date) -> Closed | None:
        if (journal, on) not in self._answers:
            periods = self._by_journal.get(journal, ())
            self._answers[journal, on] = next((row for row in periods if row.starts <= on <= row.ends), None)
        return self._answers[journal, on]

    def next_open_day(self, journals: Iterable[str], on: date) -> date:
        """The day itself where it is open in all of them, else the first day after the closed periods it lies in."""
        family = set(journals)
        while (period := self.closing(family, on)) is not None:
            on = period.ends + timedelta(days=1)
        return on

    def spans(self, journal: str) -> list[tuple[date, date]]:
        """First and last days of what is closed in one journal, periods that follow one another taken together."""
        spans: list[tuple[date, date]] = []
        for period in sorted(self._by_journal.get(journal, ()), key=lambda period: period.starts):
            if spans and period.starts <= spans[-1][1] + timedelta(days=1):
                spans[-1] = (spans[-1][0], max(spans[-1][1], period.ends))
            else:
                spans.append((period.starts, period.ends))
        return spans


def fitted(
    legs: Sequence[LegPlan], *, calendar: Calendar, policy: Policy, rulebook: RuleBook, family: Iterable[str] = ()
) -> tuple[LegPlan, ...]:
    """The legs of one record as they can be booked. `family`: journals of its document beside those of the legs."""
    if not calendar:
        return tuple(legs)
    journals = {*family, *(leg.journal for leg in legs)} - {""}
    return tuple(_fitted(leg, journals, calendar, policy, rulebook) for leg in legs)


def _fitted(leg: LegPlan, journals: set[str], calendar: Calendar, policy: Policy, rulebook: RuleBook) -> LegPlan:
    closed = None if leg.problem else calendar.closing(journals, leg.date)
    if closed is None:
        return leg
    if policy is Policy.HOLD:
        return replace(leg, problem=_held(leg, closed))
    moved = replace(leg, date=calendar.next_open_day(journals, leg.date), moved_from=leg.moved_from or leg.date)
    return accrued(moved, rulebook) if policy is Policy.ACCRUAL else moved


def _held(leg: LegPlan, closed: Closed) -> Problem:
    other = "" if closed.journal == leg.journal else f" (it belongs with the {leg.kind} in journal {leg.journal})"
    sentence = (
        f"Period {closed.year}-{closed.period:02} of journal {closed.journal} is closed in Exact{other}, so the "
        f"{leg.kind} of {leg.date} cannot be booked. Open the period in Exact, then press 'Read accounts, codes and "
        "periods again' on the division: the record goes on by itself. Or let the lane book on the next open day."
    )
    return Problem(ProblemKind.PERIOD_CLOSED, sentence, closed.label)


def accrued(leg: LegPlan, rulebook: RuleBook) -> LegPlan:
    """The lines of the result on the accrual account instead; the leg waits when no rule names one."""
    lines: list[Line] = []
    for line in leg.lines:
        if line.account.type not in RESULT or line.instead_of:
            lines.append(line)
            continue
        case = Case(role=Role.ACCRUAL, on=leg.moved_from or leg.date, location=leg.location, tender=leg.tender)
        found = rulebook.find(case)
        if isinstance(found, Gap):
            return replace(leg, problem=Problem(ProblemKind.UNMAPPED_ACCOUNT, found.sentence, found.subject))
        why = f"instead of {line.account.code}, as its period is closed: {found.reason}"
        note = "\n".join(filter(None, [line.note, why]))
        lines.append(replace(line, account=found.rule.account, instead_of=line.account, note=note))
    return replace(leg, lines=tuple(lines))


def as_owed(leg: LegPlan) -> LegPlan:
    """The leg as the record owes it: on its own day and accounts, whatever period it was moved to."""
    lines = tuple(replace(line, account=line.instead_of or line.account, instead_of=None) for line in leg.lines)
    return replace(leg, date=leg.moved_from or leg.date, moved_from=None, lines=lines)


def vat_note(own: date, booked: date) -> str:
    """In which return the VAT of a moved leg is declared; "" when it is the same in every rhythm of returns."""
    if (own.year, own.month) == (booked.year, booked.month):
        return ""
    if _quarter(own) == _quarter(booked):
        return (
            f"Its VAT moves from the return of {own:%Y-%m} to that of {booked:%Y-%m} where you file by the month; "
            "it stays in the same return where you file by the quarter."
        )
    year, quarter = _quarter(booked)
    return (
        f"Its VAT moves to a later return: from {own:%Y-%m} to {booked:%Y-%m}, or to quarter {quarter} of {year}. Ask "
        "your accountant whether the earlier return must be corrected."
    )


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month + 2) // 3
