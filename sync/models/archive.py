"""What the archive in Snowflake holds: how it is made, how far each list was read, and every batch that was sent."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from connections.models import Connection, Division
from sync.lifecycle import BatchState
from sync.models.lanes import SyncLane
from sync.models.runs import SyncRun
from sync.models.states import choices


class ArchivePolicy(models.Model):
    """Into what a lane archives, and what.

    `made`: table -> digest of the statements by which it and its views were made. `warehouse_seen_at`: when a run last
    asked how the warehouse is set.
    """

    lane = models.OneToOneField(SyncLane, on_delete=models.CASCADE, related_name="archive_policy")
    target = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="archive_policies", verbose_name="Snowflake connection",
        limit_choices_to={"system": Connection.System.SNOWFLAKE},
    )  # fmt: skip
    all_divisions = models.BooleanField(
        "all divisions", default=True,
        help_text="Every pinned division of the connection, also those pinned later. Off: only the one above.",
    )  # fmt: skip
    full_copies = models.BooleanField(
        "full copy each run", default=False,
        help_text="Write every record again with each run, changed or not. Off: only what is new, changed or deleted.",
    )  # fmt: skip
    backfill_from = models.DateField(
        "read again from", null=True, blank=True,
        help_text="The next run reads what changed in Exact since this day once more, and writes what the archive "
        "lacks. Emptied when it is done.",
    )  # fmt: skip
    made = models.JSONField(default=dict, blank=True, editable=False)
    warehouse_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "how Exact is archived"
        verbose_name_plural = "how Exact is archived"

    def __str__(self) -> str:
        return f"into {self.target}"


class ArchiveCursor(models.Model):
    """How far one list of a division has been read.

    `version`: the highest row version that was read whole. `reached`: of the reading under way, whose rows all came in
    order so far. `modified_to` and `modified_reached`: the same in Exact's wall clock, for lists without row versions.
    `generation` counts readings from the beginning; while one is under way, `is_loading`. `run_id`: the last run that
    came to its end.
    """

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="archive_cursors")
    target = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="+")
    path = models.CharField("list", max_length=80)
    version = models.BigIntegerField("row version", default=1)
    reached = models.BigIntegerField(default=0)
    modified_to = models.CharField("changed until", max_length=30, blank=True)
    modified_reached = models.CharField(max_length=30, blank=True)
    versions_since = models.CharField(max_length=60, blank=True)
    generation = models.PositiveIntegerField(default=0)
    is_loading = models.BooleanField(default=False)
    run_id = models.BigIntegerField(null=True, blank=True)
    begun_run_id = models.BigIntegerField(null=True, blank=True)
    read_at = models.DateTimeField("last read whole", null=True, blank=True)

    class Meta:
        verbose_name = "list of the archive"
        verbose_name_plural = "lists of the archive"
        ordering = ["division", "path"]
        constraints = [
            # Two lanes that archived the same division into one database would write everything twice.
            models.UniqueConstraint(fields=["target", "division", "path"], name="archived_once")
        ]

    def __str__(self) -> str:
        return f"{self.path} of {self.division}"


class ArchiveTable(models.Model):
    """One table of the archive, as far as one division is concerned: what was written to it, and what was proved.

    Sums are texts: amounts have ten decimals and may be larger than a column of every database holds.
    """

    VERDICTS: ClassVar = [("", "not compared yet"), ("equal", "equal"), ("different", "different")]

    cursor = models.ForeignKey(ArchiveCursor, on_delete=models.PROTECT, related_name="tables")
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="+")
    entity = models.CharField("table", max_length=40)
    rows = models.BigIntegerField("rows written", default=0)
    amount = models.CharField("sum of amounts", max_length=60, default="0")
    version = models.BigIntegerField("highest row version", default=0)
    last_stamp = models.DateTimeField(null=True, blank=True)
    written_at = models.DateTimeField("last written", null=True, blank=True)
    last_batch = models.ForeignKey(
        "sync.ArchiveBatch", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    compared_at = models.DateTimeField("compared", null=True, blank=True)
    verdict = models.CharField(max_length=10, choices=VERDICTS, blank=True)
    owes_proof = models.BooleanField(default=False)

    class Meta:
        verbose_name = "table of the archive"
        verbose_name_plural = "tables of the archive"
        ordering = ["division", "entity"]
        constraints = [models.UniqueConstraint(fields=["cursor", "entity"], name="archive_table_once")]

    def __str__(self) -> str:
        return f"{self.entity} of {self.division}"


class ArchiveBatch(models.Model):
    """One INSERT. `request_id` is made with the row, before anything is sent; it stands with each row in Snowflake too.

    `body`: the rows, compressed, until they are known to be written. `amount` and `version` are those of its rows.
    """

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="archive_batches")
    table = models.ForeignKey(ArchiveTable, on_delete=models.PROTECT, related_name="batches")
    run_id = models.BigIntegerField("run")
    request_id = models.CharField(max_length=36, unique=True)
    state = models.CharField(max_length=10, choices=choices(BatchState), default=BatchState.DRAFT)
    sentence = models.TextField("what happened", blank=True)
    rows = models.PositiveIntegerField(default=0)
    size = models.PositiveIntegerField("bytes", default=0)
    body = models.BinaryField(default=b"")
    amount = models.CharField("sum of amounts", max_length=60, default="0")
    version = models.BigIntegerField("highest row version", default=0)
    stamp = models.DateTimeField("synced at")
    statement = models.TextField(blank=True)
    digest = models.CharField(max_length=64, blank=True, help_text="Of the statement and the values bound to it.")
    handle = models.CharField(max_length=36, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "batch"
        verbose_name_plural = "batches"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["lane", "id"], name="batch_open", condition=Q(state__in=["draft", "sending"])
            ),
            models.Index(fields=["table", "-id"], name="batch_of_table"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"batch {self.pk}"


class ArchivedRecord(models.Model):
    """One record of Exact in one table, as it was last archived. `digest` leaves its row version out; it is empty for
    what was deleted or could not be stored. `generation`: the reading from the beginning that last saw it.
    """

    cursor = models.ForeignKey(ArchiveCursor, on_delete=models.PROTECT, related_name="records", db_index=False)
    entity = models.CharField(max_length=40)
    record_id = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, blank=True)
    generation = models.PositiveIntegerField(default=0)
    is_deleted = models.BooleanField(default=False)
    problem = models.TextField(blank=True)
    batch = models.ForeignKey(ArchiveBatch, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        verbose_name = "record left out of the archive"
        verbose_name_plural = "records left out of the archive"
        constraints = [models.UniqueConstraint(fields=["cursor", "record_id", "entity"], name="record_archived_once")]
        indexes = [models.Index(fields=["cursor", "generation"], name="record_generation"),
                   models.Index(fields=["cursor"], name="record_left_out", condition=~Q(problem=""))]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.entity} {self.record_id}"


class ArchiveAttestation(models.Model):
    """What one run found when it counted a table on both sides. `theirs` is what Snowflake holds."""

    run = models.ForeignKey(SyncRun, on_delete=models.PROTECT, related_name="attestations")
    table = models.ForeignKey(ArchiveTable, on_delete=models.PROTECT, related_name="attestations")
    at = models.DateTimeField()
    rows = models.BigIntegerField("rows written")
    amount = models.CharField("sum written", max_length=60)
    version = models.BigIntegerField("highest row version written")
    their_rows = models.BigIntegerField("rows in Snowflake")
    their_amount = models.CharField("sum in Snowflake", max_length=60)
    their_version = models.BigIntegerField("highest row version in Snowflake")
    is_equal = models.BooleanField("equal")
    sentence = models.TextField("what is the matter", blank=True)

    class Meta:
        verbose_name = "attestation"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["run", "table"], name="attested_once_a_run")]

    def __str__(self) -> str:
        return f"{self.table} after run {self.run_id}"
