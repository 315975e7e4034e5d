"""What webhooks leave behind: subscriptions, events, and counts of what was answered otherwise. No payload is kept."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class WebhookSubscription(models.Model):
    """One subscription at a vendor, as last read there: all events of an application at Square, one topic of one
    division at Exact.
    """

    connection = models.ForeignKey("connections.Connection", on_delete=models.CASCADE, related_name="subscriptions")
    remote_id = models.CharField("id at the vendor", max_length=100)
    division = models.ForeignKey(
        "connections.Division", on_delete=models.CASCADE, null=True, blank=True, related_name="subscriptions"
    )
    topics = models.JSONField("events", default=list)
    address = models.CharField(max_length=500)
    is_enabled = models.BooleanField("sends", default=True)
    missing_since = models.DateTimeField(
        null=True, blank=True, help_text="When the vendor no longer listed it, though nobody removed it here."
    )
    created_at = models.DateTimeField()
    read_at = models.DateTimeField("last read")

    class Meta:
        verbose_name = "webhook subscription"
        ordering = ["connection", "division", "remote_id"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "remote_id"], name="subscription_once_per_connection")
        ]

    def __str__(self) -> str:
        what = f"{len(self.topics)} events" if len(self.topics) > 1 else "".join(self.topics) or "all events"
        return f"{what} of {self.division}" if self.division else what


class WebhookEvent(models.Model):
    """One event of a vendor, stored once however often it is delivered. It books nothing: it makes a lane look."""

    class Meaning(models.TextChoices):
        NEW = "new", "just in"
        LANE = "lane", "its lane looks"
        INVOICE = "invoice", "its invoice is read again"
        REFERENCE = "reference", "reference data is read again"
        DRIFT = "drift", "its signed month is watched"
        NOTED = "noted", "nothing to do"
        FOREIGN = "foreign", "of an account nobody connected"

    connection = models.ForeignKey(
        "connections.Connection", on_delete=models.CASCADE, related_name="events", db_index=False
    )
    event_id = models.CharField("event", max_length=190)
    type = models.CharField(max_length=80)
    object_id = models.CharField("object", max_length=190, blank=True)
    account = models.CharField("merchant", max_length=190, blank=True)
    location_id = models.CharField("location", max_length=190, blank=True)
    division = models.IntegerField(null=True, blank=True)
    happened_at = models.DateTimeField("happened")
    received_at = models.DateTimeField("received")
    digest = models.CharField("SHA-256 of what was received", max_length=64)
    deliveries = models.PositiveIntegerField(default=1)
    heeded_at = models.DateTimeField("heeded", null=True, blank=True)
    meaning = models.CharField("what came of it", max_length=10, choices=Meaning, default=Meaning.NEW)

    class Meta:
        verbose_name = "webhook event"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["connection", "event_id"], name="event_once_per_connection")]
        indexes = [
            models.Index(fields=["connection", "-received_at"], name="event_newest"),
            models.Index(fields=["received_at"], name="event_age"),
            models.Index(fields=["object_id"], name="event_object"),
            models.Index(fields=["id"], name="event_unheeded", condition=Q(heeded_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}".strip()


class WebhookTally(models.Model):
    """How often a delivery was answered otherwise on a day (UTC), per connection; none for an unknown address."""

    OUTCOMES: ClassVar = [
        ("validated", "address tried by Exact"), ("too_old", "older than a week"), ("forged", "wrong signature"),
        ("no_key", "no key to check it with"), ("locked", "key cannot be opened"), ("too_large", "too large"),
        ("no_length", "of unknown length"), ("wrong_type", "wrong content type"), ("unreadable", "unreadable"),
        ("unknown", "unknown address"),
    ]  # fmt: skip

    connection = models.ForeignKey(
        "connections.Connection", on_delete=models.CASCADE, null=True, blank=True, related_name="tallies"
    )
    day = models.DateField()
    outcome = models.CharField("answered as", max_length=12, choices=OUTCOMES)
    count = models.PositiveIntegerField(default=1)
    last_at = models.DateTimeField("last time")

    class Meta:
        verbose_name = "other webhook delivery"
        verbose_name_plural = "other webhook deliveries"
        ordering = ["-day", "outcome"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "day", "outcome"], name="tally_once_a_day"),
            models.UniqueConstraint(
                fields=["day", "outcome"], condition=Q(connection=None), name="tally_of_nobody_once_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.get_outcome_display()}"
