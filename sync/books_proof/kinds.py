"""What can be found wrong: each with its title, what it means and what to do. Pure."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    MISSING = "missing"
    DOUBLED = "doubled"
    ELSEWHERE = "elsewhere"
    UNEXPECTED = "unexpected"
    AMOUNT = "amount"
    SUM = "sum"
    MOVED = "moved"
    UNKNOWN = "unknown"


TITLES = {
    Kind.MISSING: "Not in Exact",
    Kind.DOUBLED: "In Exact more than once",
    Kind.ELSEWHERE: "In another entry than noted",
    Kind.UNEXPECTED: "In Exact although not booked",
    Kind.AMOUNT: "Other amounts in Exact",
    Kind.SUM: "Entry and its legs differ",
    Kind.MOVED: "On other days in Exact",
    Kind.UNKNOWN: "Reference nobody knows",
}
MEANINGS = {
    Kind.MISSING: "Booked here, and no document in Exact carries the reference. Somebody deleted it there, or took the "
    "reference out. Restore it in Exact, or undo the entry here and book it again.",
    Kind.DOUBLED: "More than one document in Exact carries the same reference. Compare them in Exact and delete the "
    "one that Tillbridge did not note.",
    Kind.ELSEWHERE: "The reference stands in one document, but not in the one whose id was noted. Somebody booked it "
    "anew by hand; see that nothing else of the old one is gone.",
    Kind.UNEXPECTED: "Not booked here, and Exact holds a document with its reference. Replay the record: it is looked "
    "up, and taken over as it stands.",
    Kind.AMOUNT: "The document shows other amounts per account than were sent. Somebody changed it in Exact: put it "
    "right there.",
    Kind.SUM: "What was sent as one document is not the sum of the legs in it. Tell whoever maintains Tillbridge.",
    Kind.MOVED: "The document stands in Exact, dated outside of these days. See in Exact who moved it, and whether the "
    "period allows it.",
    Kind.UNKNOWN: "A document carries a reference as Tillbridge writes them, and no record here has it. A database "
    "restored from a backup has forgotten it, or another installation books here.",
}
