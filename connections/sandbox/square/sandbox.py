"""Square as a whole: the verbs with which tests, the demo and the generator make things happen at the seller.

Every verb takes the time at which it happens (`at`, aware); without one it happens now, on the sandbox clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from threading import RLock
from typing import Any

from connections.sandbox.clock import SandboxClock
from connections.sandbox.courier import Courier
from connections.sandbox.log import RequestLog
from connections.sandbox.square import customers, exchanges, placing, settling, times
from connections.sandbox.square.control import ACTIONS
from connections.sandbox.square.facts import Json
from connections.sandbox.square.front import Front
from connections.sandbox.square.grants import READ_SCOPES, AccessToken, App, Grants
from connections.sandbox.square.hooks import Hooks
from connections.sandbox.square.orders import Basket
from connections.sandbox.square.placing import PICKUP, FulfilmentSpec
from connections.sandbox.square.settlement import Settlement
from connections.sandbox.square.specs import ChargeSpec, Items, LineSpec, Tax, TenderSpec
from connections.sandbox.square.state import State
from connections.sandbox.square.till import Sale, ring_up
from connections.sandbox.wire import Request, Response

_MODES: dict[str | None, bool | None] = {None: None, "inclusive": True, "additive": False}
_COUNTRIES = {"EUR": "IE", "GBP": "GB", "USD": "US", "CAD": "CA", "AUD": "AU", "JPY": "JP"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """As an application holds them after a consent."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    merchant_id: str
    scopes: tuple[str, ...]


class SquareSandbox(Settlement):
    name = "square"

    def __init__(
        self,
        *,
        clock: SandboxClock | None = None,
        log: RequestLog | None = None,
        seed: int = 1,
        courier: Courier | None = None,
    ) -> None:
        self.clock = clock or SandboxClock()
        self.log = log or RequestLog()
        self.state = State(self.clock, seed)
        self._lock = RLock()
        self.grants = Grants(self.clock, seed)
        self.courier = courier or Courier(self.clock, seed, packing=self._lock)
        self.hooks = Hooks(self.state, self.grants, self.courier)
        self.state.tell(self.hooks)
        self.courier.packers.append(self._pack)
        self.grants.on_revoke = self._tell_revocation
        self._found_merchant()
        self._front = Front(state=self.state, grants=self.grants, log=self.log, name=self.name)

    # What the sandbox asks of each system.

    def handle(self, request: Request) -> Response:
        with self._lock:
            return self._front.handle(request)

    def throttled(self, request: Request) -> Response:
        return self._front.throttled(request)

    def control(self, action: str, arguments: Mapping[str, object]) -> object:
        """An action by name (`connections.sandbox.square.control`). Raises `LookupError` or `ValueError`."""
        if action not in ACTIONS:
            raise LookupError(f"Unknown action {action!r}; known are {', '.join(sorted(ACTIONS))}.")
        with self._lock:
            return ACTIONS[action](self, dict(arguments))

    # The seller.

    def _found_merchant(self) -> None:
        self.state.merchant.update(
            id=self.state.ids.merchant(),
            business_name="Till & Bridge",
            country="IE",
            language_code="en-IE",
            currency="EUR",
            status="ACTIVE",
            created_at=times.trimmed(self.clock.now()),
        )

    @property
    def merchant(self) -> Json:
        return self.state.merchant

    def add_location(
        self, name: str, timezone: str = "Europe/Amsterdam", currency: str = "EUR", **fields: object
    ) -> Json:
        """The first one becomes the main location. `fields` overrides members, such as `status`."""
        with self._lock:
            location: Json = {
                "id": self.state.ids.location(),
                "name": name,
                "timezone": timezone,
                "capabilities": ["CREDIT_CARD_PROCESSING", "AUTOMATIC_TRANSFERS"],
                "status": "ACTIVE",
                "created_at": times.trimmed(self.clock.now()),
                "merchant_id": self.merchant["id"],
                "country": _COUNTRIES.get(currency, "IE"),
                "language_code": "en-IE",
                "currency": currency,
                "business_name": self.merchant["business_name"],
                "type": "PHYSICAL",
                "mcc": "5814",
                **fields,
            }
            self.locations[location["id"]] = location
            self.merchant.setdefault("main_location_id", location["id"])
            self.state.note("location.created", "location", location["id"])
            return location

    def change_location(self, which: str, **fields: object) -> Json:
        with self._lock:
            found = self.location(which)
            found.update(fields)
            self.state.note("location.updated", "location", found["id"])
            return found

    def add_tax(self, name: str, percentage: str | int | Decimal, inclusive: bool = True) -> Tax:
        with self._lock:
            return self.state.add_tax(name, Decimal(percentage), inclusive=inclusive)

    # Customers.

    def add_customer(self, *, at: datetime | None = None, creation_source: str = "DIRECTORY", **fields: object) -> Json:
        """`fields` are members of a Customer: given_name, company_name, email_address, tax_ids, ..."""
        with self._lock:
            return customers.add(self.state, at=self._time(at), creation_source=creation_source, fields=dict(fields))

    def change_customer(self, customer_id: str, *, at: datetime | None = None, **fields: object) -> Json:
        with self._lock:
            return customers.change(self.state, customer_id, at=self._time(at), fields=dict(fields))

    def merge_customers(self, first: str, second: str, *, at: datetime | None = None) -> Json:
        """The new profile; payments and orders keep the old ids."""
        with self._lock:
            return customers.merge(self.state, first, second, at=self._time(at))

    def remove_customer(self, customer_id: str) -> None:
        with self._lock:
            gone = self.state.customers.pop(customer_id)
            self.state.note("customer.deleted", "customer", customer_id, gone)

    # Sales.

    def sell(
        self,
        location: str | Json,
        at: datetime | None = None,
        lines: Sequence[LineSpec] = (),
        tenders: Sequence[TenderSpec] = (TenderSpec(),),
        *,
        discount: int = 0,
        service_charges: Sequence[ChargeSpec] = (),
        customer_id: str = "",
        tax_mode: str | None = None,
        rounding: int = 0,
        state: str = "COMPLETED",
        lines_missing: bool = False,
    ) -> Sale:
        """`location` by object, id or name. `tax_mode` "inclusive" or "additive" overrules the catalogue's taxes.
        `lines_missing`: the order shows no line items until `show_lines`. Raises `ValueError` when a completed order is
        not paid exactly."""
        place = self.location(location if isinstance(location, str) else location["id"])
        with self._lock:
            basket = Basket(self.state, place["currency"], lines, service_charges, discount, _MODES[tax_mode])
            sale = ring_up(
                basket,
                tenders,
                location_id=place["id"],
                at=self._time(at),
                customer_id=customer_id,
                rounding=rounding,
                state=state,
                lines_missing=lines_missing,
            )
            self.state.ripen()
            return sale

    def exchange(
        self,
        sale: Sale,
        items: Items,
        lines: Sequence[LineSpec],
        tenders: Sequence[TenderSpec] = (),
        *,
        at: datetime | None = None,
    ) -> Sale:
        """One order that takes `items` of the sale back and sells `lines`. What is left to pay is paid by the tenders,
        what is left to give back is refunded to the sale's first payment."""
        with self._lock:
            made = exchanges.exchange(self.state, sale, items, lines, tenders, at=self._time(at))
            self.state.ripen()
            return made

    def pay(
        self,
        order_id: str,
        tenders: Sequence[TenderSpec] = (TenderSpec(),),
        *,
        at: datetime | None = None,
        complete: bool = True,
    ) -> Sale:
        """Later payments on an open order, which is completed by them unless `complete` is False."""
        with self._lock:
            order = self.state.order(order_id)
            sale = settling.pay(self.state, order, tenders, at=self._time(at), complete=complete)
            self.state.ripen()
            return sale

    def place_order(
        self,
        location: str,
        lines: Sequence[LineSpec],
        *,
        at: datetime | None = None,
        fulfilment: FulfilmentSpec | None = PICKUP,
        **more: Any,
    ) -> Json:
        """An open order that nobody has paid yet; `more` as for `sell`."""
        with self._lock:
            order = self.sell(location, at, lines, (), state="OPEN", **more).order
            order |= {"version": 1, "source": {"name": "Web shop"}}
            if fulfilment:
                order["fulfillments"] = [placing.fulfilment(self.state, fulfilment)]
            self.state.note("order.created", "order", order["id"], order)
            return order

    def change_order_lines(
        self,
        order_id: str,
        lines: Sequence[LineSpec],
        *,
        at: datetime | None = None,
        service_charges: Sequence[ChargeSpec] = (),
        discount: int = 0,
    ) -> Json:
        """What an open order holds instead, computed anew."""
        with self._lock:
            order = self.state.order(order_id)
            placing.replace_lines(
                self.state, order, lines, charges=service_charges, discount=discount, at=self._time(at)
            )
            self.state.note("order.updated", "order", order_id, order.data)
            return order.data

    def cancel_order(self, order_id: str, *, at: datetime | None = None) -> Json:
        """An open order on which nothing was paid."""
        with self._lock:
            order = self.state.order(order_id)
            placing.cancel(self.state, order, at=self._time(at))
            self.state.note("order.updated", "order", order_id, order.data)
            return order.data

    def capture(self, payment_id: str, *, at: datetime | None = None) -> Json:
        """An approved card payment becomes a completed one; its order stays as it is."""
        with self._lock:
            payment = self.state.payment(payment_id)
            settling.capture(self.state, payment, at=self._time(at))
            self.state.ripen()
            return payment.data

    def show_lines(self, order_id: str, *, at: datetime | None = None) -> Json:
        """The line items of an order that lacked them turn up."""
        with self._lock:
            order = self.state.order(order_id)
            order.data["line_items"] = self.state.hidden_lines.pop(order_id)
            self.state.touch_order(order, self._time(at))
            return order.data

    def change_order(self, order_id: str, *, at: datetime | None = None, **fields: object) -> Json:
        """Sets members as given, consistent or not; None removes one. `updated_at` moves."""
        with self._lock:
            order = self.state.order(order_id)
            _set(order.data, fields)
            self.state.touch_order(order, self._time(at))
            self.state.note("order.updated", "order", order_id, order.data)
            return order.data

    def change_payment(self, payment_id: str, *, at: datetime | None = None, **fields: object) -> Json:
        """Sets members as given, consistent or not; None removes one. `updated_at` and `version_token` move."""
        with self._lock:
            payment = self.state.payment(payment_id)
            _set(payment.data, fields)
            self.state.touch(payment, self._time(at))
            return payment.data

    def add_fee(self, payment_id: str, amount: int, *, kind: str = "ADJUSTMENT", at: datetime | None = None) -> Json:
        """A processing fee (negative: given back) that shows at that time."""
        with self._lock:
            payment = self.state.payment(payment_id)
            self.state.expect_fee(payment, amount, kind=kind, at=self._time(at))
            self.state.ripen()
            return payment.data

    def hide(self, *ids: str) -> None:
        """Lists leave these payments, refunds, payouts and customers out until `show` names them."""
        self.state.hidden.update(ids)

    def show(self, *ids: str) -> None:
        self.state.hidden.difference_update(ids)

    def payment(self, payment_id: str) -> Json:
        return self.state.payment(payment_id).data

    def order(self, order_id: str) -> Json:
        return self.state.order(order_id).data

    def payments(self) -> list[Json]:
        with self._lock:
            self.state.ripen()
            return [record.data for record in self.state.payments]

    # Applications and tokens.

    def register_app(
        self, client_id: str, client_secret: str, redirect_uris: Sequence[str] = (), *, name: str = "Tillbridge"
    ) -> App:
        app = App(client_id, client_secret, tuple(redirect_uris), name)
        self.grants.apps[client_id] = app
        return app

    def issue_tokens(self, client_id: str, scopes: Sequence[str] | None = None, *, short_lived: bool = False) -> Tokens:
        """As after a consent; without scopes: what a bookkeeping integration reads."""
        with self._lock:
            granted = READ_SCOPES if scopes is None else tuple(scopes)
            grant = self.grants.grant(self.grants.apps[client_id], granted)
            return self._tokens(self.grants.token(grant, short_lived=short_lived))

    def _tokens(self, token: AccessToken) -> Tokens:
        refresh = token.grant.refresh_token
        return Tokens(token.value, refresh, token.expires_at, self.merchant["id"], token.scopes)

    def expire_token(self, access_token: str) -> None:
        """Unknown tokens are left alone."""
        with self._lock:
            if access_token in self.grants.tokens:
                self.grants.tokens[access_token].expires_at = self.clock.now()

    def revoke_token(self, access_token: str) -> None:
        """The seller disconnects the application: all its tokens die. Unknown tokens are left alone."""
        with self._lock:
            if access_token in self.grants.tokens:
                self.revoke(self.grants.tokens[access_token].grant.app.client_id)

    def revoke(self, client_id: str, by: str = "MERCHANT") -> None:
        """The whole authorisation ends. `by`: APPLICATION, MERCHANT or SQUARE."""
        with self._lock:
            self.grants.revoke(client_id, by)

    def _tell_revocation(self, by: str) -> None:
        told = {"revoked_at": times.trimmed(self.clock.now()), "revoker_type": by}
        self.state.note("oauth.authorization.revoked", "revocation", self.merchant["id"], told)

    def _pack(self) -> None:
        with self._lock:
            self.hooks.pack()

    def personal_token(self, client_id: str) -> str:
        """The application's own access token, as its developer copies it from the console."""
        with self._lock:
            return self.grants.personal_token(client_id)


def _set(data: dict[str, Any], fields: Mapping[str, object]) -> None:
    data.update(fields)
    for name in [name for name, value in data.items() if value is None]:
        del data[name]
