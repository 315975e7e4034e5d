"""Records: what Square told, as last read, and what a person stated in its stead."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from connections.models import Location
from mappings.bookkeeping.legs import ProblemKind
from sync.lifecycle import ItemState
from sync.models.lanes import SyncLane
from sync.models.states import choices


class SyncItem(models.Model):
    """One source record as last read: a Square payment with its order, a refund with its return, a payout with its
    entries. `parent_id` is the payment that a refund gives back.
    """

    KINDS: ClassVar = [
        (kind, kind) for kind in ("payment", "refund", "payout", "dispute", "expiry", "order", "invoice")
    ]

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="items", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=KINDS, default="payment")
    source_id = models.CharField("Square id", max_length=255)
    parent_id = models.CharField("of Square payment", max_length=192, blank=True)
    order_id = models.CharField("Square order", max_length=192, blank=True)
    customer_id = models.CharField("Square customer", max_length=191, blank=True)
    receipt_number = models.CharField(max_length=10, blank=True)
    tender = models.CharField(max_length=40, blank=True)
    source_updated_at = models.DateTimeField()
    took_place_at = models.DateTimeField()
    local_day = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    amount = models.BigIntegerField(default=0, help_text="Minor units, tip included.")
    payload = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    state = models.CharField(max_length=10, choices=choices(ItemState), default=ItemState.EXTRACTED)
    problem_kind = models.CharField(max_length=30, choices=choices(ProblemKind), blank=True)
    problem_subject = models.CharField(max_length=200, blank=True)
    problem = models.TextField(blank=True)
    waiting_since = models.DateTimeField(null=True, blank=True)
    released = models.BooleanField(
        default=False, help_text="A person lets this be posted although it lies before go-live."
    )
    to_correct = models.BooleanField(
        default=False, help_text="A person lets its change be booked as a correction, whatever the lane's policy."
    )
    attempts = models.PositiveIntegerField(default=0)
    recheck_at = models.DateTimeField(null=True, blank=True, help_text="When its order is read again.")
    dismissed_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "record"
        ordering = ["-took_place_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["lane", "source_id"], name="item_once_per_lane")]
        indexes = [
            models.Index(fields=["-took_place_at", "-id"], name="item_newest"),
            models.Index(fields=["lane", "state", "id"], name="item_work"),
            models.Index(fields=["source_id"], name="item_source"),
            models.Index(fields=["lane", "local_day"], name="item_day"),
            models.Index(fields=["order_id"], name="item_order"),
            models.Index(fields=["parent_id"], name="item_parent", condition=~Q(parent_id="")),
            models.Index(fields=["lane", "-took_place_at"], name="item_orders", condition=Q(kind="order")),
            models.Index(fields=["lane", "recheck_at"], name="item_recheck", condition=Q(recheck_at__isnull=False)),
            models.Index(fields=["problem_kind", "problem_subject"], name="item_problem", condition=Q(state="waiting")),
        ]
        permissions = [
            ("replay_syncitem", "Can replay records"), ("dismiss_syncitem", "Can dismiss records"),
            ("correct_syncitem", "Can book corrections"), ("edit_syncitem", "Can edit how waiting records are booked"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.source_id


class Settlement(models.Model):
    """What one payout said of a payment or refund: a later payout is compared with what is left unsaid.

    `gross` and `fee` in minor units and Square's signs.
    """

    item = models.ForeignKey(SyncItem, on_delete=models.CASCADE, related_name="settlements")
    event = models.CharField(max_length=255, help_text="Square id of the payment or refund.")
    gross = models.BigIntegerField()
    fee = models.BigIntegerField()
    is_verified = models.BooleanField(default=True, help_text="It was booked when the payout was compared with it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "event"], name="settled_once_per_payout")]
        indexes = [
            models.Index(fields=["event"], name="settlement_event"),
            models.Index(fields=["item"], name="settlement_unverified", condition=Q(is_verified=False)),
        ]

    def __str__(self) -> str:
        return self.event


class OrderRecord(SyncItem):
    """A record that is an order: the same rows, for the page that shows both sides of each."""

    class Meta:
        proxy = True
        verbose_name = "order"


class Expiry(models.Model):
    """Gift cards that a person stated as expired: Square does not tell. `amount` in minor units."""

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    on = models.DateField()
    amount = models.BigIntegerField()
    reason = models.TextField()
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    item = models.OneToOneField(SyncItem, on_delete=models.PROTECT, null=True, editable=False, related_name="+")

    class Meta:
        verbose_name = "expired gift cards"
        verbose_name_plural = "expired gift cards"
        ordering = ["-on", "-id"]

    def __str__(self) -> str:
        return f"gift cards expired on {self.on}"
