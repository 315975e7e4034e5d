"""What one Square payout owes the books: the transfer to the bank, and whatever its entries add to what is booked.

1. The transfer leaves the clearing account for the bank in transit when Square sends it; one that failed comes back
   the day it failed.
2. Entries of booked payments, refunds and payouts verify; a difference is a leg of its own (`verification`).
3. Every other entry is a leg on the account of its type (`activities`), at the day it took effect.
4. A batch whose entries do not add up to it waits as a whole. A simple payout has no entries: they come in a later
   batch, with the payout among them and its fee too.
Reference: bookkeeping section 2 "payout", section 6 case 7; Square Payout.status, type, PayoutEntry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from connections import money
from connections.providers.square.payloads import Payout, PayoutEntry
from mappings.bookkeeping import context as given
from mappings.bookkeeping import verification
from mappings.bookkeeping.activities import ACTIVITIES, Check, activity
from mappings.bookkeeping.context import Context, Waits, written
from mappings.bookkeeping.legs import LegKind, LegPlan, Line, Plan, Problem, ProblemKind
from mappings.bookkeeping.receipt import check_journal, clearing
from mappings.bookkeeping.reversal import reverse
from mappings.bookkeeping.verification import Booked, Finding
from mappings.resolution import Case, Match
from mappings.roles import Role

BOOKED = ("SENT", "PAID", "FAILED")
TRANSFER = "PAYOUT"  # the word for the transfer itself in rules on the payout entry type
SETTLED_GROSS = ("PROCESSING_FEE", "PROCESSING_FEE_REFUND", "UNDO_PROCESSING_FEE_REFUND")
BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PayoutContext:
    """`payments`, `refunds`: by Square's id, what is booked and not yet settled by an earlier payout.
    `transfers`, `returns`: by payout id, what other records booked on the clearing account for payouts sent (minus the
    amount) and for payouts that came back (plus the amount), and no entry of an earlier payout has answered yet.
    `fees_apart`: the seller settles gross; Square takes fees in entries of their own.
    `since`: the first day of the books (go-live); what moved the balance before is in the opening balance.
    """

    usual: Context
    payments: Mapping[str, Booked] = field(default_factory=dict)
    refunds: Mapping[str, Booked] = field(default_factory=dict)
    transfers: Mapping[str, int] = field(default_factory=dict)
    returns: Mapping[str, int] = field(default_factory=dict)
    fees_apart: bool = False
    since: date = date.min


def plan(payout: Payout, entries: tuple[PayoutEntry, ...], context: PayoutContext) -> Plan:
    """The legs of a payout, or why it waits. The order in which the entries come makes no difference."""
    if payout.status not in BOOKED:
        note = f"The payout's status is {payout.status or '(none)'}: it is booked once Square has sent it."
        return Plan(notes=(note,))
    placed = sorted(
        {entry.id: entry for entry in entries}.values(), key=lambda entry: (entry.effective_at or BEGINNING, entry.id)
    )
    problem = _currency_problem(payout, placed, context) or _sum_problem(payout, placed)
    if problem:
        return Plan(problem=problem)
    findings = {found.entry.id: _unless_opening(found, payout, context) for found in _findings(placed, context)}
    legs = (*_transfer(payout, context), *_legs(payout, placed, findings, context))
    return Plan(legs=legs, notes=tuple(_notes(payout, placed, findings, context)))


def _currency_problem(payout: Payout, entries: Sequence[PayoutEntry], context: PayoutContext) -> Problem | None:
    accepted = context.usual.accepted_currency
    others = sorted({payout.currency, *(entry.currency for entry in entries)} - {accepted})
    if not others:
        return None
    if others[0] not in money.KNOWN:
        sentence = (
            f"The payout is in {others[0]}, a currency whose smallest unit Tillbridge does not know. Nothing was "
            "booked, because the amount could be a hundred times wrong. Book it by hand."
        )
        return Problem(ProblemKind.UNKNOWN_CURRENCY, sentence, others[0])
    sentence = (
        f"The payout or one of its entries is in {others[0]}, not in {accepted}, the currency of the lane's journals. "
        "Give this currency a lane with journals of its own, then replay."
    )
    return Problem(ProblemKind.UNSUPPORTED, sentence, f"currency {others[0]}")


def _sum_problem(payout: Payout, entries: Sequence[PayoutEntry]) -> Problem | None:
    amount = written(payout.amount, payout.currency)
    if not payout.amount:
        return Problem(ProblemKind.ODD_AMOUNT, f"Square states a payout of {amount}. Check it in Square.")
    if not entries and payout.kind == "SIMPLE":
        return None
    if not entries:
        sentence = f"Square shows the payout of {amount} without its entries yet. Replay it when Square lists them."
        return Problem(ProblemKind.NO_LINES, sentence)
    odd = [entry for entry in entries if entry.net != entry.gross - entry.fee]
    total = sum(entry.net for entry in entries)
    if total == payout.amount and not odd:
        return None
    what = f"{len(odd)} of them are not their gross less their fee" if odd else "they do not add up to it"
    sentence = (
        f"The payout is {amount}, its {len(entries)} entries come to {written(total, payout.currency)}: {what}. "
        "Nothing was booked. Read the payout again by a replay; if it stays so, compare it with the payout in Square."
    )
    return Problem(ProblemKind.UNBALANCED, sentence)


def _findings(entries: Sequence[PayoutEntry], context: PayoutContext) -> list[Finding]:
    """What each entry leaves to post."""
    made = [Finding(entry, activity(entry.kind).role, entry.net) for entry in entries if _is_posted(entry)]
    apart = context.fees_apart or any(entry.kind in SETTLED_GROSS for entry in entries)
    made += verification.events(entries, context.payments, context.refunds, fees_apart=apart)
    made += verification.transfers(entries, Check.TRANSFER, context.transfers)
    made += verification.transfers(entries, Check.RETURN, context.returns)
    return made


def _unless_opening(found: Finding, payout: Payout, context: PayoutContext) -> Finding:
    """What took effect before go-live is part of the balance that the books began with: it is not posted again."""
    on = _day_of(found.entry, payout, context)
    if on >= context.since or not found.amount:
        return found
    what = f"{found.entry.kind} of {written(found.amount, found.entry.currency)}"
    return replace(found, amount=0, note=f"{what} is of {on}, before go-live: it is part of the opening balance.")


def _day_of(entry: PayoutEntry, payout: Payout, context: PayoutContext) -> date:
    return context.usual.local_date(entry.effective_at or payout.created_at)


def _is_posted(entry: PayoutEntry) -> bool:
    return activity(entry.kind).check is Check.NOTHING


def _transfer(payout: Payout, context: PayoutContext) -> Iterator[LegPlan]:
    """The transfer, unless an entry of another payout booked it; ordinal 1 is the same money coming back."""
    case = Case(Role.TRANSIT, context.usual.local_date(payout.created_at), context.usual.location)
    leg = replace(_leg(payout, context), receipt_number=payout.end_to_end_id)
    leg = _booked(leg, replace(case, payout_entry_type=TRANSFER), -payout.amount, context)
    if payout.id not in context.transfers:
        yield leg
    if payout.status == "FAILED" and payout.id not in context.returns:
        on = context.usual.local_date(payout.updated_at)
        yield replace(leg if leg.problem else reverse(leg), ordinal=1, date=on, is_reversal=False)


def _legs(
    payout: Payout, entries: Sequence[PayoutEntry], findings: Mapping[str, Finding], context: PayoutContext
) -> Iterator[LegPlan]:
    """The ordinal is the entry's place among all, so that it stays when an earlier one turns out to verify."""
    for place, entry in enumerate(entries):
        found = findings[entry.id]
        if found.amount:
            on = _day_of(entry, payout, context)
            leg = replace(_leg(payout, context), kind=LegKind.PAYOUT_ENTRY, source_id=entry.id, ordinal=place, date=on)
            leg = _booked(replace(leg, tender=entry.kind), _case(found, on, context), found.amount, context)
            yield replace(leg, lines=tuple(_noted(line, found.note) for line in leg.lines))


def _case(found: Finding, on: date, context: PayoutContext) -> Case:
    return Case(found.role, on, context.usual.location, payout_entry_type=found.entry.kind)


def _noted(line: Line, note: str) -> Line:
    return replace(line, note="\n".join(filter(None, (line.note, note))))


def _booked(leg: LegPlan, case: Case, amount: int, context: PayoutContext) -> LegPlan:
    try:
        check_journal(clearing(context.usual))
        line = given.line(given.rule_for(case, context.usual), amount)
    except Waits as wait:
        return given.waiting(leg, wait.problem)
    return replace(leg, lines=(line,))


def _leg(payout: Payout, context: PayoutContext) -> LegPlan:
    way = clearing(context.usual)
    return LegPlan(
        kind=LegKind.PAYOUT,
        source_id=payout.id,
        ordinal=0,
        document=way.document,
        journal=way.journal,
        date=context.usual.local_date(payout.created_at),
        currency=payout.currency,
        main_account=way.account,
        debtor=None,
        location=context.usual.location,
    )


def _notes(
    payout: Payout, entries: Sequence[PayoutEntry], findings: Mapping[str, Finding], context: PayoutContext
) -> Iterator[str]:
    amount = written(payout.amount, payout.currency)
    if payout.status == "FAILED":
        yield f"The payout of {amount} failed: the money is back in the Square balance."
    if payout.id in context.transfers:
        yield f"The transfer of {amount} was booked with another payout already: this one only verifies it."
    for entry in entries:
        found = findings[entry.id]
        if found.note:
            yield found.note
        elif found.amount and found.role is Role.SUSPENSE and not _is_decided(found, payout, context):
            yield _suspense(entry)


def _is_decided(found: Finding, payout: Payout, context: PayoutContext) -> bool:
    """Whether somebody gave this type an account of its own."""
    on = _day_of(found.entry, payout, context)
    match = context.usual.rulebook.find(_case(found, on, context))
    return isinstance(match, Match) and bool(match.rule.payout_entry_type)


def _suspense(entry: PayoutEntry) -> str:
    known = "says nothing about its nature" if entry.kind in ACTIVITIES else "is not known to Tillbridge"
    return (
        f"{written(entry.net, entry.currency)} stands in suspense: its type {entry.kind or '(none)'} {known}. Find out "
        "in Square what it is, book it over, and add a rule for this payout entry type if it will come again."
    )
