"""Invoices: published over an open order, and paid through it.

Reference: OpenAPI Invoice, InvoicePaymentRequest; an invoice has no total of its own, its lines and payments live on
the order. InvoiceSortField: a draft is sorted by its creation, a scheduled one by `scheduled_at`, a published one by
its publication. Guesses: a canceled invoice closes its order; what was paid by then stays on it as one CUSTOM_AMOUNT
line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from connections.sandbox.square import settling, times
from connections.sandbox.square.arithmetic import part
from connections.sandbox.square.facts import Json
from connections.sandbox.square.specs import RequestSpec, TenderSpec
from connections.sandbox.square.state import State
from connections.sandbox.square.store import Record
from connections.sandbox.square.till import Sale

_TERM = timedelta(days=14)
_PAYABLE = ("UNPAID", "SCHEDULED", "PARTIALLY_PAID")
_RECIPIENT = ("given_name", "family_name", "company_name", "email_address", "phone_number", "address", "tax_ids")
_METHODS = {"card": True, "square_gift_card": False, "bank_account": False, "buy_now_pay_later": False}


def draw_up(
    state: State,
    order: Record,
    requests: Sequence[RequestSpec],
    *,
    customer_id: str,
    status: str,
    at: datetime,
    scheduled_at: datetime | None = None,
) -> Json:
    """DRAFT, SCHEDULED or published (UNPAID). Raises `ValueError` unless the order is open."""
    if order.data["state"] != "OPEN":
        raise ValueError(f"Order {order.id} is {order.data['state']}; an invoice needs an open one.")
    zone = state.locations[order.location_id]["timezone"]
    day = at.astimezone(ZoneInfo(zone)).date()
    data: Json = {
        "id": state.bank_ids.invoice(),
        "version": 0,
        "location_id": order.location_id,
        "order_id": order.id,
        "payment_requests": _requests(state, order, requests or (RequestSpec(),), day),
        "delivery_method": "EMAIL",
        "invoice_number": _number(state, order.location_id),
        "status": status,
        "timezone": zone,
        "created_at": times.trimmed(at),
        "accepted_payment_methods": {**_METHODS, "cash_app_pay": False},
        "sale_or_service_date": day.isoformat(),
        "store_payment_method_enabled": False,
    }
    if scheduled_at is not None:
        data["scheduled_at"] = times.trimmed(scheduled_at)
    customer = customer_id or order.data.get("customer_id", "")
    if customer:
        profile = state.customers.get(customer, {})
        shown = {name: profile[name] for name in _RECIPIENT if name in profile}
        data["primary_recipient"] = {"customer_id": customer, **shown}
    sorted_at = scheduled_at if status == "SCHEDULED" and scheduled_at else at
    moments = {"created": times.micros(at), "sort": times.micros(sorted_at)}
    record = state.invoices.add(data, order.location_id, moments)
    state.invoice_of[order.id] = record.id
    touch(state, record, at)
    if status == "DRAFT":
        data["version"] = 0  # Reference: example of CreateInvoiceResponse; publishing makes it 1
    return data


def publish(state: State, invoice: Record, *, at: datetime) -> Json:
    if invoice.data["status"] not in ("DRAFT", "SCHEDULED"):
        raise ValueError(f"Invoice {invoice.id} is {invoice.data['status']} already.")
    invoice.data["status"] = "UNPAID"
    state.invoices.move(invoice, "sort", times.micros(at))
    touch(state, invoice, at)
    return invoice.data


def pay(state: State, invoice: Record, tender: TenderSpec, *, at: datetime, rounding: int = 0) -> Sale:
    """Without an amount: what is due next. `rounding`: what the last payment, in cash, was rounded by; it comes on top
    of the amount. Raises `ValueError` when there is nothing to pay, or for too much.
    """
    if invoice.data["status"] not in _PAYABLE:
        raise ValueError(f"Invoice {invoice.id} is {invoice.data['status']} and cannot be paid.")
    due = [_left(request) for request in invoice.data["payment_requests"]]
    amount = next(left for left in due if left) if tender.amount is None else tender.amount
    if not 0 < amount <= sum(due):
        raise ValueError(f"Only {sum(due)} of invoice {invoice.id} is left to pay.")
    done = amount == sum(due)
    if rounding and not (done and tender.kind == "cash"):
        raise ValueError("Only the last payment, in cash, is rounded.")
    order = state.order(invoice.data["order_id"])
    _round(order.data, rounding)
    spec = replace(tender, amount=amount + rounding, product="INVOICES")
    sale = settling.pay(state, order, [spec], at=at, complete=done)
    _allot(invoice.data["payment_requests"], amount)
    _show_rounding(invoice.data["payment_requests"][-1], rounding)
    invoice.data["status"] = "PAID" if done else "PARTIALLY_PAID"
    touch(state, invoice, at)
    return sale


def _round(order: Json, rounding: int) -> None:
    """# Reference: Order.rounding_adjustment; it is part of the total and of what is due."""
    if not rounding:
        return
    money = {**order["total_money"], "amount": rounding}
    order["rounding_adjustment"] = {"name": "Cash rounding", "amount_money": money}
    for total in (order["total_money"], order["net_amounts"]["total_money"], order["net_amount_due_money"]):
        total["amount"] += rounding


def _show_rounding(request: Json, rounding: int) -> None:
    """# Reference: InvoicePaymentRequest.total_completed_amount_money includes the rounding adjustment."""
    if rounding:
        request["total_completed_amount_money"]["amount"] += rounding
        money = {**request["computed_amount_money"], "amount": rounding}
        request["rounding_adjustment_included_money"] = money


def cancel(state: State, invoice: Record, *, at: datetime) -> Json:
    if invoice.data["status"] not in _PAYABLE:
        raise ValueError(f"Invoice {invoice.id} is {invoice.data['status']} and cannot be canceled.")
    order = state.order(invoice.data["order_id"])
    paid = sum(item["amount_money"]["amount"] for item in order.data.get("tenders", []))
    if paid:
        _keep_paid(state, order.data, paid - order.data["total_tip_money"]["amount"])
    order.data |= {"state": "COMPLETED" if paid else "CANCELED", "closed_at": times.fixed(at)}
    state.orders.move(order, "closed", times.micros(at))
    state.touch_order(order, at)
    invoice.data["status"] = "CANCELED"
    touch(state, invoice, at)
    return invoice.data


def follow_refund(state: State, payment: Record, *, at: datetime) -> None:
    """A paid invoice becomes refunded, in part or whole, with the payments of its order."""
    key = state.invoice_of.get(payment.data.get("order_id", ""))
    if key is None:
        return
    invoice = state.invoice(key)
    tenders = state.order(invoice.data["order_id"]).data.get("tenders", [])
    found = [state.payment(tender["payment_id"]).data for tender in tenders]
    back = sum(item.get("refunded_money", {"amount": 0})["amount"] for item in found)
    paid = sum(item["total_money"]["amount"] for item in found)
    if invoice.data["status"] in ("PAID", "PARTIALLY_REFUNDED", "REFUNDED"):
        invoice.data["status"] = "PAID" if not back else "REFUNDED" if back == paid else "PARTIALLY_REFUNDED"
        touch(state, invoice, at)


def _requests(state: State, order: Record, specs: Sequence[RequestSpec], day: date) -> list[Json]:
    """A deposit is part of the total, instalments of what it leaves, a balance is the rest."""
    total = order.data["total_money"]
    found: list[Json] = []
    deposit = 0
    for spec in specs:
        taken = sum(item["computed_amount_money"]["amount"] for item in found)
        base = total["amount"] - (deposit if spec.kind == "INSTALLMENT" else 0)
        asked = part(base, Decimal(spec.percentage)) if spec.percentage else spec.amount
        amount = total["amount"] - taken if spec.kind == "BALANCE" or not asked else asked
        deposit += amount if spec.kind == "DEPOSIT" else 0
        found.append(_request(state, spec, {**total, "amount": amount}, day))
    if sum(item["computed_amount_money"]["amount"] for item in found) != total["amount"]:
        raise ValueError(f"The payment requests do not come to the {total['amount']} of the order.")
    return found


def _request(state: State, spec: RequestSpec, money: Json, day: date) -> Json:
    data: Json = {
        "uid": state.bank_ids.uid(),
        "request_type": spec.kind,
        "due_date": (spec.due or day + _TERM).isoformat(),
        "tipping_enabled": spec.tipping,
        "automatic_payment_source": "NONE",
        "computed_amount_money": money,
        "total_completed_amount_money": {**money, "amount": 0},
    }
    if spec.percentage:
        data["percentage_requested"] = spec.percentage
    elif spec.amount and spec.kind != "BALANCE":
        data["fixed_amount_requested_money"] = {**money, "amount": spec.amount}
    return data


def _left(request: Json) -> int:
    return int(request["computed_amount_money"]["amount"] - request["total_completed_amount_money"]["amount"])


def _allot(requests: Sequence[Json], amount: int) -> None:
    for request in requests:
        now = min(amount, _left(request))
        request["total_completed_amount_money"]["amount"] += now
        amount -= now


def _number(state: State, location_id: str) -> str:
    state.invoice_numbers[location_id] = state.invoice_numbers.get(location_id, 0) + 1
    return f"{state.invoice_numbers[location_id]:07}"


def _keep_paid(state: State, order: Json, paid: int) -> None:
    money = {**order["total_money"], "amount": paid}
    nothing = {**money, "amount": 0}
    line: Json = {"uid": state.bank_ids.uid(), "quantity": "1", "item_type": "CUSTOM_AMOUNT", "name": "Amount paid"}
    line |= dict.fromkeys(("base_price_money", "variation_total_price_money", "gross_sales_money"), money)
    line |= {f"total_{name}_money": nothing for name in ("tax", "discount", "service_charge")}
    order["line_items"] = [line | {"total_money": money}]
    for name in ("taxes", "discounts", "service_charges"):
        order.pop(name, None)
    order["total_money"] = {**money, "amount": paid + order["total_tip_money"]["amount"]}
    order["net_amount_due_money"] = nothing
    for name in ("tax", "discount", "service_charge"):
        order[f"total_{name}_money"] = order["net_amounts"][f"{name}_money"] = nothing
    order["net_amounts"]["total_money"] = dict(order["total_money"])


def touch(state: State, invoice: Record, at: datetime) -> None:
    """A new version, with what is due next; a draft has no page to pay on."""
    data = invoice.data
    data |= {"updated_at": times.trimmed(at), "version": data["version"] + 1}
    state.invoices.move(invoice, "updated", times.micros(at))
    due = next((left for left in map(_left, data["payment_requests"]) if left), 0)
    data.pop("next_payment_amount_money", None)
    if data["status"] in _PAYABLE:
        money = data["payment_requests"][0]["computed_amount_money"]
        data["next_payment_amount_money"] = {**money, "amount": due}
    if data["status"] != "DRAFT":
        data["public_url"] = f"https://squareup.com/pay-invoice/{data['id']}"
