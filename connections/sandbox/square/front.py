"""The HTTP side of Square: headers, routing, tokens and scopes, refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from connections.sandbox.log import RequestLog
from connections.sandbox.square import attributes, bank, directory, endpoints, hooks, profiles
from connections.sandbox.square.calls import Call, route
from connections.sandbox.square.cursors import Cursors
from connections.sandbox.square.errors import LegacyError, SquareError, answer, invalid
from connections.sandbox.square.facts import Json, endpoint, facts
from connections.sandbox.square.grants import App, Grants
from connections.sandbox.square.oauth import OAuth
from connections.sandbox.square.parameters import checked_body, checked_query
from connections.sandbox.square.state import State
from connections.sandbox.wire import Request, Response

HANDLERS: dict[str, Callable[[Call], Json]] = {
    "GET /v2/payments": endpoints.list_payments,
    "GET /v2/payments/{payment_id}": endpoints.get_payment,
    "GET /v2/refunds": endpoints.list_refunds,
    "GET /v2/refunds/{refund_id}": endpoints.get_refund,
    "POST /v2/orders/search": endpoints.search_orders,
    "POST /v2/orders/batch-retrieve": endpoints.batch_retrieve_orders,
    "GET /v2/orders/{order_id}": endpoints.get_order,
    "GET /v2/payouts": bank.list_payouts,
    "GET /v2/payouts/{payout_id}": bank.get_payout,
    "GET /v2/payouts/{payout_id}/payout-entries": bank.list_payout_entries,
    "GET /v2/disputes": bank.list_disputes,
    "GET /v2/disputes/{dispute_id}": bank.get_dispute,
    "GET /v2/invoices": bank.list_invoices,
    "POST /v2/invoices/search": bank.search_invoices,
    "GET /v2/invoices/{invoice_id}": bank.get_invoice,
    "GET /v2/customers": directory.list_customers,
    "POST /v2/customers/search": directory.search_customers,
    "POST /v2/customers/bulk-retrieve": directory.bulk_retrieve_customers,
    "GET /v2/customers/{customer_id}": directory.get_customer,
    "POST /v2/customers": profiles.create_customer,
    "POST /v2/customers/bulk-update": profiles.bulk_update_customers,
    "PUT /v2/customers/{customer_id}": profiles.update_customer,
    "DELETE /v2/customers/{customer_id}": profiles.delete_customer,
    "GET /v2/customers/custom-attribute-definitions": attributes.list_definitions,
    "POST /v2/customers/custom-attribute-definitions": attributes.create_definition,
    "POST /v2/customers/custom-attributes/bulk-upsert": attributes.bulk_upsert,
    "GET /v2/customers/{customer_id}/custom-attributes": attributes.list_attributes,
    "GET /v2/locations": directory.list_locations,
    "GET /v2/locations/{location_id}": directory.get_location,
    "GET /v2/merchants": directory.list_merchants,
    "GET /v2/merchants/{merchant_id}": directory.get_merchant,
    "GET /v2/webhooks/event-types": hooks.list_types,
    "GET /v2/webhooks/subscriptions": hooks.list_all,
    "POST /v2/webhooks/subscriptions": hooks.create,
    "GET /v2/webhooks/subscriptions/{subscription_id}": hooks.retrieve,
    "PUT /v2/webhooks/subscriptions/{subscription_id}": hooks.update,
    "DELETE /v2/webhooks/subscriptions/{subscription_id}": hooks.delete,
    "POST /v2/webhooks/subscriptions/{subscription_id}/signature-key": hooks.renew_key,
}
# Of the application, not of a seller: an OAuth token is refused. Reference: square.md 3.9, 3.10.
_PERSONAL = re.compile(r"^/v2/(webhooks|events)(/|$)")
# What a bookkeeping product must never write, whatever it was granted.
_MONEY = re.compile(r"^/v2/(payments|refunds|payouts)(/|$)")
# Parameters that came with a later version of the API: endpoint -> (version, names).
_SINCE = {
    "GET /v2/payments": ("2024-12-18", ("updated_at_begin_time", "updated_at_end_time")),
    "GET /v2/refunds": ("2025-02-20", ("updated_at_begin_time", "updated_at_end_time")),
}
_LANGUAGES = frozenset(("en", "fr", "es", "ca", "ja", "de", "nl", "it", "pt", "*"))


class Front:
    def __init__(self, *, state: State, grants: Grants, log: RequestLog, name: str) -> None:
        self.state = state
        self.oauth = OAuth(grants, state.merchant)
        self._grants = grants
        self._cursors = Cursors(seed=state.seed, clock=state.clock)
        self._log = log
        self._name = name

    def handle(self, request: Request) -> Response:
        self.state.ripen()
        try:
            response = self._answered(request)
        except SquareError as error:
            self._note(request, error)
            response = error.response()
        except LegacyError as error:
            response = error.response()
        if request.path.startswith("/v2/"):
            response.headers["Square-Version"] = request.headers.get("square-version", facts()["version"])
        return response

    def throttled(self, request: Request) -> Response:
        """429 without Retry-After. The OAuth endpoints still use their older shape (forum topic 3338)."""
        if request.path.startswith("/oauth2/"):
            return LegacyError(429, "Too many requests", "too_many_requests").response()
        return SquareError(429, "RATE_LIMITED", "Too many requests. Try again later.").response()

    def _note(self, request: Request, error: SquareError) -> None:
        writes_money = request.method != "GET" and _MONEY.match(request.path)
        if error.strict or writes_money:
            reason = f"{error.code}: {error.detail}"
            now = self.state.clock.now()
            self._log.refuse(at=now, system=self._name, method=request.method, path=request.path, reason=reason)

    def _answered(self, request: Request) -> Response:
        pages = {"/oauth2/authorize": self.oauth.authorize}
        if request.path in pages and request.method in ("GET", "POST"):
            return pages[request.path](request)
        name, path = route(request.method, request.path)
        oauth = {
            "POST /oauth2/token": self.oauth.token,
            "POST /oauth2/revoke": self.oauth.revoke,
            "POST /oauth2/token/status": self.oauth.status,
        }
        if name in oauth:
            return oauth[name](request)
        _check_headers(request)
        app = self._authorise(request, endpoint(name).get("scopes", []))
        if name not in HANDLERS:
            raise SquareError(501, "NOT_IMPLEMENTED", f"The sandbox does not offer {name}.")
        call = Call(self.state, self._cursors, request, name, path, _values(request, name), app)
        return answer(HANDLERS[name](call))

    def _authorise(self, request: Request, needed: list[str]) -> App | None:
        """The application, where its personal access token is what opens the door."""
        if _PERSONAL.match(request.path) and request.bearer in self._grants.personal:
            return self._grants.personal[request.bearer]
        token = self._grants.live(request.bearer)
        if _PERSONAL.match(request.path):
            # The sentence follows a report (forum topic 7176).
            detail = "The application is missing the permission DEVELOPER_APPLICATION_WEBHOOKS_WRITE."
            raise SquareError(403, "FORBIDDEN", detail)
        missing = [scope for scope in needed if scope not in token.scopes]
        if missing:
            detail = (
                "The merchant must authorize your application for the following scopes: " + ", ".join(missing) + "."
            )
            raise SquareError(403, "INSUFFICIENT_SCOPES", detail)
        return None


def _check_headers(request: Request) -> None:
    version = request.headers.get("square-version", facts()["version"])
    try:
        date.fromisoformat(version)
    except ValueError:
        raise invalid("INVALID_SQUARE_VERSION_FORMAT", f"`{version}` is not a valid Square version.") from None
    languages = request.headers.get("accept-language", "*").split(",")
    if not {language.partition(";")[0].strip().partition("-")[0].lower() for language in languages} & _LANGUAGES:
        raise SquareError(406, "NOT_ACCEPTABLE", "The requested language is not supported.")


def _values(request: Request, name: str) -> Json:
    known = endpoint(name)
    since, late = _SINCE.get(name, ("", ()))
    version = request.headers.get("square-version", since)
    allowed = {key: kind for key, kind in known.get("query", {}).items() if version >= since or key not in late}
    query = checked_query(request, allowed)
    return checked_body(request, known["body"]) if "body" in known else query
