"""Invoice: what a customer is asked to pay for an order, in one or several requests.

An invoice has no total of its own: lines and taxes live on its order, the amounts asked for on its payment requests.
Reference: Square API reference, Invoice, InvoicePaymentRequest; square.md 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from connections.providers.errors import Unreadable
from connections.providers.payload import Reader
from connections.providers.square.payloads.amounts import amount, money

# Sent to the customer, whatever became of it since; CANCELED and FAILED ones were published once, too.
PUBLISHED = frozenset({"UNPAID", "PARTIALLY_PAID", "PAID", "PARTIALLY_REFUNDED", "REFUNDED", "PAYMENT_PENDING"})
NOT_YET = frozenset({"DRAFT", "SCHEDULED"})


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """Part of what is asked for. `kind` is BALANCE, DEPOSIT or INSTALLMENT; `due` a day in the invoice's time zone.

    `asked` and `completed` exclude tips. `completed` includes `rounding`: what a cash payment was rounded up (or, below
    zero, down) by.
    """

    uid: str
    kind: str
    due: date | None
    asked: int
    completed: int
    rounding: int
    allows_tip: bool

    @property
    def paid(self) -> int:
        """How much of `asked` has been paid."""
        return self.completed - self.rounding


@dataclass(frozen=True, slots=True)
class Invoice:
    """`number` repeats per location. `customer_name` is a snapshot; only `customer_id` follows merges of profiles."""

    id: str
    number: str
    version: int
    status: str
    order_id: str
    location_id: str
    currency: str
    title: str
    customer_id: str
    customer_name: str
    requests: tuple[PaymentRequest, ...]
    created_at: datetime
    updated_at: datetime
    scheduled_at: datetime | None
    sale_or_service_date: date | None

    @property
    def is_published(self) -> bool:
        return self.status in PUBLISHED

    @property
    def asked(self) -> int:
        """What the customer is to pay in all, without tips."""
        return sum(request.asked for request in self.requests)

    @property
    def paid(self) -> int:
        """How much of it is paid, without tips and cash rounding. Refunds do not lower it."""
        return sum(request.paid for request in self.requests)

    @property
    def due(self) -> date | None:
        """The day by which all of it is to be paid: that of the last request."""
        return max((request.due for request in self.requests if request.due), default=None)


def invoice(data: Any) -> Invoice:
    """Raises `Unreadable`."""
    reader = Reader(data, "invoice")
    recipient = reader.optional_record("primary_recipient")
    requests = list(reader.records("payment_requests"))
    return Invoice(
        id=reader.identifier("id"),
        number=reader.optional_text("invoice_number"),
        version=reader.optional_integer("version"),
        status=reader.text("status"),
        order_id=reader.optional_identifier("order_id"),
        location_id=reader.optional_identifier("location_id"),
        currency=_currency(requests),
        title=reader.optional_text("title"),
        customer_id=recipient.optional_identifier("customer_id") if recipient else "",
        customer_name=_name(recipient) if recipient else "",
        requests=tuple(_request(request) for request in requests),
        created_at=reader.time("created_at"),
        updated_at=reader.time("updated_at"),
        scheduled_at=reader.optional_time("scheduled_at"),
        sale_or_service_date=_day(reader, "sale_or_service_date"),
    )


def _currency(requests: list[Reader]) -> str:
    """An invoice states it on its requests only, and all say the same."""
    found = {money(request, "computed_amount_money").currency for request in requests}
    if len(found) > 1:
        raise Unreadable("invoice.payment_requests are in several currencies")
    return found.pop() if found else ""


def _request(reader: Reader) -> PaymentRequest:
    return PaymentRequest(
        uid=reader.optional_text("uid"),
        kind=reader.optional_text("request_type"),
        due=_day(reader, "due_date"),
        asked=money(reader, "computed_amount_money").amount,
        completed=amount(reader, "total_completed_amount_money"),
        rounding=amount(reader, "rounding_adjustment_included_money"),
        allows_tip=reader.optional_flag("tipping_enabled"),
    )


def _day(reader: Reader, name: str) -> date | None:
    text = reader.optional_text(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"{reader.path}.{name} is not a day") from None


def _name(recipient: Reader) -> str:
    person = " ".join(filter(None, (recipient.optional_text("given_name"), recipient.optional_text("family_name"))))
    return recipient.optional_text("company_name") or person or recipient.optional_text("email_address")
