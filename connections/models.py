"""Who we talk to: authorised accounts, the administrations and locations behind them, and every call made."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from connections.fields import SealedTextField
from connections.snowflake_models import SnowflakeSettings, snowflake_constraints
from connections.webhook_models import WebhookEvent, WebhookSubscription, WebhookTally

__all__ = [
    "CallBudget", "Connection", "ConsentState", "Division", "ErrorBudget", "Location", "VendorCall", "WebhookEvent",
    "WebhookSubscription", "WebhookTally",
]  # fmt: skip


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def without_secrets(self) -> ConnectionQuerySet:
        """For whoever only names connections or looks at their state: no sealed text is fetched."""
        fields = self.model._meta.concrete_fields
        return self.defer(*(field.name for field in fields if isinstance(field, SealedTextField)))


class Connection(SnowflakeSettings):
    """One authorised account at one system."""

    class System(models.TextChoices):
        SQUARE = "square", "Square"
        EXACT = "exact", "Exact Online"
        SNOWFLAKE = "snowflake", "Snowflake"

    class Environment(models.TextChoices):
        PRODUCTION = "production", "production"
        VENDOR_SANDBOX = "vendor_sandbox", "vendor sandbox"
        LOCAL_SANDBOX = "local_sandbox", "local sandbox"

    class Status(models.TextChoices):
        NEW = "new", "waiting for consent"
        LIVE = "live", "live"
        NEEDS_CONSENT = "needs_consent", "needs consent again"
        LOCKED = "locked", "secrets cannot be opened"

    REGIONS: ClassVar = [
        ("nl", "Netherlands"), ("be", "Belgium"), ("uk", "United Kingdom"), ("de", "Germany"),
        ("fr", "France"), ("es", "Spain"), ("us", "United States"),
    ]  # fmt: skip

    system = models.CharField(max_length=10, choices=System)
    environment = models.CharField(max_length=20, choices=Environment, default=Environment.PRODUCTION)
    region = models.CharField(
        max_length=2, choices=REGIONS, blank=True, help_text="Exact Online only: its country site."
    )
    label = models.CharField(max_length=100, unique=True, help_text="What your team calls it, such as the shop's name.")

    client_id = models.CharField("application id", max_length=200)
    client_secret = SealedTextField("application secret", blank=True, null=True)
    access_token = SealedTextField(blank=True, null=True, editable=False)
    refresh_token = SealedTextField(blank=True, null=True, editable=False)
    scopes = models.TextField(blank=True, editable=False)
    granted_at = models.DateTimeField("last token received", null=True, blank=True, editable=False)
    consented_at = models.DateTimeField("last consent", null=True, blank=True, editable=False)
    access_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    refresh_expires_at = models.DateTimeField("dies if nobody acts", null=True, blank=True, editable=False)

    granted_by = models.CharField(
        "site that gave the tokens", max_length=200, blank=True, editable=False,
        help_text="Tokens of one country site or environment are worthless at another.",
    )  # fmt: skip
    account_id = models.CharField("account at the system", max_length=200, blank=True, editable=False)
    account_name = models.CharField(max_length=200, blank=True, editable=False)
    current_division = models.IntegerField(null=True, blank=True, editable=False)
    follow_current_division = models.BooleanField(
        default=False,
        help_text="Book in whatever division the Exact user last opened. Off: lanes keep the division they were given.",
    )

    # Square's signature key of the one subscription, or the webhook secret of the app at Exact. The former one is taken
    # for a while after a change: what is on its way, or tried again, was signed with it.
    webhook_secret = SealedTextField(blank=True, null=True)
    former_webhook_secret = SealedTextField(blank=True, null=True, editable=False)
    former_webhook_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    personal_access_token = SealedTextField("the application's personal access token", blank=True, null=True)
    usual_quiet = models.DurationField("usually silent for at most", null=True, blank=True, editable=False)

    status = models.CharField(max_length=20, choices=Status, default=Status.NEW, editable=False)
    status_reason = models.TextField(blank=True, editable=False)
    status_changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # The refresh lease: who is renewing the token right now, until when, and what was sent when no answer came.
    refresh_fence = models.BigIntegerField(default=0, editable=False)
    refresh_until = models.DateTimeField(null=True, blank=True, editable=False)
    refresh_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    refresh_not_before = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["system", "label"]
        constraints = [
            models.CheckConstraint(
                name="exact_has_a_region", condition=~Q(system="exact") | ~Q(region=""),
                violation_error_message="Choose the country site of Exact Online.",
            ),
            models.CheckConstraint(
                name="exact_has_no_vendor_sandbox", condition=~Q(system="exact") | ~Q(environment="vendor_sandbox"),
                violation_error_message="Exact Online has no sandbox of its own: use a trial division in production.",
            ),
            *snowflake_constraints(),
        ]  # fmt: skip
        permissions = [("authorise_connection", "Can give consent and test a connection")]

    def __str__(self) -> str:
        return self.label

    @property
    def full_name(self) -> str:
        """With its system, for sentences: 'Exact Online “Books”'."""
        return f"{self.get_system_display()} “{self}”"

    def consent_ends(self, now: datetime) -> str:
        """'today' or 'in 5 days', if nobody acts; empty when it has no end."""
        if self.refresh_expires_at is None:
            return ""
        days = max(0, (self.refresh_expires_at - now).days)
        return f"in {days} day{'' if days == 1 else 's'}" if days else "today"


class Division(models.Model):
    """One Exact administration, as Exact described it and as a person pinned it."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="divisions")
    code = models.IntegerField("division")
    name = models.CharField(max_length=200)
    registration_number = models.CharField("chamber of commerce number", max_length=50, blank=True)
    vat_number = models.CharField(max_length=50, blank=True)
    currency = models.CharField(max_length=3)
    country = models.CharField(max_length=2, blank=True)
    is_active = models.BooleanField(default=True, help_text="Exact still lists it as active.")
    is_pinned = models.BooleanField("pinned", default=False, help_text="Lanes may book here.")
    pinned_name = models.CharField(max_length=200, blank=True, editable=False)
    pinned_registration_number = models.CharField(max_length=50, blank=True, editable=False)
    held_reason = models.TextField(
        blank=True, editable=False, help_text="Set when the pinned division vanished or became another one."
    )
    held_at = models.DateTimeField(null=True, blank=True, editable=False)
    read_at = models.DateTimeField("last read", null=True, blank=True, editable=False)
    reference_read_at = models.DateTimeField("reference data read", null=True, blank=True, editable=False)
    reference_changed_at = models.DateTimeField(
        null=True, blank=True, editable=False,
        help_text="When Exact last told that an account or a customer changed, not read since.",
    )  # fmt: skip
    items_read_at = models.DateTimeField("items read", null=True, blank=True, editable=False)
    versions_since = models.CharField(
        max_length=60, blank=True, editable=False,
        help_text="When Exact last moved it or changed its HR link: its row versions started again then.",
    )  # fmt: skip

    class Meta:
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["connection", "code"], name="division_once_per_connection")]
        permissions = [("confirm_division", "Can confirm a changed division")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def is_held(self) -> bool:
        return bool(self.held_reason)


class Location(models.Model):
    """One Square location: its currency and the zone its books live in."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="locations")
    location_id = models.CharField(max_length=50)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    timezone = models.CharField(max_length=60)
    country = models.CharField(max_length=2, blank=True)
    is_active = models.BooleanField(default=True)
    merchant_id = models.CharField(max_length=50)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "location_id"], name="location_once_per_connection")
        ]

    def __str__(self) -> str:
        return self.name


class VendorCall(models.Model):
    """The request ledger: one row per call that left the building. No tokens, no bodies."""

    at = models.DateTimeField()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="calls", db_index=False)
    system = models.CharField(max_length=10)
    operation = models.CharField(max_length=60)
    method = models.CharField(max_length=6)
    division = models.IntegerField(null=True, blank=True)
    status = models.IntegerField(null=True, blank=True, help_text="HTTP status; empty when no answer came.")
    failure = models.CharField(max_length=30, blank=True)
    duration_ms = models.IntegerField()
    trigger = models.CharField(max_length=20)
    run_id = models.BigIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=36, unique=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "call"
        verbose_name_plural = "request ledger"
        indexes = [
            models.Index(fields=["connection", "-at"], name="call_connection"),
            models.Index(fields=["run_id"], name="call_run"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.operation} {self.status or self.failure}"


class CallBudget(models.Model):
    """Token bucket and day count of one (connection, division), shared by every worker."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="budgets")
    division = models.IntegerField()
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()
    minute_limit = models.IntegerField(default=60)
    day_limit = models.IntegerField(default=5000)
    day_remaining = models.IntegerField(default=5000)
    day_resets_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "division"], name="budget_once")]

    def __str__(self) -> str:
        return f"{self.connection_id}/{self.division}: {self.day_remaining} of {self.day_limit}"


class ErrorBudget(models.Model):
    """Errors (400, 401, 403, 404), or refused writes, of one endpoint and division in the five minutes from `hour` on;
    Exact blocks the key above ten an hour.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="error_budgets")
    division = models.IntegerField()
    endpoint = models.CharField(max_length=60)
    hour = models.DateTimeField()
    errors = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "division", "endpoint", "hour"], name="error_budget_once")
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.hour:%H:00}: {self.errors}"


class ConsentState(models.Model):
    """A consent that was started and not yet finished: the one-time `state` of the redirect, kept as a digest."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="consents")
    state_digest = models.CharField(max_length=64, unique=True)
    session_digest = models.CharField(max_length=64)
    started_by = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"consent for {self.connection_id} by {self.started_by}"


class SigningKey(models.Model):
    """The one key that signs the files of the audit trail (Ed25519, hex). The private half stands sealed."""

    name = models.CharField(max_length=20, unique=True)
    public = models.CharField(max_length=64)
    private = SealedTextField()
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.public
