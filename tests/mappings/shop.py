"""Builders of Square records and rules for the pure core's tests: a Dutch shop in Utrecht, VAT 21, 9 and 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connections.providers.square.payloads import (
    AppliedTax,
    Fee,
    Order,
    OrderLine,
    OrderReturn,
    OrderTax,
    Payment,
    PaymentRefund,
    Payout,
    PayoutEntry,
    ReturnLine,
    ServiceCharge,
    Tender,
)
from mappings.bookkeeping.context import Context
from mappings.bookkeeping.legs import Account, Debtor, LegKind, LegPlan, Plan, ledger
from mappings.resolution import NO_TAX, Rule, RuleBook
from mappings.roles import Role

NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 9, 11, 0, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
TYPES = {
    "1300": 20, "1105": 12, "1000": 10, "1110": 12, "8000": 110, "8001": 110, "8002": 110, "8010": 110, "8003": 110,
    "2150": 60, "2160": 60, "4960": 120, "4965": 121, "4990": 120, "1310": 20, "1111": 12, "4500": 121, "2999": 24,
    "8090": 110, "8150": 110, "8160": 110, "1290": 12, "1291": 90, "1292": 90, "1293": 55, "2998": 90, "4970": 120,
}  # fmt: skip
VAT_ACCOUNTS = {"2": "1500", "1": "1501"}
CODE_RATES = {"2": 21, "1": 9}
RATES = {"VAT 21": "21.0", "VAT 9": "9.0", "VAT 0": "0", "Tourist tax 13": "13"}


def account(code: str) -> Account:
    return Account(id=f"guid-{code}", code=code, type=TYPES[code])


def rule(number: int, role: Role, code: str, vat_code: str = "", **narrowed: Any) -> Rule:
    return Rule(
        id=number, role=role, account=account(code), vat_code=vat_code,
        cost_center=narrowed.pop("cost_center", ""), cost_unit=narrowed.pop("cost_unit", ""),
        effective_from=narrowed.pop("effective_from", date(2026, 1, 1)), vat_account=VAT_ACCOUNTS.get(vat_code, ""),
        code_rate=Decimal(CODE_RATES.get(vat_code, 0)), claim_account="1510" if vat_code in CODE_RATES else "",
        **narrowed,
    )  # fmt: skip


RULES = (
    rule(1, Role.REVENUE, "8000", "2", tax_rate=Decimal(21)),
    rule(2, Role.REVENUE, "8001", "1", tax_rate=Decimal(9)),
    rule(3, Role.REVENUE, "8002", "0", tax_rate=Decimal(0)),
    rule(4, Role.SERVICE_CHARGE, "8010", "2", tax_rate=Decimal(21)),
    rule(5, Role.TIPS, "2150", "NV"),
    rule(6, Role.GIFT_CARD, "2160", "NV"),
    rule(7, Role.PROCESSING_FEE, "4960"),
    rule(8, Role.PLATFORM_FEE, "4965"),
    rule(9, Role.ROUNDING, "4990", "NV"),
    rule(10, Role.OTHER_TENDER, "1110", tender="EXTERNAL:CHECK"),
)
UNTAXED = rule(11, Role.REVENUE, "8002", "0", tax_name=NO_TAX)
COUNTER = Debtor(id="guid-counter", name="Counter sales", is_collective=True)
JANSEN = Debtor(id="guid-jansen", name="Jansen", receivables=account("1310"))
BAKERY = Debtor(id="guid-bakery", name="Bakery", has_vat_number=True)


def context(*more: Rule, rules: Sequence[Rule] = RULES, **changed: Any) -> Context:
    base = Context(
        rulebook=RuleBook([*rules, *more]),
        debtor=COUNTER,
        receivables=account("1300"),
        timezone=AMSTERDAM,
        location="Utrecht",
        sales_journal="70",
        clearing_journal="21",
        clearing_account=account("1105"),
        cash_journal="10",
        cash_account=account("1000"),
    )
    return replace(base, **changed)


def line(total: int, tax_name: str = "", tax: int = 0, *, item_type: str = "ITEM", category: str = "") -> OrderLine:
    taxes = (AppliedTax(tax_uid=tax_name, amount=tax),) if tax_name else ()
    return OrderLine(
        uid="l",
        name="Repair for P. Smith",
        item_type=item_type,
        category=category,
        total=total,
        tax=tax,
        discount=0,
        taxes=taxes,
    )


def charge(total: int, tax_name: str = "VAT 21", tax: int = 0, treatment: str = "LINE_ITEM_TREATMENT") -> ServiceCharge:
    taxes = (AppliedTax(tax_uid=tax_name, amount=tax),) if tax_name else ()
    return ServiceCharge(uid="s", name="Service", kind="CUSTOM", treatment=treatment, total=total, tax=tax, taxes=taxes)


def tax(name: str) -> OrderTax:
    return OrderTax(uid=name, name=name, percentage=Decimal(RATES[name]), kind="INCLUSIVE", amount=0)


def payment(total: int, *, tip: int = 0, fees: Iterable[int] = (), number: int = 1, **changed: Any) -> Payment:
    base = Payment(
        id=f"PAY{number}", status="COMPLETED", currency="EUR", amount=total - tip, tip=tip, total=total, app_fee=0,
        fees=tuple(Fee(amount=fee, kind="ADJUSTMENT" if index else "INITIAL", effective_at=None)
                   for index, fee in enumerate(fees)),
        source_type="CARD", card_brand="VISA", external_type="", external_source="", external_fee=0, location_id="LUTR",
        order_id="ORD", customer_id="", square_product="SQUARE_POS", receipt_number="R2D2", refunded=0, created_at=NOON,
        updated_at=NOON, captured_at=NOON, offline_at=None,
    )  # fmt: skip
    return replace(base, **changed)


def cash(total: int, **changed: Any) -> Payment:
    return payment(total, source_type="CASH", card_brand="", captured_at=None, **changed)


def gift_card(total: int, **changed: Any) -> Payment:
    return payment(total, card_brand="SQUARE_GIFT_CARD", **changed)


def external(total: int, kind: str, **changed: Any) -> Payment:
    return payment(total, source_type="EXTERNAL", card_brand="", external_type=kind, captured_at=None, **changed)


def tender(paid: Payment, **changed: Any) -> Tender:
    kind = {"CARD": "CARD", "EXTERNAL": "OTHER"}.get(paid.source_type, paid.source_type)
    kind = "SQUARE_GIFT_CARD" if paid.is_gift_card else kind
    base = Tender(
        id=paid.id, payment_id=paid.id, kind=kind, amount=paid.total, tip=paid.tip, created_at=paid.created_at
    )
    return replace(base, **changed)


def order(lines: Iterable[OrderLine], payments: Iterable[Payment], **changed: Any) -> Order:
    lines, payments = tuple(lines), tuple(payments)
    total = sum(paid.total for paid in payments)
    base = Order(
        id="ORD", state="COMPLETED", location_id="LUTR", customer_id="", currency="EUR", total=total,
        tax=sum(part.tax for part in lines), discount=0, tip=sum(paid.tip for paid in payments), service_charge=0,
        rounding=0, has_returns=False, lines=lines, taxes=tuple(tax(name) for name in RATES), service_charges=(),
        tenders=tuple(tender(paid) for paid in payments), created_at=NOON, updated_at=NOON, closed_at=NOON,
    )  # fmt: skip
    return replace(base, **changed)


def refund(amount: int, *, fees: Iterable[int] = (), number: int = 1, **changed: Any) -> PaymentRefund:
    base = PaymentRefund(
        id=f"PAY1_R{number}", status="COMPLETED", currency="EUR", amount=amount, app_fee=0,
        fees=tuple(Fee(amount=fee, kind="INITIAL", effective_at=None) for fee in fees), destination_type="CARD",
        card_brand="", external_type="", location_id="LUTR", payment_id="PAY1", order_id=f"RET{number}",
        is_unlinked=False, created_at=LATER, updated_at=LATER,
    )  # fmt: skip
    return replace(base, **changed)


def back(total: int, tax_name: str = "", tax: int = 0, *, item_type: str = "ITEM", source: str = "l") -> ReturnLine:
    taxes = (AppliedTax(tax_uid=tax_name, amount=tax),) if tax_name else ()
    return ReturnLine(source_uid=source, item_type=item_type, total=total, tax=tax, taxes=taxes)


def return_order(lines: Iterable[ReturnLine], *, charges: Iterable[ReturnLine] = (), **changed: Any) -> Order:
    returned = OrderReturn(
        source_order_id="ORD", lines=tuple(lines), service_charges=tuple(charges),
        rates={name: Decimal(rate) for name, rate in RATES.items()}, tip=0, rounding=0,
    )  # fmt: skip
    return replace(order([], []), id="RET1", has_returns=True, returns=(replace(returned, **changed),))


def payout(amount: int, **changed: Any) -> Payout:
    base = Payout(
        id="po_1", status="SENT", kind="BATCH", currency="EUR", amount=amount, fees=(), location_id="LUTR",
        destination_type="BANK_ACCOUNT", arrival_date="2026-03-10", end_to_end_id="L2100000005", version=1,
        created_at=LATER, updated_at=LATER,
    )  # fmt: skip
    return replace(base, **changed)


def entry(kind: str, gross: int, fee: int = 0, **changed: Any) -> PayoutEntry:
    base = PayoutEntry(
        id=f"poe_{kind}", payout_id="po_1", kind=kind, currency="EUR", gross=gross, fee=fee, net=gross - fee,
        effective_at=LATER, payment_id="", refund_id="", dispute_id="", about_payout_id="", tax_rate="",
    )  # fmt: skip
    return replace(base, **changed)


def leg(plan: Plan, kind: LegKind, ordinal: int = 0) -> LegPlan:
    return next(leg for leg in plan.legs if leg.kind is kind and leg.ordinal == ordinal)


def kinds(plan: Plan) -> list[str]:
    return [f"{leg.kind}{leg.ordinal or ''}" for leg in plan.legs]


def cents(amount: int) -> str:
    return f"{Decimal(amount).scaleb(-2):+}"


def written(leg: LegPlan) -> list[str]:
    """The lines as bookkeeping section 6 writes them: account amount code v(VAT)."""
    return [
        " ".join(filter(None, (part.account.code, cents(part.amount), part.vat_code, stated_vat(part.vat))))
        for part in leg.lines
    ]


def stated_vat(vat: int) -> str:
    return f"v{cents(vat)}" if vat else ""


def moved(legs: Iterable[LegPlan]) -> dict[str, str]:
    """Account -> movement over all the legs, debit + and credit -."""
    total: dict[str, int] = {}
    for one in legs:
        assert one.problem is None, one.problem
        assert one.main_account is not None
        for code, amount in ledger(one.document, one.main_account.code, one.lines).items():
            total[code] = total.get(code, 0) + amount
    return {code: cents(amount) for code, amount in sorted(total.items()) if amount}
