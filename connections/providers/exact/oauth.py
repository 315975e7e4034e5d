"""Consent and tokens of Exact Online.

Reference: exact-online.md sections 2.2 to 2.4. A refresh token dies when it is used, so that a lost answer to `refresh`
costs the consent: whoever calls it holds a lease, and stores the new pair before using it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from requests_oauthlib import OAuth2Session

from connections.providers.errors import NoAnswer, NotAuthorised, Throttled, Unreadable, VendorError
from connections.providers.exact import limits
from connections.providers.exact.client import SYSTEM
from connections.providers.http import Answer, Call, Transport
from connections.providers.payload import Reader, decode

# Exact refuses a refresh before this age of the access token, which lives 600 seconds.
EARLIEST_REFRESH = timedelta(seconds=570)
LONGEST_IDLE = timedelta(days=30)


class TooEarly(Throttled):
    """The access token is younger than 570 seconds: it is still good, go on using it."""


@dataclass(frozen=True, slots=True)
class ExactTokens:
    """`expires_at` is reckoned from before the request, `obtained_at` is after it: each errs to the safe side."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    obtained_at: datetime
    expires_at: datetime

    @property
    def refresh_from(self) -> datetime:
        return self.obtained_at + EARLIEST_REFRESH

    @property
    def refresh_expires_at(self) -> datetime:
        """When the refresh token dies if nobody uses it."""
        return self.obtained_at + LONGEST_IDLE


def authorize_url(base_url: str, *, client_id: str, redirect_uri: str, state: str, force_login: bool = False) -> str:
    """Where to send the browser. Exact takes only an https `redirect_uri` equal to the registered one."""
    scheme, _, rest = f"{base_url.rstrip('/')}/api/oauth2/auth".partition("://")
    session = OAuth2Session(client_id, redirect_uri=redirect_uri)
    extra = {"force_login": "1"} if force_login else {}
    # The library writes https addresses only; a local sandbox is plain http, so its scheme is put back afterwards.
    address, _ = session.authorization_url(f"https://{rest}", state=state, **extra)
    return f"{scheme}://{address.partition('://')[2]}"


def exchange(
    base_url: str, *, transport: Transport, client_id: str, client_secret: str, redirect_uri: str, code: str
) -> ExactTokens:
    """Tokens for an authorisation code. Raises `NotAuthorised` for a code that was used, expired or never given."""
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "client_secret": client_secret,
        "redirect_uri": redirect_uri,
        "code": code,
    }
    return _ask(base_url, transport, "oauth.exchange", form)


def refresh(
    base_url: str, *, transport: Transport, client_id: str, client_secret: str, refresh_token: str
) -> ExactTokens:
    """A new pair. Raises `TooEarly`, `NotAuthorised` (`revoked`: used before; `expired`), `NoAnswer`: maybe spent."""
    form = {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "client_secret": client_secret,
        "refresh_token": refresh_token,
    }
    return _ask(base_url, transport, "oauth.refresh", form)


def _ask(base_url: str, transport: Transport, operation: str, form: Mapping[str, str]) -> ExactTokens:
    began = transport.now()
    call = Call(SYSTEM, operation, "POST", "oauth2/token")
    return transport.send(
        call,
        f"{base_url.rstrip('/')}/api/oauth2/token",
        headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode("ascii"),
        read=lambda answer: _tokens(call, answer, began=began, now=transport.now()),
    )


def _tokens(call: Call, answer: Answer, *, began: datetime, now: datetime) -> ExactTokens:
    if answer.status != HTTPStatus.OK:
        raise _refusal(call, answer, now=now)
    try:
        reader = Reader(decode(answer.body), "token")
        # A string of digits in every recording; a number is read too.
        lives = timedelta(seconds=reader.integer("expires_in"))
        return ExactTokens(
            access=reader.text("access_token"),
            refresh=reader.text("refresh_token"),
            obtained_at=now,
            expires_at=began + lives,
        )
    except (ValueError, OverflowError, Unreadable):
        raise NoAnswer("Exact answered the token request with something that holds no tokens.", status=200) from None


def _refusal(call: Call, answer: Answer, *, now: datetime) -> VendorError:
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        until = limits.blocked_until(answer.headers, now=now)
        return Throttled(f"Exact asks to wait until {until:%H:%M:%S} UTC.", until=until, status=answer.status)
    if not HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return NoAnswer(f"Exact failed on the token request (HTTP {answer.status}).", status=answer.status)
    words = f"{_described(answer)} {answer.headers.get('Reason', '')}".lower()
    if "not expired" in words:
        until = now + timedelta(seconds=30)
        return TooEarly(
            "The access token is still good; Exact gives no new one yet.", until=until, status=answer.status
        )
    code, sentence = _explained(call, words)
    return NotAuthorised(sentence, status=answer.status, code=code)


def _explained(call: Call, words: str) -> tuple[str, str]:
    if "old refresh token" in words:
        return "revoked", (
            "The refresh token was used before, here or by another program with the same app and user; Exact then ends "
            "the consent. Connect again, and give each installation its own app registration."
        )
    if "refresh token expired" in words:
        return "expired", "Nobody used the connection for 30 days and its refresh token expired. Connect again."
    if call.operation == "oauth.exchange":
        return "unknown", (
            "Exact did not accept the authorisation code. It works once and for about three minutes: start the consent "
            "again. If it fails again, compare client id, client secret, redirect address and region with the app "
            "registration."
        )
    return "unknown", (
        "Exact did not accept the refresh. Compare client id, client secret and region with the app registration; "
        "if they are right, connect again."
    )


def _described(answer: Answer) -> str:
    """OAuth's own error members; "" for a page."""
    try:
        document: Any = decode(answer.body)
    except ValueError:
        return ""
    if not isinstance(document, Mapping):
        return ""
    return " ".join(str(document.get(name) or "") for name in ("error", "error_description"))
