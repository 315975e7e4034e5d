"""The archive on the screen: its tables with what they hold, every batch, what was proved, and what was left out."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit import adminkit, words
from audit.adminkit import ChoiceFilter, ReadOnlyAdmin, admin_url, ago, badge, link, list_url, local_time, number
from connections import clock
from sync.lifecycle import BatchState
from sync.models import ArchiveAttestation, ArchiveBatch, ArchivedRecord, ArchiveTable, SyncRun

TONES = {
    BatchState.DRAFT: "quiet", BatchState.SENDING: "busy", BatchState.DONE: "good", BatchState.CONFLICT: "bad",
}  # fmt: skip
VERDICTS = {"equal": ("equal", "good"), "different": ("different", "bad"), "": ("not compared yet", "quiet")}

adminkit.add_subject("archivetable", ArchiveTable)
adminkit.add_subject("archivebatch", ArchiveBatch)
words.add(
    {
        "archivebatch.done": "batch written to Snowflake",
        "archivebatch.refused": "batch refused by Snowflake",
        "archivebatch.conflict": "Snowflake wrote another number of rows",
        "archive.attested": "archive equal on both sides",
        "archive.different": "archive differs from what was written",
        "archive.reloaded": "list of the archive read again from the beginning",
        "archivetable.made": "table of the archive made",
        "archivetable.remade": "table or views of the archive made anew",
    },
    tones={"archivebatch.refused": "bad", "archivebatch.conflict": "bad", "archive.different": "bad",
           "archive.attested": "good"},
)  # fmt: skip


class OfALane(ReadOnlyAdmin):
    """Rows that know their lane through others: `by_lane` is the way to it, so that the lane's page can link here."""

    by_lane: ClassVar[frozenset[str]] = frozenset()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in self.by_lane or super().lookup_allowed(lookup, value, request)


class VerdictFilter(ChoiceFilter):
    title = "both sides"
    parameter_name = "verdict"
    options = (("equal", "equal"), ("different", "different"))


class BatchFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    options = (("draft", "draft"), ("sending", "sending"), ("done", "done"), ("conflict", "conflict"))


@admin.register(ArchiveTable)
class ArchiveTableAdmin(OfALane):
    by_lane = frozenset(("cursor__lane__id__exact",))
    list_display = (
        "entity", "division", "rows_shown", "amount", "read_up_to", "lag", "last_written", "batch", "both_sides",
    )  # fmt: skip
    list_display_links = None
    list_filter = (VerdictFilter, "division")
    list_select_related = ("division", "cursor", "last_batch")
    search_fields = ("entity",)
    sortable_by = ()
    introduction = "What was written to each table of the archive, per division, and whether Snowflake holds the same."
    empty = "Nothing has been archived yet. Add a lane for the archive, and run it."

    @admin.display(description="rows written")
    def rows_shown(self, row: ArchiveTable) -> str:
        return number(row.rows)

    @admin.display(description="read up to")
    def read_up_to(self, row: ArchiveTable) -> str:
        """A row version, or a time of Exact; small lists have neither."""
        cursor = row.cursor
        if cursor.modified_to:
            return cursor.modified_to.replace("T", " ")[:16]
        return f"version {cursor.version}" if cursor.version > 1 else "read whole"

    @admin.display(description="last read")
    def lag(self, row: ArchiveTable) -> str | SafeString:
        return ago(row.cursor.read_at, clock.now()) if row.cursor.read_at else "being read"

    @admin.display(description="last written")
    def last_written(self, row: ArchiveTable) -> SafeString:
        return local_time(row.written_at)

    @admin.display(description="last batch")
    def batch(self, row: ArchiveTable) -> SafeString | str:
        if row.last_batch is None:
            return "–"
        return link(list_url(ArchiveBatch, table__id__exact=row.pk), f"{row.last_batch} ({row.last_batch.rows})")

    @admin.display(description="both sides")
    def both_sides(self, row: ArchiveTable) -> SafeString:
        word, tone = VERDICTS[row.verdict]
        return link(list_url(ArchiveAttestation, table__id__exact=row.pk), badge(word, tone))


@admin.register(ArchiveBatch)
class ArchiveBatchAdmin(ReadOnlyAdmin):
    list_display = (
        "number", "state_shown", "table", "rows", "size", "request_id", "digest_shown", "attempts", "run", "sent",
        "done", "sentence",
    )  # fmt: skip
    list_display_links = None
    list_filter = (BatchFilter,)
    list_select_related = ("table__division",)
    search_fields = ("request_id__exact",)
    search_help_text = "Id of the request, which stands as batch_id with each row in Snowflake"
    sortable_by = ()
    introduction = "Every INSERT into the archive, with the id under which Snowflake knows it."
    empty = "No batch yet. They are made when a run finds something new in Exact."

    def get_queryset(self, request: HttpRequest) -> QuerySet[ArchiveBatch]:
        return super().get_queryset(request).defer("body", "statement")

    @admin.display(description="batch")
    def number(self, row: ArchiveBatch) -> str:
        return str(row.pk)

    @admin.display(description="state")
    def state_shown(self, row: ArchiveBatch) -> SafeString:
        return badge(row.get_state_display(), TONES[BatchState(row.state)])

    @admin.display(description="digest")
    def digest_shown(self, row: ArchiveBatch) -> str:
        return row.digest[:12]

    @admin.display(description="run")
    def run(self, row: ArchiveBatch) -> SafeString:
        return link(admin_url(SyncRun, row.run_id), str(row.run_id))

    @admin.display(description="first sent")
    def sent(self, row: ArchiveBatch) -> SafeString:
        return local_time(row.sent_at)

    @admin.display(description="done")
    def done(self, row: ArchiveBatch) -> SafeString:
        return local_time(row.done_at)


@admin.register(ArchiveAttestation)
class ArchiveAttestationAdmin(OfALane):
    by_lane = frozenset(("table__cursor__lane__id__exact",))
    list_display = ("at_shown", "table", "both_sides", "counted", "summed", "highest", "run_shown", "sentence")
    list_display_links = None
    list_filter = ("is_equal",)
    list_select_related = ("table__division", "run__lane")
    sortable_by = ()
    introduction = "After each load every table that was written is counted on both sides: ours, and Snowflake's."
    empty = "Nothing has been compared yet. Every run that writes compares what it wrote."

    @admin.display(description="compared")
    def at_shown(self, row: ArchiveAttestation) -> SafeString:
        return local_time(row.at)

    @admin.display(description="both sides")
    def both_sides(self, row: ArchiveAttestation) -> SafeString:
        return badge(*VERDICTS["equal" if row.is_equal else "different"])

    @admin.display(description="rows")
    def counted(self, row: ArchiveAttestation) -> str:
        return _both(row.rows, row.their_rows)

    @admin.display(description="sum of amounts")
    def summed(self, row: ArchiveAttestation) -> str:
        return _both(row.amount, row.their_amount)

    @admin.display(description="highest row version")
    def highest(self, row: ArchiveAttestation) -> str:
        return _both(row.version, row.their_version)

    @admin.display(description="run")
    def run_shown(self, row: ArchiveAttestation) -> SafeString:
        return link(admin_url(SyncRun, row.run_id), str(row.run_id))


@admin.register(ArchivedRecord)
class ArchivedRecordAdmin(OfALane):
    """Only what could not be stored: the others are found in Snowflake."""

    by_lane = frozenset(("cursor__lane__id__exact",))

    list_display = ("entity", "record_id", "division", "problem")
    list_display_links = None
    list_select_related = ("cursor__division",)
    search_fields = ("record_id__exact",)
    sortable_by = ()
    introduction = "Records of Exact that Snowflake cannot hold as they are. Each is tried again when it changes."
    empty = "Every record could be archived."

    def get_queryset(self, request: HttpRequest) -> QuerySet[ArchivedRecord]:
        return super().get_queryset(request).exclude(problem="")

    @admin.display(description="division")
    def division(self, row: ArchivedRecord) -> str:
        return str(row.cursor.division)


def _both(ours: object, theirs: object) -> str:
    return str(ours) if ours == theirs else f"{ours} written, {theirs} there"
