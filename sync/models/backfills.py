"""History that a person asked for: which days of a lane, when it may be read, and how far it is."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from sync.models.lanes import BOOKING, SyncLane


class Backfill(models.Model):
    """One reading of a lane's history: days from before what it reads by itself, off peak, a batch at a time."""

    class State(models.TextChoices):
        DRAFT = "draft", "not begun"
        RUNNING = "running", "under way"
        PAUSED = "paused", "paused"
        DONE = "done", "done"
        CANCELLED = "cancelled", "cancelled"

    OPEN: ClassVar = [State.RUNNING.value, State.PAUSED.value]
    HOURS: ClassVar = [(hour, f"{hour}:00") for hour in range(24)]

    lane = models.ForeignKey(
        SyncLane, on_delete=models.PROTECT, related_name="backfills", limit_choices_to={"flow": BOOKING}
    )
    begins = models.DateField("from day", help_text="The first day that is read, in the zone of each location.")
    ends = models.DateField("up to day", help_text="The first day that is not read any more, such as go-live.")
    from_hour = models.PositiveSmallIntegerField("off peak from", choices=HOURS, default=22)
    to_hour = models.PositiveSmallIntegerField(
        "off peak to", choices=HOURS, default=6, help_text="In the division's time zone. The same hour twice: all day."
    )
    batch_size = models.PositiveIntegerField(
        "records at a time", default=2_000, validators=[MinValueValidator(100), MaxValueValidator(10_000)],
        help_text="After each batch the lane's own runs come first.",
    )  # fmt: skip
    reason = models.TextField(help_text="Why this history is wanted. An auditor reads it.")

    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    sentence = models.TextField("what happened", blank=True, editable=False)
    # "feed:stream" -> how far it has been read, as a moment; or "" when it is through.
    cursors = models.JSONField(default=dict, editable=False)
    expected = models.PositiveIntegerField(null=True, blank=True, editable=False)
    records_read = models.PositiveIntegerField(default=0, editable=False)
    records_changed = models.PositiveIntegerField("new records", default=0, editable=False)
    minutes_worked = models.FloatField(default=0, editable=False)
    requested_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    due_at = models.DateTimeField("next batch", null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["lane"], condition=Q(state__in=["running", "paused"]), name="one_open_backfill_per_lane"
            ),
            models.CheckConstraint(
                name="backfill_has_days", condition=Q(ends__gt=F("begins")),
                violation_error_message="The last day must come after the first.",
            ),
        ]  # fmt: skip
        permissions = [("run_backfill", "Can begin, pause and resume a backfill")]

    def __str__(self) -> str:
        return f"{self.lane}, {self.begins} up to {self.ends}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN
