"""The names a difference can have, and which of them need a person. Pure."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Why Square and Exact do not show the same. Closed list: what fits none is `unknown`."""

    TIMING = "timing"
    FEE_PENDING = "fee_pending"
    WAITING = "waiting"
    BEFORE_GO_LIVE = "before_go_live"
    DISMISSED = "dismissed"
    ROUNDING = "rounding"
    RESTATED = "restated"
    MISSING = "missing"
    DOUBLED = "doubled"
    EDITED = "edited"
    DELETED = "deleted"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


# These explain themselves, or are being looked after elsewhere; the others are findings: cents that nobody explained.
EXPLAINED = frozenset(
    {Kind.TIMING, Kind.FEE_PENDING, Kind.WAITING, Kind.BEFORE_GO_LIVE, Kind.DISMISSED, Kind.ROUNDING, Kind.RESTATED}
)
# Still to be done before the month is whole: neither booked nor decided.
UNPOSTED = frozenset({Kind.WAITING, Kind.BEFORE_GO_LIVE, Kind.MISSING})

TITLES = {
    Kind.TIMING: "Timing",
    Kind.FEE_PENDING: "Fee pending",
    Kind.WAITING: "Waits for a person",
    Kind.BEFORE_GO_LIVE: "Before go-live",
    Kind.DISMISSED: "Dismissed",
    Kind.ROUNDING: "Rounding",
    Kind.RESTATED: "Edited by a person",
    Kind.MISSING: "Missing",
    Kind.DOUBLED: "Doubled",
    Kind.EDITED: "Edited in Exact",
    Kind.DELETED: "Deleted in Exact",
    Kind.FOREIGN: "Foreign entry",
    Kind.UNKNOWN: "Unexplained",
}


def inside(title: str) -> str:
    """A title inside a sentence; names keep their capital."""
    return title[:1].lower() + title[1:]


MEANINGS = {
    Kind.TIMING: "Booked on another day, or on its way. Nothing to do.",
    Kind.FEE_PENDING: "Square has not stated the fee with its payment yet. It is booked when it does.",
    Kind.WAITING: "The record waits on the work list. Resolve it there; it is then booked by itself.",
    Kind.BEFORE_GO_LIVE: "Lies before the lane's go-live. Release what your books do not hold, dismiss what they do.",
    Kind.DISMISSED: "Somebody decided that Tillbridge does not book it; the reason stands on the record.",
    Kind.ROUNDING: "A few cents between net and VAT, within the limit.",
    Kind.RESTATED: "Somebody edited how the sale is described; the money is the same. Nothing to do.",
    Kind.MISSING: "Square holds it, and nothing of ours books it. Read Square again with a run; replay the record.",
    Kind.DOUBLED: "It stands in Exact twice. Delete the one that Tillbridge does not know.",
    Kind.EDITED: "Somebody changed the entry in Exact after it was booked. Put it back, or sign off with the reason.",
    Kind.DELETED: "Somebody deleted the entry in Exact. Book it again by a replay, or sign off with the reason.",
    Kind.FOREIGN: "Somebody booked on the Square clearing account by hand. Move it, or sign off with the reason.",
    Kind.UNKNOWN: "Tillbridge cannot say why. Compare the day in Square with the day in Exact.",
}
