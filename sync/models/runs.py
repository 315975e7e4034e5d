"""Runs of a lane, and the sign of life that workers give."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from connections.priorities import Claim, Priority, claim
from sync.lifecycle import RunState
from sync.models.lanes import SyncLane
from sync.models.states import choices


class SyncRun(models.Model):
    """One opening of a lane."""

    TRIGGERS: ClassVar = [(word, word) for word in ("schedule", "person", "webhook", "replay", "backfill")]
    PURPOSES: ClassVar = [
        ("book", "read and book"), ("plan", "read and plan"), ("undo", "plan of an undo"), ("post", "book a plan"),
        ("fill", "read history"),
    ]  # fmt: skip
    OPEN: ClassVar = [RunState.QUEUED.value, RunState.RUNNING.value, RunState.PAUSED.value]

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="runs")
    trigger = models.CharField(max_length=10, choices=TRIGGERS)
    purpose = models.CharField(max_length=4, choices=PURPOSES, default="book")
    requested_by = models.CharField(max_length=150, blank=True)
    state = models.CharField(max_length=10, choices=choices(RunState), default=RunState.QUEUED)
    phase = models.CharField(max_length=20, default="read")
    sentence = models.TextField("what happened", blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    touched_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    feeds_done = models.JSONField(default=list, blank=True)

    # What it was going to need when it was opened: estimates.
    needs_exact = models.PositiveIntegerField(null=True, blank=True)
    needs_square = models.PositiveIntegerField(null=True, blank=True)
    exact_left = models.PositiveIntegerField(null=True, blank=True)
    done_by = models.DateTimeField(null=True, blank=True)

    records_read = models.IntegerField(default=0)
    records_changed = models.IntegerField(default=0)
    legs_ready = models.IntegerField(default=0)
    records_waiting = models.IntegerField(default=0)
    entries_planned = models.IntegerField(default=0)
    entries_posted = models.IntegerField(default=0)
    entries_confirmed = models.IntegerField(default=0)
    entries_refused = models.IntegerField(default=0)
    # Of a lane that keeps customers in step.
    sent_to_exact = models.IntegerField(default=0)
    sent_to_square = models.IntegerField(default=0)
    conflicts = models.IntegerField(default=0)
    # Of a lane that archives. A step is one list of a division that was read, or one batch that was written.
    rows_written = models.IntegerField(default=0)
    steps_planned = models.IntegerField(default=0)
    steps_done = models.IntegerField(default=0)

    class Meta:
        verbose_name = "run"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["lane"], condition=Q(state__in=["queued", "running", "paused"]), name="one_open_run_per_lane"
            )
        ]
        indexes = [
            models.Index(fields=["lane", "-id"], name="run_newest"),
            models.Index(fields=["lane"], name="run_plans", condition=Q(state__in=["planned", "approved"])),
        ]
        permissions = [
            ("plan_syncrun", "Can plan a run"), ("approve_syncrun", "Can approve or reject a plan"),
            ("undo_syncrun", "Can plan the undoing of runs and entries"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"run {self.pk} of {self.lane}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def claim(self) -> Claim:
        """History stands back behind every lane."""
        return claim(Priority.LAST) if self.purpose == "fill" else self.lane.claim


class Beat(models.Model):
    """A sign of life: written by a task each minute, so it proves scheduler, queue and worker at once."""

    name = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def beat(cls, name: str, *, at: datetime) -> None:
        cls.objects.update_or_create(name=name, defaults={"at": at})
