"""What a Square dispute owes the books once it is decided. While it is open, and when it is won, payout entries alone
move its money: off the clearing account onto disputes, and back.

A dispute that is lost leaves what payouts put on disputes there. It is taken off to where the lane says: the receivable
of a real customer, who owes it still, or a loss. Both are two lines of the clearing entry that net to zero. VAT is left
alone: whether it may be claimed back is for an accountant to say.
Reference: bookkeeping section 2 "dispute"; Square Dispute.state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from connections.providers.square.payloads import Dispute
from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import SECOND, Context, Waits, written
from mappings.bookkeeping.legs import Debtor, LegKind, LegPlan, Line, Plan
from mappings.bookkeeping.receipt import check_journal, clearing
from mappings.resolution import Case
from mappings.roles import Role


@dataclass(frozen=True, slots=True)
class DisputeContext:
    """`held`: what payouts put on disputes and did not take back, minor units, positive while money is away.
    `taken_off`: what earlier legs of this dispute took off again; `ordinal`: how many there are.
    `customer`: who owes the payment when it is charged to them, None for a loss.
    """

    usual: Context
    held: int
    taken_off: int = 0
    ordinal: int = 0
    customer: Debtor | None = None


def plan(dispute: Dispute, context: DisputeContext) -> Plan:
    left = context.held - context.taken_off
    if not dispute.is_lost:
        state = dispute.state.replace("_", " ").lower() or "(none)"
        note = f"The dispute is {state}: its money moves with payouts, and {_held(left, dispute)} on disputes."
        return Plan(notes=(note,))
    if not left:
        return Plan(notes=("The dispute is lost. No payout has moved money for it that is still on disputes.",))
    return Plan(legs=(_lost(dispute, left, context),))


def _held(left: int, dispute: Dispute) -> str:
    return f"{written(left, dispute.currency)} stands" if left else "nothing stands"


def _lost(dispute: Dispute, amount: int, context: DisputeContext) -> LegPlan:
    way = clearing(context.usual)
    leg = LegPlan(
        kind=LegKind.DISPUTE,
        source_id=dispute.id,
        ordinal=context.ordinal,
        document=way.document,
        journal=way.journal,
        date=context.usual.local_date(dispute.updated_at),
        currency=dispute.currency,
        main_account=way.account,
        debtor=context.customer,
        location=context.usual.location,
        tender="DISPUTE",
    )
    try:
        check_journal(way)
        return replace(leg, lines=tuple(_lines(leg, amount, context)))
    except Waits as wait:
        return given.waiting(leg, wait.problem)


def _lines(leg: LegPlan, amount: int, context: DisputeContext) -> Iterator[Line]:
    held = Case(Role.DISPUTE, leg.date, leg.location, payout_entry_type="DISPUTE")
    yield given.line(given.rule_for(held, context.usual), amount)
    if context.customer is None:
        loss = Case(Role.DISPUTE_LOSS, leg.date, leg.location, payout_entry_type="DISPUTE")
        yield given.line(given.rule_for(loss, context.usual), -amount, suffix=SECOND)
        return
    account = given.receivables(context.customer, context.usual)
    note = "the lane charges lost disputes to a known customer"
    yield Line(Role.RECEIVABLES, account, -amount, debtor=context.customer.id, suffix=SECOND, note=note)
