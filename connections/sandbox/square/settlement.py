"""The second half of the verbs: what happens after a sale, at the counter, at the bank and by invoice.

Every verb takes the time at which it happens (`at`, aware); without one it happens now, on the sandbox clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from threading import RLock

from connections.sandbox.clock import SandboxClock
from connections.sandbox.square import disputes, invoices, payouts, refunds, times
from connections.sandbox.square.facts import Json
from connections.sandbox.square.payouts import TransferFee
from connections.sandbox.square.specs import Items, RefundSpec, RequestSpec, TenderSpec
from connections.sandbox.square.state import State
from connections.sandbox.square.till import Sale

_NO_FEE = TransferFee()


class Settings:
    """How the seller's account behaves; each can be changed at any time."""

    clock: SandboxClock
    state: State
    _lock: RLock

    @property
    def fee_delay(self) -> float:
        """Seconds from capture until a processing fee shows on the payment."""
        return self.state.fee_delay

    @fee_delay.setter
    def fee_delay(self, seconds: float) -> None:
        self.state.fee_delay = seconds

    @property
    def listing_lag(self) -> float:
        """Seconds by which lists and searches trail behind; single reads do not."""
        return self.state.listing_lag

    @listing_lag.setter
    def listing_lag(self, seconds: float) -> None:
        self.state.listing_lag = seconds

    @property
    def gross_settlement(self) -> bool:
        """Processing fees are payout entries of their own instead of inside the charges."""
        return self.state.gross_settlement

    @gross_settlement.setter
    def gross_settlement(self, value: bool) -> None:
        self.state.gross_settlement = value

    @property
    def payout_currency_code(self) -> bool:
        """Money of later payouts says `currency_code` (as Square does) instead of `currency` (as its schema does)."""
        return self.state.payout_currency_code

    @payout_currency_code.setter
    def payout_currency_code(self, value: bool) -> None:
        self.state.payout_currency_code = value

    @property
    def locations(self) -> dict[str, Json]:
        return self.state.locations

    def location(self, which: str) -> Json:
        """By id or by name."""
        for found in self.locations.values():
            if which in (found["id"], found["name"]):
                return found
        raise LookupError(f"The sandbox has no location {which!r}.")

    def _place(self, which: str | Json) -> Json:
        return self.location(which if isinstance(which, str) else which["id"])

    def _time(self, at: datetime | None) -> datetime:
        return self.clock.now() if at is None else times.aware(at)


class Settlement(Settings):
    # Refunds.

    def refund(
        self,
        payment_id: str,
        amount: int | None = None,
        *,
        items: Items | None = None,
        at: datetime | None = None,
        tip: int = 0,
        rounding: int = 0,
        reason: str = "Returned goods",
        status: str = "COMPLETED",
        fee_returned: int | str = "proportional",
        fee_shown: bool = True,
        destination: str = "",
        external_type: str = "OTHER",
        external_source: str = "Till",
        order_id: str = "",
    ) -> Json:
        """By amount, or by items (`RefundSpec` says what each argument is). Raises `RefundRefused`, a `ValueError`
        with Square's error code, beyond what is left of the payment or of an item."""
        spec = RefundSpec(
            amount=amount,
            items=items,
            tip=tip,
            rounding=rounding,
            reason=reason,
            status=status,
            fee_returned=fee_returned,
            fee_shown=fee_shown,
            destination=destination,
            external_type=external_type,
            external_source=external_source,
            order_id=order_id,
        )
        with self._lock:
            self.state.ripen()
            return refunds.refund(self.state, self.state.payment(payment_id), spec, at=self._time(at))

    def refund_unlinked(
        self,
        location: str | Json,
        amount: int,
        *,
        destination: str = "cash",
        at: datetime | None = None,
        reason: str = "Returned goods",
        status: str = "COMPLETED",
    ) -> Json:
        """Without a payment: nobody knows which sale it belongs to."""
        spec = RefundSpec(amount=amount, destination=destination, reason=reason, status=status)
        with self._lock:
            return refunds.unlinked(self.state, self._place(location), spec, at=self._time(at))

    def settle_refund(self, refund_id: str, status: str = "COMPLETED", *, at: datetime | None = None) -> Json:
        """PENDING becomes COMPLETED, FAILED or REJECTED; COMPLETED may still become FAILED."""
        with self._lock:
            return refunds.settle(self.state, self.state.refund(refund_id), status=status, at=self._time(at))

    # The Square balance and its payouts.

    def balance(self, location: str | Json, *, at: datetime | None = None) -> int:
        """What was not yet paid out at that time. A card fee counts from capture, also before the payment shows it."""
        with self._lock:
            return self.state.balance.standing(self._place(location)["id"], times.micros(self._time(at)))

    def pay_out(
        self,
        location: str | Json,
        *,
        at: datetime | None = None,
        until: datetime | None = None,
        fee: TransferFee = _NO_FEE,
    ) -> Json | None:
        """A BATCH, SENT, of everything that moved the balance up to and with `until` (else `at`). Negative when more
        went than came; None when there is nothing to pay out, since a payout is never zero."""
        moment = self._time(at)
        end = moment if until is None else times.aware(until)
        with self._lock:
            return payouts.pay_out(self.state, self._place(location), at=moment, until=end, fee=fee)

    def transfer(
        self, location: str | Json, amount: int, *, at: datetime | None = None, fee: TransferFee = _NO_FEE
    ) -> Json:
        """A SIMPLE payout, SENT: part of the balance at once. It turns up in a later BATCH."""
        with self._lock:
            return payouts.transfer(self.state, self._place(location), amount, at=self._time(at), fee=fee)

    def settle_payout(self, payout_id: str, status: str = "PAID", *, at: datetime | None = None) -> Json:
        """SENT becomes PAID or FAILED, PAID may still become FAILED. A failed one is back in the balance as a
        RETURNED_PAYOUT."""
        with self._lock:
            return payouts.settle(self.state, self.state.payout(payout_id), status=status, at=self._time(at))

    def add_payout_entry(
        self,
        kind: str,
        amount: int,
        *,
        location: str | Json = "",
        at: datetime | None = None,
        fee: int = 0,
        **ids: str,
    ) -> None:
        """A movement of any type for the next payout of that location (else the main one): `amount` gross, signed as
        it moves the balance. `ids` are members of the type's details: payment_id, tax_rate_description, ..."""
        with self._lock:
            place = self._place(location or self.state.main_location_id)["id"]
            payouts.add_entry(self.state, place, kind, amount, at=self._time(at), fee=fee, ids=ids)

    def payout(self, payout_id: str) -> Json:
        return self.state.payout(payout_id).data

    def payout_entries(self, payout_id: str) -> list[Json]:
        return [item.data for item in self.state.payout_entries if item.location_id == payout_id]

    # Disputes.

    def dispute(
        self,
        payment_id: str,
        amount: int | None = None,
        *,
        reason: str = "NO_KNOWLEDGE",
        at: datetime | None = None,
    ) -> Json:
        """A bank takes a card payment back, whole or in part."""
        with self._lock:
            payment = self.state.payment(payment_id)
            return disputes.file(self.state, payment, amount=amount, reason=reason, at=self._time(at))

    def settle_dispute(self, dispute_id: str, outcome: str, *, at: datetime | None = None) -> Json:
        """The next state; WON brings the money back."""
        with self._lock:
            return disputes.settle(self.state, self.state.dispute(dispute_id), outcome=outcome, at=self._time(at))

    # Invoices.

    def invoice(
        self,
        order_id: str,
        requests: Sequence[RequestSpec] = (),
        *,
        customer_id: str = "",
        status: str = "UNPAID",
        at: datetime | None = None,
        scheduled_at: datetime | None = None,
    ) -> Json:
        """Over an open order; one BALANCE due in two weeks unless asked otherwise. `status` DRAFT, SCHEDULED (for
        `scheduled_at`) or UNPAID (published)."""
        with self._lock:
            return invoices.draw_up(
                self.state,
                self.state.order(order_id),
                requests,
                customer_id=customer_id,
                status=status,
                at=self._time(at),
                scheduled_at=scheduled_at,
            )

    def publish_invoice(self, invoice_id: str, *, at: datetime | None = None) -> Json:
        with self._lock:
            return invoices.publish(self.state, self.state.invoice(invoice_id), at=self._time(at))

    def pay_invoice(
        self, invoice_id: str, tender: TenderSpec | None = None, *, at: datetime | None = None, rounding: int = 0
    ) -> Sale:
        """What is due next, or the tender's own amount. The last payment completes the order; in cash it may be
        rounded."""
        with self._lock:
            invoice = self.state.invoice(invoice_id)
            paid = tender or TenderSpec()
            sale = invoices.pay(self.state, invoice, paid, at=self._time(at), rounding=rounding)
            self.state.ripen()
            return sale

    def cancel_invoice(self, invoice_id: str, *, at: datetime | None = None) -> Json:
        with self._lock:
            return invoices.cancel(self.state, self.state.invoice(invoice_id), at=self._time(at))

    def change_invoice(self, invoice_id: str, *, at: datetime | None = None, **fields: object) -> Json:
        """Sets members as given, consistent or not; None removes one. A new version."""
        with self._lock:
            invoice = self.state.invoice(invoice_id)
            invoice.data.update(fields)
            for name in [name for name, value in invoice.data.items() if value is None]:
                del invoice.data[name]
            invoices.touch(self.state, invoice, self._time(at))
            return invoice.data
