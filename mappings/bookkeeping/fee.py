"""The fee legs: what Square, the app developer or an external processor kept of a payment, each on its own.

A fee is minus Square's amount, so that a fee given back is positive. Square states fees minutes to hours after the
payment, one element each, and adds elements when it adjusts: the element's index is the leg's ordinal.
Fees need no customer and no sale, so they never wait for either.
Reference: bookkeeping section 2; Square Payment.processing_fee, app_fee_money, external_details.source_fee_money.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from connections.providers.square.payloads import Fee, Payment
from mappings.bookkeeping import context as given
from mappings.bookkeeping.context import SECOND, Context, Waits
from mappings.bookkeeping.legs import LegKind, LegPlan
from mappings.bookkeeping.receipt import Route, check_journal, clearing, on_route, route
from mappings.resolution import Case
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
    try:
        check_journal(way)
        lines = [given.line(given.rule_for(case, context), -amount)]
        if way.passes_through:
            other = given.rule_for(replace(case, role=way.passes_through), context)
            lines.append(given.line(other, amount, suffix=SECOND))
    except Waits as wait:
        return given.waiting(leg, wait.problem)
    return replace(leg, lines=tuple(lines))
