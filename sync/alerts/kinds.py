"""The kinds of alerts there are, and what one is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    AUTHENTICATION = "authentication"
    CONSENT = "consent"
    ERRORS = "errors"
    ERROR_RATE = "error_rate"
    QUOTA = "quota"
    UNBOOKED = "unbooked"
    UNMAPPED = "unmapped"
    DIVISION = "division"
    DRIFT = "drift"
    SILENCE = "silence"
    LANE = "lane"
    ARCHIVE = "archive"
    BOOKS = "books"
    AUDIT = "audit"


TITLES = {
    Kind.AUTHENTICATION: "Authentication fails",
    Kind.CONSENT: "A consent ends soon",
    Kind.ERRORS: "Many failed calls",
    Kind.ERROR_RATE: "A high share of calls fails",
    Kind.QUOTA: "The day's calls run out",
    Kind.UNBOOKED: "Records are not booked in time",
    Kind.UNMAPPED: "Many unmapped records",
    Kind.DIVISION: "A division changed",
    Kind.DRIFT: "The books and Square differ",
    Kind.SILENCE: "Webhooks do not come any more",
    Kind.LANE: "A lane stopped",
    Kind.ARCHIVE: "The archive differs from what was written",
    Kind.BOOKS: "The books could not be proven",
    Kind.AUDIT: "The audit trail could not be proven",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One limit that is crossed. `subject` tells it from others of its kind; `page` is where it is put right."""

    kind: Kind
    subject: str
    title: str
    sentence: str
    page: str = ""
