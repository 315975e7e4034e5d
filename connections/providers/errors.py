"""What can go wrong at a vendor, one class per thing to do about it.

The engine decides by class alone, so a client must be exact about which one it raises: above all it
says `Unreachable` only when no byte of the request can have arrived, and `NoAnswer` whenever it may have.
"""

from __future__ import annotations

from datetime import datetime


class VendorError(Exception):
    """Base of the family. `sentence` is for people: no secret, no payload, no personal data."""

    def __init__(self, sentence: str, *, status: int | None = None, code: str = "", field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
        self.code = code
        self.field = field


class Unreachable(VendorError):
    """Nothing was sent (name look-up, refused connection, TLS). Safe to try again."""


class NoAnswer(VendorError):
    """It may have been done: time-out, reset, unreadable 2xx, or 5xx without the vendor's error envelope.

    A write must be looked up before it is sent again; a read may be repeated.
    """


class Throttled(VendorError):
    """The vendor or our own governor asks to wait. `until` is an aware UTC time."""

    def __init__(self, sentence: str, *, until: datetime, status: int | None = None) -> None:
        super().__init__(sentence, status=status)
        self.until = until


class NotAuthorised(VendorError):
    """The token is expired, revoked, for another place, or lacks a right. `code` says which:
    `expired`, `revoked`, `scope`, `forbidden` or `unknown`.
    """


class Refused(VendorError):
    """The vendor understood and said no: 4xx, and 5xx that carries the vendor's own error envelope."""


class Unreadable(VendorError):
    """An answer that is not of the documented form. Names the path of the value, never the value."""
