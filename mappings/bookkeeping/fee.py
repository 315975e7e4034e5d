"""The fee legs: what Square, the app developer or an external processor kept of a payment, each on its own.

A fee is minus Square's amount, so that a fee given back is positive. Square states fees minutes to hours after the
payment, one element each, and adds elements when it adjusts: the element's index is the leg's ordinal.
Fees need no customer and no sale, so they never wait for either.
VAT inside a fee is split off by the division's convention, with the VAT code of the fee's rule, on a line of its own
amount: what the bank moves by stays what Square kept.
Reference: bookkeeping section 2; Square Payment.processing_fee, app_fee_money, external_details.source_fee_money;
Exact BankEntryLines.VATCode, AmountVATFC "for direct costs".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from connections.providers.square.payloads import Fee, Payment
from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import SECOND, Context, Waits
from mappings.bookkeeping.conventions import Conventions, FeeVat
from mappings.bookkeeping.inside import vat_inside
from mappings.bookkeeping.legs import LegKind, LegPlan, Line, ProblemKind
from mappings.bookkeeping.receipt import Route, check_journal, clearing, on_route, route
from mappings.resolution import Case, Match, percent
from mappings.roles import Role

# The words for `fee_type` in rules, beside Square's own INITIAL and ADJUSTMENT.
APP = "APP"
SOURCE = "SOURCE"


def plan_fees(payment: Payment, context: Context) -> Iterator[LegPlan]:
    """Processing fees in Square's order, then the app fee, then the external processor's."""
    for index, fee in enumerate(payment.fees):
        if fee.amount:
            yield _processing(payment, index, fee, context)
    if payment.app_fee:
        case = _case(Role.PLATFORM_FEE, APP, context.local_date(payment.took_place_at), payment, context)
        leg = replace(on_route(payment, clearing(context), context), kind=LegKind.APP_FEE)
        yield charged(leg, clearing(context), case, payment.app_fee, context)
    if payment.external_fee:
        yield _source(payment, context)


def _processing(payment: Payment, index: int, fee: Fee, context: Context) -> LegPlan:
    on = _fee_date(payment, index, fee, context)
    leg = replace(on_route(payment, clearing(context), context), kind=LegKind.FEE, ordinal=index, date=on)
    case = _case(Role.PROCESSING_FEE, fee.kind, on, payment, context)
    return charged(leg, clearing(context), case, fee.amount, context)


def _fee_date(payment: Payment, index: int, fee: Fee, context: Context) -> date:
    """The first fee belongs to the day of the payment, a later or adjusted one to the day it takes effect."""
    moment = payment.took_place_at if index == 0 else fee.effective_at or payment.took_place_at
    return context.local_date(moment)


def _source(payment: Payment, context: Context) -> LegPlan:
    """The processor of an external tender kept it: it never was in the Square balance."""
    way = route(payment.tender, context) or clearing(context)
    leg = replace(on_route(payment, way, context), kind=LegKind.SOURCE_FEE)
    case = _case(Role.PROCESSING_FEE, SOURCE, leg.date, payment, context)
    return charged(leg, way, case, payment.external_fee, context)


def _case(role: Role, fee_type: str, on: date, payment: Payment, context: Context) -> Case:
    return Case(role=role, on=on, location=context.location, tender=payment.tender, fee_type=fee_type)


def charged(leg: LegPlan, way: Route, case: Case, amount: int, context: Context) -> LegPlan:
    """The leg with the fee on it: `amount` positive was kept, negative given back."""
    chosen = given.conventions_of(leg, context)
    leg = replace(leg, conventions=chosen)
    try:
        check_journal(way)
        lines = [_line(given.rule_for(case, context), -amount, way, chosen, context)]
        if way.passes_through:
            other = given.rule_for(replace(case, role=way.passes_through), context)
            lines.append(given.line(other, amount, suffix=SECOND))
    except Waits as wait:
        return given.waiting(leg, wait.problem)
    return replace(leg, lines=tuple(lines))


def _line(match: Match, amount: int, way: Route, chosen: Conventions, context: Context) -> Line:
    """The fee by the division's convention; gross and without a code unless it says otherwise."""
    why = chosen.words("fee_vat")
    if chosen.fee_vat not in (FeeVat.INCLUDED, FeeVat.REVERSE_CHARGE) or way.passes_through:
        return given.line(match, amount, because=why)
    rule = match.rule
    _check_code(match, way, chosen, context)
    rate = rule.code_rate if chosen.fee_vat is FeeVat.INCLUDED else None
    vat = vat_inside(amount, rate) if rate else 0
    # A guess, as the sandbox has it: money out claims VAT, money back owes it. An entry read back would settle it.
    account = rule.claim_account if amount < 0 else rule.vat_account
    return given.line(match, amount - vat, vat=vat, rate=rate, vat_code=rule.vat_code, vat_account=account, because=why)


def _check_code(match: Match, way: Route, chosen: Conventions, context: Context) -> None:
    """What Exact would refuse, or book otherwise than we expect. Raises `Waits`."""
    rule = match.rule
    remedy = "or choose another VAT on fees in the division's conventions; this record then goes on."
    if not rule.vat_code:
        sentence = f"Rule {rule.id} ({rule.role.words}) names no VAT code. Set the one for the VAT on fees, {remedy}"
    elif way.journal not in context.vat_journals:
        sentence = (
            f"Journal {way.journal} does not allow VAT, so Exact would refuse code {rule.vat_code} on the fee. Allow "
            f"VAT on the journal in Exact and read its data again, {remedy}"
        )
    elif chosen.fee_vat is FeeVat.INCLUDED and not rule.code_rate:
        sentence = (
            f"VAT code {rule.vat_code} of rule {rule.id} carries no VAT, so none can be inside the fee. Set one with "
            f"a rate, {remedy}"
        )
    elif chosen.fee_vat is FeeVat.REVERSE_CHARGE and rule.code_rate:
        sentence = (
            f"VAT code {rule.vat_code} of rule {rule.id} carries {percent(rule.code_rate)}, which Exact would take out "
            f"of the fee. Set a reverse-charge code of 0 %, {remedy}"
        )
    else:
        return
    raise Waits(ProblemKind.UNMAPPED_TAX, sentence, f"rule {rule.id}: VAT on fees")
