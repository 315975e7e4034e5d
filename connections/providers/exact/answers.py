"""Exact's answers: the JSON in them, or the one error that says what to do.

Reference: exact-online.md sections 1 (1), 4 and 6. Business rules are refused with HTTP 500 and a JSON envelope in the
user's language; a 5xx without the envelope is a fault that may have left something behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreadable, VendorError
from connections.providers.exact import limits, messages
from connections.providers.http import Answer, Call
from connections.providers.payload import decode

SCOPE = re.compile(r"Scope Violated.*?'(?P<scope>[\w.]+)'", re.IGNORECASE | re.DOTALL)
LONGEST_SENTENCE = 500
READS = frozenset(("GET", "HEAD"))


def content(call: Call, answer: Answer, *, now: datetime, read: Callable[[bytes], Any] = decode) -> Any:
    """The body of a success as `read` decodes it, None for a write that has none (204). Raises the error that the
    answer means; a `ValueError` of `read` means that there was none.
    """
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise _error(call, answer, now=now)
    if call.method not in READS and not answer.body.strip():
        return None
    try:
        return read(answer.body)
    except ValueError:
        raise NoAnswer(_unreadable(call), status=answer.status) from None


def misread(call: Call, problem: Unreadable) -> VendorError:
    """An answer of the wrong form: to a read just that, to a write no answer, because it may have been done."""
    if call.method in READS:
        return problem
    return NoAnswer(f"{_unreadable(call)} {problem.sentence}.")


def sentence(answer: Answer) -> str:
    """What the error envelope says; "" without an envelope. Envelopes without a text count: they are Exact's own."""
    try:
        document = decode(answer.body)
    except ValueError:
        return ""
    error = document.get("error") if isinstance(document, Mapping) else None
    if not isinstance(error, Mapping):
        return ""
    message = error.get("message")
    text = message.get("value") if isinstance(message, Mapping) else message
    return _shortened(text if isinstance(text, str) else "") or "Exact gave no reason."


def _error(call: Call, answer: Answer, *, now: datetime) -> VendorError:
    said = sentence(answer)
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            return _not_signed_in(call, answer, said)
        case HTTPStatus.FORBIDDEN:
            return _forbidden(call, answer, said)
        case HTTPStatus.TOO_MANY_REQUESTS:
            until = limits.blocked_until(answer.headers, now=now)
            return Throttled(f"Exact asks to wait until {until:%H:%M:%S} UTC.", until=until, status=answer.status)
        case HTTPStatus.REQUEST_TIMEOUT:
            return Refused(f"Exact finds the question behind {call.operation} too broad.", status=408, code="too_broad")
        case status if status >= HTTPStatus.BAD_REQUEST and (said or status < HTTPStatus.INTERNAL_SERVER_ERROR):
            return _refused(call, answer, said)
    return NoAnswer(f"Exact failed on {call.operation} (HTTP {answer.status}).", status=answer.status)


def _refused(call: Call, answer: Answer, said: str) -> Refused:
    told = said or _shortened(answer.headers.get("Reason", ""))
    explanation = messages.explain(told)
    code = "not_found" if answer.status == HTTPStatus.NOT_FOUND else str(explanation.kind)
    told = told or f"Exact refused {call.operation} (HTTP {answer.status}) without saying why."
    return Refused(told, status=answer.status, code=code, field=explanation.field)


def _not_signed_in(call: Call, answer: Answer, said: str) -> NotAuthorised:
    """The form of a 401 is not documented: whatever words it holds are searched."""
    words = f"{said} {answer.headers.get('WWW-Authenticate', '')} {_text(answer)}".lower()
    code = next((word for word in ("expired", "revoked") if word in words), "unknown")
    return NotAuthorised(f"Exact did not accept the access token for {call.operation}.", status=401, code=code)


def _forbidden(call: Call, answer: Answer, said: str) -> NotAuthorised:
    words = said or _text(answer) or answer.headers.get("Reason", "")
    if found := SCOPE.search(words):
        missing = found["scope"]
        return NotAuthorised(
            f"The app registration at Exact lacks the scope '{missing}' that {call.operation} needs.",
            status=403,
            code="scope",
            field=missing,
        )
    return NotAuthorised(
        f"Exact does not let this user do {call.operation}: a right or a module is missing.",
        status=403,
        code="forbidden",
    )


def _unreadable(call: Call) -> str:
    return f"Exact's answer to {call.operation} cannot be read."


def _text(answer: Answer) -> str:
    return answer.body[: 4 * LONGEST_SENTENCE].decode("utf-8", "replace")


def _shortened(text: str) -> str:
    return " ".join(text.split())[:LONGEST_SENTENCE]
