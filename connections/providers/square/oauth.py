"""Consent and tokens of Square.

Reference: square.md section 2. The access token lives 30 days, the refresh token does not expire and is not replaced;
refresh weekly. The error shapes here differ from those of /v2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from connections.providers.errors import NoAnswer, NotAuthorised, Unreadable, VendorError
from connections.providers.http import Answer, Call, Transport
from connections.providers.payload import Reader, decode
from connections.providers.square import answers
from connections.providers.square.client import SYSTEM, VERSION

# What the flow of payments reads. Reference: square.md 2.1.
SCOPES = (
    "PAYMENTS_READ",
    "ORDERS_READ",
    "CUSTOMERS_READ",
    "MERCHANT_PROFILE_READ",
    "PAYOUTS_READ",
    "DISPUTES_READ",
    "INVOICES_READ",
)
# Asked for too. Only lanes that keep customers in step need it: a consent without it is complete for the others.
WRITE_SCOPES = ("CUSTOMERS_WRITE",)


@dataclass(frozen=True, slots=True)
class SquareTokens:
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime
    merchant_id: str


def authorize_url(
    base_url: str, *, client_id: str, redirect_uri: str, state: str, scopes: Iterable[str] = (*SCOPES, *WRITE_SCOPES)
) -> str:
    """Where to send the browser. `session=false` makes the seller sign in: nobody connects a wrong account."""
    asked = {
        "client_id": client_id,
        "scope": " ".join(scopes),
        "session": "false",
        "state": state,
        "redirect_uri": redirect_uri,
    }
    return f"{base_url.rstrip('/')}/oauth2/authorize?{urlencode(asked)}"


def exchange(
    base_url: str, *, transport: Transport, client_id: str, client_secret: str, redirect_uri: str, code: str
) -> SquareTokens:
    """Tokens for an authorisation code. Raises `NotAuthorised` for a code that was used, expired or never given."""
    body = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "client_secret": client_secret,
        "redirect_uri": redirect_uri,
        "code": code,
    }
    return _obtain(base_url, transport, "oauth.exchange", body, fallback="")


def refresh(
    base_url: str, *, transport: Transport, client_id: str, client_secret: str, refresh_token: str
) -> SquareTokens:
    """A new access token. Raises `NotAuthorised` when the consent is gone; a lost answer costs nothing, ask again."""
    body = {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "client_secret": client_secret,
        "refresh_token": refresh_token,
    }
    return _obtain(base_url, transport, "oauth.refresh", body, fallback=refresh_token)


def revoke(base_url: str, *, transport: Transport, client_id: str, client_secret: str, merchant_id: str) -> None:
    """End the whole consent of a merchant: all its tokens die."""
    body = {"client_id": client_id, "merchant_id": merchant_id}
    call = Call(SYSTEM, "oauth.revoke", "POST", "/oauth2/revoke")
    _post(base_url, transport, call, body, {"Authorization": f"Client {client_secret}"})


def _obtain(
    base_url: str, transport: Transport, operation: str, body: Mapping[str, str], *, fallback: str
) -> SquareTokens:
    document = _post(base_url, transport, Call(SYSTEM, operation, "POST", "/oauth2/token"), body, {})
    try:
        reader = Reader(document, "token")
        return SquareTokens(
            access=reader.text("access_token"),
            refresh=reader.optional_text("refresh_token") or fallback,
            expires_at=reader.time("expires_at"),
            merchant_id=reader.text("merchant_id"),
        )
    except Unreadable as problem:
        raise NoAnswer(f"Square answered the token request in another form: {problem.sentence}.", status=200) from None


def _post(base_url: str, transport: Transport, call: Call, body: Mapping[str, str], headers: Mapping[str, str]) -> Any:
    return transport.send(
        call,
        f"{base_url.rstrip('/')}{call.path}",
        headers={
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Square-Version": VERSION,
            **headers,
        },
        body=json.dumps(body).encode(),
        read=lambda answer: _content(call, answer, now=transport.now()),
    )


def _content(call: Call, answer: Answer, *, now: datetime) -> Any:
    if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise _refusal(call, answer)
    if answer.status != HTTPStatus.OK:
        raise answers.error(call, answer, now=now)
    try:
        return decode(answer.body)
    except ValueError:
        raise NoAnswer(f"Square's answer to {call.operation} cannot be read.", status=answer.status) from None


def _refusal(call: Call, answer: Answer) -> VendorError:
    told = answers.said(answer)
    if "revoked" in told.detail.lower() or told.code == "ACCESS_TOKEN_REVOKED":
        return NotAuthorised(
            "The consent at Square was withdrawn. Connect again.", status=answer.status, code="revoked"
        )
    if call.operation == "oauth.exchange":
        sentence = (
            "Square did not accept the authorisation code. It works once and for five minutes: start the consent "
            "again. If it fails again, compare application id, secret, redirect address and environment with the "
            "Square application."
        )
    else:
        sentence = (
            "Square did not accept the request. Compare application id, secret and environment with the Square "
            "application; if they are right, connect again."
        )
    return NotAuthorised(sentence, status=answer.status, code="unknown")
