"""The pages of this app: lanes, runs, records, entries; and what it adds to the audit trail's page."""

from audit import adminkit
from audit.models import AuditEntry
from connections.models import Division
from sync.admin import (
    alerts,
    archive,
    backfills,
    backtest,
    books,
    clearing,
    counts,
    customers,
    decisions,
    deposits,
    editing,
    entries,
    expiries,
    gaps,
    invoices,
    issues,
    lanes,
    late,
    months,
    orders,
    plans,
    records,
    remapping,
    runs,
    words,
)
from sync.admin.verbs import AUDIT_VERB, DIVISION_VERB
from sync.models import Backfill, Expiry, SyncLane

__all__ = [
    "alerts",
    "archive",
    "backfills",
    "backtest",
    "books",
    "clearing",
    "counts",
    "customers",
    "deposits",
    "editing",
    "entries",
    "expiries",
    "gaps",
    "invoices",
    "issues",
    "lanes",
    "late",
    "months",
    "orders",
    "plans",
    "records",
    "remapping",
    "runs",
]

words.install()
decisions.install()
adminkit.add_subject("backfill", Backfill)
adminkit.add_subject("expiry", Expiry)
adminkit.add_action(AuditEntry, AUDIT_VERB)
adminkit.add_action(Division, DIVISION_VERB)
adminkit.add_action(SyncLane, months.LANE_VERB)
adminkit.add_action(SyncLane, books.LANE_VERB)
adminkit.add_action(SyncLane, counts.LANE_VERB)
