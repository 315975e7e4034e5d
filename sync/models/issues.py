"""Equal causes as one row that people work on, and replays of many records with their progress."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from connections.models import Division
from mappings.bookkeeping.legs import ProblemKind
from sync.models.states import choices


class Issue(models.Model):
    """One cause in one division: every record that waits for it. Kept for ever; a cause that returns opens it again.

    `count`, `sums` (minor units per currency) and `sentence` are those of the last look; the records tell the present.
    """

    class State(models.TextChoices):
        OPEN = "open", "open"
        ACKNOWLEDGED = "acknowledged", "acknowledged"
        IGNORED = "ignored", "ignored"
        RESOLVED = "resolved", "resolved"

    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="issues", db_index=False)
    kind = models.CharField("cause", max_length=30, choices=choices(ProblemKind))
    subject = models.CharField("of", max_length=200, blank=True)
    sentence = models.TextField("what it says")
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    owner = models.CharField(max_length=150, blank=True, help_text="Who looks after it.")
    ignored_until = models.DateField(null=True, blank=True, help_text="From that day on it is open again.")
    note = models.TextField(blank=True, help_text="For your colleagues.")
    count = models.PositiveIntegerField("records", default=0)
    sums = models.JSONField("money at stake", default=dict)
    returned = models.PositiveIntegerField("times it came back", default=0)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    STANDING: ClassVar = (State.OPEN, State.ACKNOWLEDGED, State.IGNORED)

    class Meta:
        ordering = ["-last_seen", "-id"]
        constraints = [models.UniqueConstraint(fields=["division", "kind", "subject"], name="one_issue_per_cause")]
        indexes = [models.Index(fields=["state", "-last_seen"], name="issue_newest")]
        permissions = [("work_issue", "Can acknowledge, assign and ignore issues")]

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')}{f': {self.subject}' if self.subject else ''}"


class Replay(models.Model):
    """Many records replayed by a worker: exactly those that were counted, in the order in which one needs the other.

    `ids` are primary keys of records, the first `position` of which are through.
    """

    class State(models.TextChoices):
        RUNNING = "running", "at work"
        DONE = "done", "done"
        CANCELLED = "cancelled", "cancelled"

    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, null=True, blank=True, related_name="replays")
    what = models.CharField(max_length=200)
    ids = models.JSONField(default=list)
    total = models.PositiveIntegerField()
    position = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField("on their way", default=0)
    skipped = models.PositiveIntegerField(default=0)
    reasons = models.JSONField(default=list, help_text="Of the first that were skipped: which, and why.")
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    requested_by = models.CharField(max_length=150)
    created_at = models.DateTimeField("asked for")
    touched_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["touched_at"], name="replay_open", condition=Q(state="running"))]

    def __str__(self) -> str:
        return f"replay {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.RUNNING
