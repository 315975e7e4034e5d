"""The Square side of a record, read from the payload as it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Invoice, Order, OrderLine, Payment, PaymentRefund, Payout
from sync.admin import naming, shown
from sync.admin.naming import Names
from sync.models import SyncItem


@dataclass(frozen=True, slots=True)
class Side:
    """`facts` label -> value; `lines` name, taxes, total, of which tax. `problem` when the payload cannot be read."""

    facts: Sequence[tuple[str, Any]]
    lines: Sequence[tuple[str, str, Any, Any]]
    totals: Sequence[tuple[str, Any]]
    problem: str = ""


def side(item: SyncItem, names: Names) -> Side:
    try:
        facts = _READERS[item.kind](item.payload.get(item.kind))
        raw = item.payload.get("order")
        order = payloads.order(raw) if raw else None
    except Unreadable as error:
        return Side((), (), (), problem=f"The record cannot be read: {error.sentence}. It is kept below as it came.")
    facts = [(label, names.read(value) if label == "Customer" else value) for label, value in facts]
    return Side(facts, _lines(order) if order else (), _totals(order) if order else ())


def _of_payment(data: Any) -> list[tuple[str, Any]]:
    return _facts(payloads.payment(data))


def _of_refund(data: Any) -> list[tuple[str, Any]]:
    return _refund_facts(payloads.refund(data))


def _of_payout(data: Any) -> list[tuple[str, Any]]:
    return _payout_facts(payloads.payout(data))


def _of_expiry(data: Any) -> list[tuple[str, Any]]:
    """Square tells nothing of it: what is shown is what a person stated."""
    return [("Stated as expired", shown.money(data["amount"], data["currency"])), ("On", data["on"])]


def _of_dispute(data: Any) -> list[tuple[str, Any]]:
    dispute = payloads.dispute(data)
    facts: list[tuple[str, Any]] = [
        ("State", dispute.state.replace("_", " ").capitalize()),
        ("Disputed", shown.money(dispute.amount, dispute.currency)),
        ("Reason", dispute.reason.replace("_", " ").lower()),
        ("Of payment", dispute.payment_id),
        ("Dispute", dispute.id),
    ]
    return [(label, value) for label, value in facts if value]


def _moment(at: datetime) -> str:
    """In the reader's form and zone, as every other time of the page."""
    return date_format(timezone.localtime(at), "j M Y H:i")


def _of_order(data: Any) -> list[tuple[str, Any]]:
    ordered = payloads.ordered(data)
    due = [f"{item.kind.lower()} {_moment(item.due_at)}" for item in ordered.fulfilments if item.due_at]
    facts: list[tuple[str, Any]] = [
        ("State", ordered.order.state.replace("CANCELED", "CANCELLED").capitalize()),
        ("To be handed over", ", ".join(due)),
        ("Customer", ordered.order.customer_id),
        ("Order", ordered.order.id),
    ]
    return [(label, value) for label, value in facts if value]


def _of_invoice(data: Any) -> list[tuple[str, Any]]:
    return _invoice_facts(payloads.invoice(data))


_READERS = {
    "payment": _of_payment,
    "refund": _of_refund,
    "payout": _of_payout,
    "dispute": _of_dispute,
    "expiry": _of_expiry,
    "order": _of_order,
    "invoice": _of_invoice,
}


def _invoice_facts(invoice: Invoice) -> list[tuple[str, Any]]:
    asked = [f"{request.kind.lower()} {shown.written(request.asked, invoice.currency)}" for request in invoice.requests]
    facts: list[tuple[str, Any]] = [
        ("Status", invoice.status.replace("_", " ").capitalize()),
        ("Invoice", invoice.number),
        ("Amount", shown.money(invoice.asked, invoice.currency)),
        ("Paid", shown.money(invoice.paid, invoice.currency) if invoice.paid else ""),
        ("Asked for as", ", ".join(asked)),
        ("Due", invoice.due),
        ("Customer", invoice.customer_name or invoice.customer_id),
        ("Order", invoice.order_id),
        ("Square invoice", invoice.id),
    ]
    return [(label, value) for label, value in facts if value]


def _payout_facts(payout: Payout) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        ("Status", payout.status.capitalize()),
        ("Amount", shown.money(payout.amount, payout.currency)),
        ("Kind", payout.kind.capitalize()),
        ("To", payout.destination_type.replace("_", " ").lower()),
        ("Arrives", naming.readable(payout.arrival_date)),
        ("On the bank statement", payout.end_to_end_id),
        ("Payout", payout.id),
    ]
    return [(label, value) for label, value in facts if value]


def _refund_facts(refund: PaymentRefund) -> list[tuple[str, Any]]:
    money = refund.currency
    fees = sum(fee.amount for fee in refund.fees)
    facts: list[tuple[str, Any]] = [
        ("Status", refund.status.capitalize()),
        ("Given back", shown.money(refund.amount, money)),
        ("To", refund.destination_type),
        ("Fee", shown.money(fees, money) if refund.fees else ""),
        ("Of payment", refund.payment_id),
        ("Return order", refund.order_id),
        ("Refund", refund.id),
    ]
    return [(label, value) for label, value in facts if value]


def _facts(payment: Payment) -> list[tuple[str, Any]]:
    money = payment.currency
    facts: list[tuple[str, Any]] = [
        ("Status", payment.status.capitalize()),
        ("Amount", shown.money(payment.amount, money)),
        ("Tip", shown.money(payment.tip, money) if payment.tip else ""),
        ("Total taken", shown.money(payment.total, money)),
        ("Tender", payment.tender),
        ("Processing fee", shown.money(sum(fee.amount for fee in payment.fees), money) if payment.fees else ""),
        ("Application fee", shown.money(payment.app_fee, money) if payment.app_fee else ""),
        ("Refunded", shown.money(payment.refunded, money) if payment.refunded else ""),
        ("Customer", payment.customer_id),
        ("Order", payment.order_id),
        ("Payment", payment.id),
    ]
    return [(label, value) for label, value in facts if value]


def _lines(order: Order) -> list[tuple[str, str, Any, Any]]:
    lines = [_line(order, line) for line in order.lines]
    charges = [
        (charge.name or "Service charge", "", shown.money(charge.total, order.currency), _tax(charge.tax, order))
        for charge in order.service_charges
        if not charge.is_apportioned
    ]
    return [*lines, *charges]


def _line(order: Order, line: OrderLine) -> tuple[str, str, Any, Any]:
    names = {tax.uid: tax.name for tax in order.taxes}
    applied = ", ".join(names.get(tax.tax_uid, "?") for tax in line.taxes) or "no tax"
    return line.name or "(unnamed)", applied, shown.money(line.total, order.currency), _tax(line.tax, order)


def _tax(tax: int, order: Order) -> Any:
    return shown.money(tax, order.currency) if tax else ""


def _totals(order: Order) -> list[tuple[str, Any]]:
    totals = (
        ("Discount, inside the lines", -order.discount), ("Tip", order.tip), ("Rounding", order.rounding),
        ("Order total", order.total),
    )  # fmt: skip
    return [(label, shown.money(total, order.currency)) for label, total in totals if total]
