"""Square's answers: the JSON in them, or the one error that says what to do.

Reference: square.md 1.6, 1.7, 2.3. A fault on Square's side (5xx, with an envelope or without) is `NoAnswer`: a read is
asked again, a write carries the version of what it changes, so that done twice it is refused. The OAuth endpoints have
error shapes of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreadable, VendorError
from connections.providers.http import Answer, Call, next_minute
from connections.providers.payload import decode

SCOPES = re.compile(r"scopes?:?\s+(?P<scopes>[A-Z][A-Z_]+(?:[,\s]+[A-Z][A-Z_]+)*)")
# Other 401s (UNAUTHORIZED, CLIENT_DISABLED) do not tell whether the token is expired, revoked or of another place.
EXPIRY = {"ACCESS_TOKEN_EXPIRED": "expired", "ACCESS_TOKEN_REVOKED": "revoked"}
LONGEST_SENTENCE = 500
LONGEST_WAIT = 3600


@dataclass(frozen=True, slots=True)
class Said:
    """The first error of an answer, from any of Square's shapes; all empty when there is none."""

    category: str = ""
    code: str = ""
    detail: str = ""
    field: str = ""


def content(call: Call, answer: Answer, *, now: datetime) -> Mapping[str, Any]:
    """The decoded body of a success. Raises the error that the answer means."""
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise error(call, answer, now=now)
    try:
        document = decode(answer.body)
    except ValueError:
        raise NoAnswer(f"Square's answer to {call.operation} cannot be read.", status=answer.status) from None
    if not isinstance(document, Mapping):
        raise Unreadable(f"{call.operation}: the answer is not an object")
    if document.get("errors"):
        raise _refused(call, answer, said(answer))
    return document


def error(call: Call, answer: Answer, *, now: datetime) -> VendorError:
    """What an answer outside 2xx means."""
    told = said(answer)
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            code = EXPIRY.get(told.code, "unknown")
            return NotAuthorised(f"Square did not accept the access token for {call.operation}.", status=401, code=code)
        case HTTPStatus.FORBIDDEN:
            return _forbidden(call, told)
        case HTTPStatus.TOO_MANY_REQUESTS:
            until = _wait_until(answer, now=now)
            return Throttled(f"Square asks to wait until {until:%H:%M:%S} UTC.", until=until, status=answer.status)
        case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _refused(call, answer, told)
    return NoAnswer(f"Square failed on {call.operation} (HTTP {answer.status}).", status=answer.status, code=told.code)


def said(answer: Answer) -> Said:
    """From `{"errors": [...]}`, or OAuth's `{"message", "type"}` and `{"error", "error_description"}`."""
    try:
        document = decode(answer.body)
    except ValueError:
        return Said()
    return said_in(document) if isinstance(document, Mapping) else Said()


def said_in(document: Mapping[str, Any]) -> Said:
    """The same of one part of a bulk answer."""
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        first = errors[0]
        return Said(*(_word(first, name) for name in ("category", "code", "detail", "field")))
    return Said(
        code=_word(document, "type") or _word(document, "error"),
        detail=_word(document, "message") or _word(document, "error_description"),
    )


def _word(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return " ".join(value.split())[:LONGEST_SENTENCE] if isinstance(value, str) else ""


def _refused(call: Call, answer: Answer, told: Said) -> Refused:
    reason = told.detail or told.code or "without saying why"
    sentence = f"Square refused {call.operation} (HTTP {answer.status}): {reason}"
    return Refused(sentence, status=answer.status, code=told.code, field=told.field)


def _forbidden(call: Call, told: Said) -> NotAuthorised:
    found = SCOPES.search(told.detail)
    if told.code != "INSUFFICIENT_SCOPES" and not found:
        return NotAuthorised(f"Square does not let this account do {call.operation}.", status=403, code="forbidden")
    missing = " ".join(re.split(r"[,\s]+", found["scopes"])) if found else ""
    return NotAuthorised(
        f"The consent at Square lacks the scope {missing or '(not named)'} that {call.operation} needs. Connect again.",
        status=403,
        code="scope",
        field=missing,
    )


def _wait_until(answer: Answer, *, now: datetime) -> datetime:
    """Square documents no Retry-After; where one appears it is taken, else the next minute."""
    seconds = answer.headers.get("Retry-After", "").strip()
    if seconds.isascii() and seconds.isdigit() and len(seconds) <= len(str(LONGEST_WAIT)):
        return now + timedelta(seconds=min(int(seconds), LONGEST_WAIT))
    return next_minute(now)
