"""The kinds of alerts there are."""

from __future__ import annotations

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


TITLES = {
    Kind.AUTHENTICATION: "Authentication fails",
    Kind.CONSENT: "A consent ends soon",
    Kind.ERRORS: "Many failed calls",
    Kind.ERROR_RATE: "A high share of calls fails",
    Kind.QUOTA: "The day's calls run out",
    Kind.UNBOOKED: "Records are not booked in time",
    Kind.UNMAPPED: "Many unmapped records",
    Kind.DIVISION: "A division changed",
    Kind.DRIFT: "The books changed after they were compared",
    Kind.SILENCE: "Webhooks do not come any more",
}
