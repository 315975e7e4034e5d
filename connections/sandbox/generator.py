"""A merchant's month with a fixed seed: two shops, three rates, the tenders and troubles of a real till.

`generate` decides each sale, works out what it comes to (`generated`), and has the Square sandbox sell it; the
sandbox refuses a sale whose payments do not match its own arithmetic, so the two check each other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from connections.sandbox.generated import (
    RATES,
    GeneratedMonth,
    GeneratedSale,
    Totals,
    card_fee,
    cash_rounding,
    rounded,
    shares,
    tax_on,
)
from connections.sandbox.generator_invoices import send_invoices
from connections.sandbox.generator_money import pay_out_daily, refund_some
from connections.sandbox.plan import Plan, PlannedLine, tender_name
from connections.sandbox.square import ChargeSpec, LineSpec, SquareSandbox, TenderSpec

SHOPS = ("Amsterdam", "Utrecht")
ZONE = "Europe/Amsterdam"
ODD_TAX = "Tourist tax 13"
ODD_TENDER = "CRYPTO"
ODD_CUSTOMER = "Nobody Knows BV"
EXTERNAL_TYPE = "FOOD_VOUCHER"
ODDITIES = ("unmapped_tax", "unmapped_tender", "unmapped_customer", "no_lines")
ODD_SHARE = 0.02
FEWEST_WITH_ODDITIES = 10
# Two payments are made from this amount on.
SPLIT_FROM = 2000

_OPEN, _CLOSE = time(9), time(22)
_ITEMS = (
    ("Espresso", "Drinks", "VAT 9", 295),
    ("Cappuccino", "Drinks", "VAT 9", 395),
    ("Apple pie", "Food", "VAT 9", 465),
    ("Lunch of the day", "Food", "VAT 9", 1295),
    ("Craft beer", "Bar", "VAT 21", 575),
    ("Glass of wine", "Bar", "VAT 21", 650),
    ("Coffee beans 1 kg", "Shop", "VAT 21", 2500),
    ("Mug", "Shop", "VAT 21", 1495),
    ("Donation", "Other", "VAT 0", 899),
)
_BRANDS = ("VISA", "MASTERCARD", "AMERICAN_EXPRESS")


def generate(
    square: SquareSandbox,
    *,
    seed: int,
    payments: int,
    days: int,
    end: datetime,
    shape: str = "mixed",
    oddities: bool = True,
    customers: Sequence[str] = (),
    refunds: float = 0.0,
    payouts: bool = False,
    invoices: float = 0.0,
) -> GeneratedMonth:
    """Sell `payments` payments over `days` local days up to `end`, by which every fee shows.

    `shape` "mixed" has everything, "counter" plain card and cash sales without customers. With `oddities` about 2 %
    must wait. `customers` are known profiles that one mixed sale in twenty is put on. `refunds` is the share of
    payments that come back, in part or whole, by item and by amount, some of them in several refunds; never one that
    must wait. `invoices`: as a share of `payments`, so many invoices go to `customers` beside them, paid whole, by
    deposit, in part or not, some canceled. With `payouts` each location is paid out at local midnight. The same
    arguments on a fresh sandbox of the same seed give the same month, to the id; refunds, invoices and payouts leave
    its sales as they are.
    """
    if shape not in ("mixed", "counter"):
        raise ValueError(f"Unknown shape {shape!r}; known are counter and mixed.")
    chance = random.Random(f"{seed}:{shape}:{payments}:{days}")
    shops = [_shop(square, name) for name in SHOPS]
    for name in sorted(RATES.keys() - square.state.taxes.keys()):
        square.add_tax(name, RATES[name])
    latest = (end - timedelta(seconds=square.fee_delay)).astimezone(ZoneInfo(ZONE))
    calendar = _calendar(latest, days)
    month = GeneratedMonth(calendar, tuple(shops), end)
    plans = _plans(chance, payments, shape, oddities=oddities)
    _name_stranger(square, plans, calendar[0])
    if shape == "mixed" and customers:
        _name_customers(chance, plans, customers)
    moments = sorted(_moment(chance, calendar, latest, shape) for _ in plans)
    for plan, at in zip(plans, moments, strict=True):
        month.sales.append(_sell(square, plan, shops[0] if _happens(chance, 0.65) else shops[1], at))
    if refunds:
        refund_some(square, month, plans, round(payments * refunds), chance=random.Random(f"{seed}:refunds"))
    if invoices:
        count, drawn = round(payments * invoices), random.Random(f"{seed}:invoices")
        send_invoices(square, month, count, chance=drawn, customers=customers)
    if payouts:
        pay_out_daily(square, month)
    return month


def _happens(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _shop(square: SquareSandbox, name: str) -> str:
    try:
        return str(square.location(name)["id"])
    except LookupError:
        return str(square.add_location(name, ZONE, "EUR")["id"])


def _calendar(latest: datetime, days: int) -> tuple[date, ...]:
    """The local days; the last one counts when its shop was open for an hour by then."""
    opened = datetime.combine(latest.date(), _OPEN, latest.tzinfo) + timedelta(hours=1)
    last = latest.date() if latest >= opened else latest.date() - timedelta(days=1)
    return tuple(last - timedelta(days=back) for back in range(days - 1, -1, -1))


def _moment(chance: random.Random, calendar: Sequence[date], latest: datetime, shape: str) -> datetime:
    """In opening hours, to the millisecond; a few of the mixed ones after midnight, still yesterday in UTC."""
    day = chance.choice(calendar)
    late = shape == "mixed" and _happens(chance, 0.02)
    first, last = (time(0, 5), time(1, 30)) if late else (_OPEN, _CLOSE)
    start = datetime.combine(day, first, latest.tzinfo)
    finish = min(datetime.combine(day, last, latest.tzinfo), latest)
    return start + timedelta(milliseconds=chance.randrange(int((finish - start).total_seconds() * 1000)))


def _plans(chance: random.Random, payments: int, shape: str, *, oddities: bool) -> list[Plan]:
    odd = _odd_places(chance, payments, shape) if oddities else {}
    plans: list[Plan] = []
    left = payments
    while left > 0:
        plan = Plan(_lines(chance), odd=odd.get(len(plans), ""))
        if shape == "mixed":
            _vary(chance, plan)
        if plan.odd == "unmapped_tax":
            plan.lines[0] = replace(plan.lines[0], tax=ODD_TAX)
        _work_out(plan)
        _pay(chance, plan, shape, may_split=left > 1)
        plans.append(plan)
        left -= len(plan.tenders)
    return plans


def _odd_places(chance: random.Random, payments: int, shape: str) -> dict[int, str]:
    """Which sales are odd, each kind in turn. Split payments make fewer sales, hence the early three quarters."""
    if payments < FEWEST_WITH_ODDITIES:
        return {}
    kinds = [kind for kind in ODDITIES if shape == "mixed" or kind != "unmapped_customer"]
    count = max(len(kinds), round(payments * ODD_SHARE))
    places = chance.sample(range(payments * 3 // 4), count)
    return {place: kinds[number % len(kinds)] for number, place in enumerate(places)}


def _lines(chance: random.Random) -> list[LineSpec]:
    lines = []
    for name, category, tax, price in chance.choices(_ITEMS, k=chance.choice((1, 1, 2, 2, 3, 4))):
        quantity = chance.choice((1, 1, 1, 2, 3))
        lines.append(LineSpec(name, price * quantity, tax, category, quantity=str(quantity)))
    return lines


def _vary(chance: random.Random, plan: Plan) -> None:
    """Discounts, service charges and added tax, each on some of the sales."""
    if _happens(chance, 0.10):
        plan.discount = min(chance.choice((100, 250, 500, 1000)), sum(line.gross for line in plan.lines) // 2)
    if _happens(chance, 0.05):
        first = plan.lines[0]
        plan.lines[0] = replace(first, discount=first.gross // 10)
    if _happens(chance, 0.05):
        plan.charges.append(ChargeSpec("Service 10 %", percentage="10", tax="VAT 21", kind="AUTO_GRATUITY"))
    if _happens(chance, 0.03):
        plan.charges.append(ChargeSpec("Packaging", amount=150, treatment="apportioned"))
    plan.inclusive = not _happens(chance, 0.05)


def _work_out(plan: Plan) -> None:
    """What the sale comes to: discounts, charges, then tax per line and charge."""
    truth = plan.truth
    amounts = [line.gross - line.discount for line in plan.lines]
    if plan.discount:
        amounts = [amount - share for amount, share in zip(amounts, shares(plan.discount, amounts), strict=True)]
    discounted = list(amounts)
    spreads = []
    for charge in plan.charges:
        if charge.treatment == "apportioned":
            spreads.append(shares(charge.amount, discounted))
            amounts = [amount + share for amount, share in zip(amounts, spreads[-1], strict=True)]
            continue
        applied = rounded(Decimal(sum(discounted)) * Decimal(charge.percentage) / 100)
        truth.service += _booked(truth, applied, charge.tax, inclusive=plan.inclusive)
    for place, (line, amount) in enumerate(zip(plan.lines, amounts, strict=True)):
        name = line.taxes[0]
        truth.revenue[name] += _booked(truth, amount, name, inclusive=plan.inclusive)
        plan.sold.append(
            PlannedLine(
                name,
                int(line.quantity),
                line.gross,
                (line.discount, line.gross - line.discount - discounted[place]),
                tuple(spread[place] for spread in spreads),
                tax_on(amount, name, inclusive=plan.inclusive),
            )
        )


def _booked(truth: Totals, amount: int, tax: str, *, inclusive: bool) -> int:
    """Adds the tax to the truth; returns the net amount."""
    vat = tax_on(amount, tax, inclusive=inclusive)
    truth.vat[tax] += vat
    return amount - vat if inclusive else amount


def _pay(chance: random.Random, plan: Plan, shape: str, *, may_split: bool) -> None:
    kind = _tender_kind(chance, shape)
    if plan.odd == "unmapped_tender":
        _tender(plan, TenderSpec("external", plan.truth.due, external_type=ODD_TENDER, external_source="Coin till"))
    elif kind == "split" and may_split and plan.truth.due > SPLIT_FROM:
        in_cash = plan.truth.due // 1000 * 500
        _tender(plan, TenderSpec("cash", in_cash))
        _card(chance, plan, plan.truth.due - in_cash, shape)
    elif kind == "cash":
        if _happens(chance, 0.6):
            plan.truth.rounding = cash_rounding(plan.truth.due)
        _tender(plan, TenderSpec("cash", plan.truth.due))
    elif kind == "external":
        _tender(
            plan, TenderSpec("external", plan.truth.due, external_type=EXTERNAL_TYPE, external_source="Lunch vouchers")
        )
    else:
        _card(chance, plan, plan.truth.due, shape)


def _tender_kind(chance: random.Random, shape: str) -> str:
    kinds = {"card": 62, "cash": 20, "external": 8, "split": 10} if shape == "mixed" else {"card": 80, "cash": 20}
    return chance.choices(list(kinds), list(kinds.values()))[0]


def _card(chance: random.Random, plan: Plan, amount: int, shape: str) -> None:
    tip = chance.choice((100, 200, 250, 400)) if _happens(chance, 0.2 if shape == "mixed" else 0.1) else 0
    fee = card_fee(amount + tip)
    plan.truth.fees += fee
    _tender(plan, TenderSpec("card", amount, tip=tip, fee=fee, card_brand=chance.choice(_BRANDS)))


def _tender(plan: Plan, tender: TenderSpec) -> None:
    plan.tenders.append(tender)
    plan.truth.tenders[tender_name(tender)] += (tender.amount or 0) + tender.tip
    plan.truth.tips += tender.tip


def _name_stranger(square: SquareSandbox, plans: Sequence[Plan], first: date) -> None:
    """A profile nobody mapped, for the sales that must wait for it."""
    odd = [plan for plan in plans if plan.odd == "unmapped_customer"]
    if not odd:
        return
    before = datetime.combine(first, _OPEN, ZoneInfo(ZONE)) - timedelta(days=30)
    stranger = square.add_customer(at=before, company_name=ODD_CUSTOMER, email_address="accounts@nobody-knows.example")
    for plan in odd:
        plan.customer_id = stranger["id"]


def _name_customers(chance: random.Random, plans: Sequence[Plan], customers: Sequence[str]) -> None:
    for plan in plans:
        if not plan.odd and _happens(chance, 0.05):
            plan.customer_id = chance.choice(customers)


def _sell(square: SquareSandbox, plan: Plan, shop: str, at: datetime) -> GeneratedSale:
    sale = square.sell(
        shop,
        at,
        plan.lines,
        plan.tenders,
        discount=plan.discount,
        service_charges=plan.charges,
        customer_id=plan.customer_id,
        tax_mode="inclusive" if plan.inclusive else "additive",
        rounding=plan.truth.rounding,
        lines_missing=plan.odd == "no_lines",
    )
    return GeneratedSale(sale.order_id, sale.payment_ids, shop, at, at.date(), plan.odd, plan.truth)
