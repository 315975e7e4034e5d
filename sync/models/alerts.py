"""What people are told by themselves: the limits, what has crossed one, and where the word goes."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from connections.fields import SealedTextField
from connections.models import Connection
from sync.alerts.kinds import TITLES, Kind


class AlertLimits(models.Model):
    """When to speak up, for one connection; the row without a connection is for all that have none of their own.

    A limit that is empty is off.
    """

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="limits",
        help_text="Empty: for every connection without limits of its own.",
    )  # fmt: skip
    errors = models.PositiveIntegerField(
        "failed calls in an hour", null=True, blank=True, default=10, help_text="More than these."
    )
    error_share = models.PositiveSmallIntegerField(
        "failed share of an hour, %", null=True, blank=True, default=25, validators=[MaxValueValidator(100)],
        help_text="More than this, of at least 20 calls, and three times what is usual in a week.",
    )  # fmt: skip
    failed_renewals = models.PositiveSmallIntegerField(
        "token renewals that failed in a row", null=True, blank=True, default=3, validators=[MinValueValidator(1)]
    )
    token_days = models.PositiveSmallIntegerField(
        "days before a consent ends", null=True, blank=True, default=7, validators=[MinValueValidator(1)]
    )
    quota_share = models.PositiveSmallIntegerField(
        "calls of a day, %", null=True, blank=True, default=100,
        help_text="More than this share of the day's calls will be used if the day goes on as it began.",
    )  # fmt: skip
    unbooked_hours = models.PositiveIntegerField(
        "hours until a record is booked", null=True, blank=True, default=48, help_text="Older ones are told."
    )
    unmapped_growth = models.PositiveIntegerField(
        "unmapped records in a day",
        null=True,
        blank=True,
        default=20,
        help_text="More than these new ones in 24 hours.",
    )

    class Meta:
        verbose_name = "alert limits"
        verbose_name_plural = "alert limits"
        ordering = ["connection"]
        constraints = [
            # The column alone would let several rows without a connection stand: empty values differ from one another.
            models.UniqueConstraint(
                Coalesce("connection", 0), name="limits_once",
                violation_error_message="There are limits for this already. Change those.",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"limits of {self.connection}" if self.connection else "limits for every connection"


class Alert(models.Model):
    """One limit that was crossed, from then until all was well again. `calm_since`: it is not crossed at the moment."""

    kind = models.CharField(max_length=20, choices=[(kind.value, TITLES[kind]) for kind in Kind])
    subject = models.CharField(max_length=100, help_text="What it is about, for machines: connection 4, lane 2.")
    title = models.CharField(max_length=200)
    sentence = models.TextField()
    page = models.CharField(max_length=300, blank=True, help_text="Where it is put right.")
    opened_at = models.DateTimeField("since")
    calm_since = models.DateTimeField(null=True, blank=True)
    recovered_at = models.DateTimeField("over since", null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(recovered_at=None), name="one_open_alert_per_subject"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.recovered_at is None


class AlertChannel(models.Model):
    """Where alerts go: mail addresses, or an address that takes Slack's message form."""

    class Way(models.TextChoices):
        MAIL = "mail", "e-mail"
        WEBHOOK = "webhook", "webhook (Slack's form)"

    name = models.CharField(max_length=100, unique=True)
    way = models.CharField(max_length=10, choices=Way, default=Way.MAIL)
    addresses = models.TextField("e-mail addresses", blank=True, help_text="One on a line.")
    url = SealedTextField("webhook address", blank=True, null=True)
    host = models.CharField(max_length=255, blank=True, editable=False)
    kinds = models.JSONField("only these", default=list, blank=True)
    is_on = models.BooleanField("on", default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def takes(self, kind: str) -> bool:
        return self.is_on and (not self.kinds or kind in self.kinds)


class AlertMessage(models.Model):
    """One message of one alert to one channel. It may be sent twice when a worker dies in between, never not at all."""

    class State(models.TextChoices):
        WAITING = "waiting", "on its way"
        SENT = "sent", "sent"
        FAILED = "failed", "given up"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="messages")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="messages")
    is_recovery = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "is_recovery"], name="one_message_per_channel")
        ]
        indexes = [models.Index(fields=["due_at"], name="message_due", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{'recovery' if self.is_recovery else 'alert'} to {self.channel}"
