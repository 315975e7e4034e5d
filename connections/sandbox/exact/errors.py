"""Refusals, as exceptions that know their HTTP status. Business rules carry no text yet: it depends on the user."""

from __future__ import annotations


class Refusal(Exception):
    status = 400

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class BadRequest(Refusal):
    """Query or body syntax, unknown property, unsupported filter."""


class Unauthorised(Refusal):
    status = 401


class Forbidden(Refusal):
    status = 403


class NotFound(Refusal):
    status = 404


class Gone(Refusal):
    """A method the endpoint does not have."""

    status = 405


class Rule(Exception):
    """A business rule. Exact answers these with HTTP 500 and a sentence in the user's language.

    `kind` names a sentence of `messages.SENTENCES`, `field` a label of `messages.LABELS`.
    """

    def __init__(self, kind: str, field: str = "", value: str = "") -> None:
        super().__init__(f"{kind}: {field} {value}".strip())
        self.kind = kind
        self.field = field
        self.value = value
