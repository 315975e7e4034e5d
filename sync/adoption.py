"""In adopt mode the legs of a day are grouped as they stand in Exact, not as they would be grouped now.

A day that was booked in several entries (a late payment, a record put right later, a refused entry cut in two) would
today be one; found under the first one's text with another amount, it could only be a conflict. So the texts of all
money lines, and the references a summary can have, are looked up first: thirty a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from connections.money import to_minor
from connections.providers.exact import documents
from mappings.bookkeeping import texts
from mappings.bookkeeping.legs import Document, LegPlan, Line
from sync.flows.base import Work
from sync.legs import plan_of
from sync.models import Leg, SyncItem

# A day has rarely more than a supplement or two; the look-up goes on while it finds any.
AT_ONCE = 10


def as_paid(work: Work, document: Document, legs: Sequence[Leg]) -> Iterator[Sequence[Leg]]:
    """Legs of a clearing entry by the entry of Exact that holds them; what none holds comes last."""
    lines = {texts.line_text(plan, line, reference=leg.reference): leg for leg, plan, line in _lines(legs)}
    look = documents.bank_lines if document is Document.BANK_ENTRY else documents.cash_lines
    # Exact compares without regard to case: what it gives back is matched letter for letter.
    entry_of = {lines[row.description].pk: row.entry_id for row in look(work.exact, lines) if row.description in lines}
    parts: dict[str, list[Leg]] = {}
    for leg in legs:
        parts.setdefault(entry_of.get(leg.pk, ""), []).append(leg)
    free = parts.pop("", [])
    yield from (*parts.values(), *([free] if free else []))


def _lines(legs: Sequence[Leg]) -> Iterator[tuple[Leg, LegPlan, Line]]:
    for leg in legs:
        plan = plan_of(leg)
        yield from ((leg, plan, line) for line in plan.lines)


def as_sold(
    work: Work, legs: Sequence[Leg], reference_of: Callable[[int], str], *, ordinal: int
) -> Iterator[Sequence[Leg]]:
    """Legs of a summary by the entries of Exact under this group's references, in their order; then what is left.

    An entry says only what it comes to. Which records that is, is told by what comes to the same: all of them, else
    the first so many by when Square last changed them, else all but one. Otherwise nothing is guessed: they stay
    together, and the look-up of the entry finds the difference for a person.
    """
    left = list(legs)
    booked = _booked(work, legs, reference_of, ordinal)
    while left and (amount := booked.get(reference_of(ordinal))) is not None:
        part = _of_amount(left, amount)
        if part is None:
            break
        yield part
        left = [leg for leg in left if leg not in part]
        ordinal += 1
    if left:
        yield left


def _booked(work: Work, legs: Sequence[Leg], reference_of: Callable[[int], str], first: int) -> Mapping[str, int]:
    """Reference -> amount in minor units, of every entry of the group that stands in Exact."""
    found: dict[str, int] = {}
    while True:
        asked = [reference_of(ordinal) for ordinal in range(first, first + AT_ONCE)]
        heads = [head for head in documents.sales_entries(work.exact, asked) if head.amount is not None]
        found |= {head.reference: to_minor(head.amount or 0, legs[0].currency) for head in heads}
        if asked[-1] not in found:
            return found
        first += AT_ONCE


def _of_amount(legs: Sequence[Leg], amount: int) -> Sequence[Leg] | None:
    """The choice of these legs that comes to the amount; None when none does, or several for the same reason do."""
    for choices in _reasons(legs):
        fitting = {frozenset(leg.pk for leg in choice) for choice in choices if _sum(choice) == amount}
        if fitting:
            keys = fitting.pop()
            return None if fitting else [leg for leg in legs if leg.pk in keys]
    return None


def _reasons(legs: Sequence[Leg]) -> Iterator[Iterable[Sequence[Leg]]]:
    """Choices by why they would have been made: everything; what Square had told by then; all but one kept back."""
    changed = dict(SyncItem.objects.filter(pk__in={leg.item_id for leg in legs}).values_list("pk", "source_updated_at"))
    known = sorted(legs, key=lambda leg: (changed[leg.item_id], leg.pk))
    yield [known]
    yield (known[:count] for count in range(1, len(known)))
    yield ([leg for leg in known if leg is not out] for out in known)


def _sum(legs: Sequence[Leg]) -> int:
    return sum(leg.amount for leg in legs)
