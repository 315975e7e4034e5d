"""The verbs of this app in the audit trail, in words, and where their subjects live."""

from __future__ import annotations

from audit import adminkit, words
from connections import clock
from connections.models import Connection, Division
from mappings.models import CustomerMapping, GLMapping, ItemMapping
from sync.models import Leg, Posting, SyncItem, SyncLane, SyncRun

WORDS = {
    "item.extracted": "record read from Square",
    "item.changed": "record changed at Square",
    "item.resolved": "record understood, its legs are known",
    "item.waiting": "record waits for a person",
    "item.done": "record is in the books",
    "item.dismissed": "record dismissed",
    "item.wait_over": "what the record waited for has happened",
    "item.mapping_changed": "a mapping changed, so it is tried again",
    "item.conventions_changed": "the conventions changed, so it is looked at again",
    "expiry.added": "gift cards stated as expired",
    "item.released": "record from before go-live released",
    "item.reinstated": "dismissed record taken up again",
    "item.replayed": "record replayed",
    "leg.waiting": "leg waits",
    "leg.ready": "leg ready to be booked",
    "leg.posting": "leg frozen into an entry",
    "leg.posted": "leg booked",
    "leg.confirmed": "leg confirmed in the ledger",
    "leg.refused": "leg refused",
    "leg.dismissed": "leg dismissed",
    "leg.reversed": "leg reversed",
    "leg.cleared_up": "payout entry on suspense cleared up",
    "posting.draft": "entry drafted",
    "posting.sending": "entry sent to Exact",
    "posting.posted": "entry booked in Exact",
    "posting.confirmed": "entry confirmed in the ledger",
    "posting.refused": "entry refused by Exact",
    "posting.conflict": "entry in conflict with what Exact holds",
    "posting.reversed": "entry reversed",
    "posting.replayed": "entry replayed",
    "invoice.absent": "no matching invoice in Exact",
    "invoice.left_alone": "Exact holds the invoice already, its sale is left alone",
    "invoice.number_taken": "another entry in Exact has the invoice's number",
    "invoice.is_another": "said to be another invoice than the entry with its number",
    "invoice.looked_again": "invoice to be looked at again",
    "invoice.matched": "invoice settled: Exact shows nothing of it as open",
    "invoice.leftover": "invoice still open in Exact",
    "item.to_correct": "record to be corrected in the books",
    "item.sale_changed": "its sale changed, so it is worked out anew",
    "item.planned_anew": "worked out anew, because a decision changed",
    "leg.reversing": "leg is being taken back",
    "posting.undo_planned": "undo of the entry planned",
    "posting.undone": "entry undone by a reversing entry",
    "run.planned": "plan made, waits for approval",
    "run.approved": "plan approved",
    "run.rejected": "plan rejected",
    "run.superseded": "plan superseded by a newer one",
    "plan.refused": "planned entry not booked",
    "plan.exported": "lines of a plan exported",
    "run.queued": "run asked for",
    "run.running": "run started",
    "run.paused": "run paused",
    "run.done": "run finished",
    "run.failed": "run failed",
    "run.cancelled": "run cancelled",
    "lane.paused": "lane paused",
    "lane.resumed": "lane resumed",
    "lane.added": "lane added",
    "lane.changed": "lane changed",
    "lane.removed": "lane removed",
    "lane.clearing_proven": "clearing account compared",
    "lane.opening_stated": "opening balance of the clearing account stated",
    "late.exported": "late arrivals exported",
    "reference.periods": "closed periods read again",
}
TONES = {
    "item.waiting": "wait",
    "item.done": "good",
    "leg.confirmed": "good",
    "leg.refused": "bad",
    "leg.waiting": "wait",
    "posting.confirmed": "good",
    "posting.refused": "bad",
    "posting.conflict": "bad",
    "invoice.number_taken": "wait",
    "invoice.matched": "good",
    "invoice.leftover": "wait",
    "plan.refused": "bad",
    "run.planned": "wait",
    "run.failed": "bad",
    "run.done": "good",
    "run.paused": "wait",
    "lane.paused": "wait",
}


def install() -> None:
    words.add(WORDS, tones=TONES)
    adminkit.read_clock_from(clock.now)
    subjects = {
        "item": SyncItem, "leg": Leg, "posting": Posting, "run": SyncRun, "lane": SyncLane, "connection": Connection,
        "division": Division, "glmapping": GLMapping, "customermapping": CustomerMapping,
        "itemmapping": ItemMapping,
    }  # fmt: skip
    for name, model in subjects.items():
        adminkit.add_subject(name, model)
