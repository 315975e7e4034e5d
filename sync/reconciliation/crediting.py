"""What refunds, exchanges and cancels take back of their sales, in the order they came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sync.models import Leg, SyncItem, SyncLane
from sync.models.invoices import InvoiceStanding
from sync.reconciliation import choices, pools, square_invoices
from sync.reconciliation.choices import Chosen
from sync.reconciliation.figures import Moves
from sync.reconciliation.square import Raw
from sync.reconciliation.square_refunds import Credit, Returned, Sold, place_back

Content = Mapping[str, Any]


def sales(lane: SyncLane, orders: Iterable[str]) -> dict[str, Content]:
    """Order -> the frozen content of its sale, of the newest revision."""
    legs = Leg.objects.filter(lane=lane, kind="sale", order_id__in=sorted(set(orders) - {""}), is_reversal=False)
    return dict(legs.order_by("ordinal").values_list("order_id", "content"))


class Credits:
    """The refunds of the sales that some refunds or canceled invoices belong to. `payments`: by their id."""

    def __init__(self, lane: SyncLane, parents: Iterable[str], canceled: Iterable[str]) -> None:
        self.lane = lane
        self.moves: dict[int, Credit] = {}
        self.canceled: dict[str, Moves] = {}
        self.payments: dict[str, Raw] = {}
        self.orders: dict[str, Raw | None] = {}
        self._sold: dict[str, Sold] = {}
        wanted, orders = set(parents) - {""}, set(canceled) - {""}
        if wanted or orders:
            self._read(wanted, orders)

    def of(self, pk: int, parent: str, back: Returned) -> tuple[Credit, Raw | None]:
        found = self.moves.get(pk)
        return (Sold(None).credit(back) if found is None else found), self.payments.get(parent)

    def order_of(self, parent: str) -> str:
        order = self.orders.get(parent)
        return str(order["id"]) if order else ""

    def _read(self, parents: set[str], canceled: set[str]) -> None:
        items = SyncItem.objects.filter(lane=self.lane, kind="payment")
        for rows in (items.filter(source_id__in=parents), items.filter(order_id__in=canceled)):
            for source_id, payload in rows.values_list("source_id", "payload"):
                self.payments[source_id], self.orders[source_id] = payload["payment"], payload.get("order")
        known = {order["id"]: order for order in self.orders.values() if order}
        self._open(known, canceled)
        for _, _, act in sorted(self._events({*known, *canceled}), key=lambda event: event[:2]):
            act()

    def _open(self, known: Mapping[str, Raw], canceled: set[str]) -> None:
        """Each sale as it was, before anything came back."""
        orders = {*known, *canceled}
        booked = sales(self.lane, orders)
        invoices = SyncItem.objects.filter(lane=self.lane, kind="invoice", order_id__in=orders)
        invoiced = dict(invoices.values_list("order_id", "payload"))
        for order in orders:
            content = booked.get(order, {})
            sold = Sold(known.get(order), choices.of_sale(content))
            if order in invoiced:
                sold.pool = _pool(invoiced[order], known.get(order), content, sold.chosen)
            self._sold[order] = sold

    # --- in the order they came -----------------------------------------------------------------
    def _events(self, orders: set[str]) -> Iterator[tuple[date, int, Any]]:
        for pk, parent, payload, day in self._refunds():
            back = Returned(payload["refund"], payload.get("order"), day)
            if back.refund.get("status") == "COMPLETED":
                yield day, pk, lambda pk=pk, parent=parent, back=back: self._credit(pk, parent, back)
        rows = InvoiceStanding.objects.filter(lane=self.lane, order_id__in=orders, status=square_invoices.CANCELED)
        for order, on, payload in rows.values_list("order_id", "canceled_on", "item__payload"):
            left = square_invoices.unpaid(payload["invoice"])
            if order in self._sold and left > 0 and on and self._sold[order].pool:
                yield on, 0, lambda order=order, left=left: self._cancel(order, left)
        yield from self._exchanges(orders)

    def _refunds(self) -> Iterator[tuple[int, str, Raw, date]]:
        """Also those of the other payments of a sale."""
        tenders = {tender["id"] for order in self.orders.values() if order for tender in order.get("tenders", ())}
        rows = SyncItem.objects.filter(lane=self.lane, kind="refund", parent_id__in={*self.payments, *tenders})
        return iter(rows.values_list("pk", "parent_id", "payload", "local_day"))

    def _exchanges(self, orders: set[str]) -> Iterator[tuple[date, int, Any]]:
        """Payments whose order takes goods of these sales back. They are found by the credits they were booked by."""
        legs = Leg.objects.filter(
            lane=self.lane, kind="refund", order_id__in=orders, is_reversal=False, item__kind="payment"
        )
        rows = SyncItem.objects.filter(pk__in=legs.values("item"))
        for pk, payload, day in rows.values_list("pk", "payload", "local_day"):
            for back in (payload.get("order") or {}).get("returns", ()):
                if sold := self._sold.get(str(back.get("source_order_id", ""))):
                    yield day, pk, lambda sold=sold, back=back: sold.exchange({"returns": [back]})

    def _credit(self, pk: int, parent: str, back: Returned) -> None:
        sold = self._sold.setdefault(self._order_id(parent) or parent, Sold(None))
        onto_card = place_back(back.refund, self.payments.get(parent)) == "gift_card"
        if back.is_exchange and back.order:
            sold.exchange(back.order)
            self.moves[pk] = Credit({}, {})
            return
        self.moves[pk] = sold.credit(back, onto_card=onto_card)

    def _cancel(self, order: str, left: int) -> None:
        self.canceled[order] = self._sold[order].cancel(left)

    def _order_id(self, payment: str) -> str:
        if order := self.orders.get(payment):
            return str(order["id"])
        for order in self.orders.values():
            if order and any(tender["id"] == payment for tender in order.get("tenders", ())):
                return str(order["id"])
        return ""


def _pool(payload: Raw, order: Raw | None, content: Content, chosen: Chosen) -> pools.Pool:
    """What an invoice held: by its order, or of a canceled one by what was booked of it."""
    invoice, sold = payload["invoice"], payload.get("order")
    if invoice.get("status") == square_invoices.CANCELED or not sold:
        return pools.of_lines(content.get("lines") or (), order)
    whole = {**sold, "tenders": (order or sold).get("tenders", ())}
    return pools.of_invoice(whole, replace(chosen, tips=None), square_invoices.asked(invoice))
