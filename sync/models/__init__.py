"""What is happening: lanes, their runs, and each source record's way into the books."""

from sync.models.alerts import Alert, AlertChannel, AlertLimits, AlertMessage
from sync.models.archive import (
    ArchiveAttestation,
    ArchiveBatch,
    ArchiveCursor,
    ArchivedRecord,
    ArchivePolicy,
    ArchiveTable,
)
from sync.models.backfills import Backfill
from sync.models.books import BooksFinding, BooksProof
from sync.models.clearing import ClearingOpening, ClearingProof, SuspenseCleared
from sync.models.counts import SourceCount
from sync.models.customers import CustomerCreation, CustomerLink, CustomerPolicy
from sync.models.edits import ItemEdit
from sync.models.entries import Attachment, ExactOrder, Posting
from sync.models.invoices import InvoiceStanding
from sync.models.issues import Issue, Replay
from sync.models.items import Expiry, OrderRecord, Settlement, SyncItem
from sync.models.lanes import FeedCursor, LaneLocation, SyncLane
from sync.models.legs import Deposit, LateArrival, Leg
from sync.models.plans import Plan, PlannedEntry
from sync.models.reconciliation import Difference, Month, Reconciliation
from sync.models.runs import Beat, SyncRun
from sync.models.states import choices

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertLimits",
    "AlertMessage",
    "ArchiveAttestation",
    "ArchiveBatch",
    "ArchiveCursor",
    "ArchivePolicy",
    "ArchiveTable",
    "ArchivedRecord",
    "Attachment",
    "Backfill",
    "Beat",
    "BooksFinding",
    "BooksProof",
    "ClearingOpening",
    "ClearingProof",
    "CustomerCreation",
    "CustomerLink",
    "CustomerPolicy",
    "Deposit",
    "Difference",
    "ExactOrder",
    "Expiry",
    "FeedCursor",
    "InvoiceStanding",
    "Issue",
    "ItemEdit",
    "LaneLocation",
    "LateArrival",
    "Leg",
    "Month",
    "OrderRecord",
    "Plan",
    "PlannedEntry",
    "Posting",
    "Reconciliation",
    "Replay",
    "Settlement",
    "SourceCount",
    "SuspenseCleared",
    "SyncItem",
    "SyncLane",
    "SyncRun",
    "choices",
]
