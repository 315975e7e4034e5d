"""Legs: what each record owes the books, and the views of them that people ask for."""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from connections.models import Division, Location
from mappings.bookkeeping.legs import Document, LegKind, ProblemKind
from sync.lifecycle import LegState
from sync.models.entries import Posting
from sync.models.items import SyncItem
from sync.models.lanes import SyncLane
from sync.models.states import choices


class Leg(models.Model):
    """One thing a record owes the books, and the entry that pays it."""

    item = models.ForeignKey(SyncItem, on_delete=models.PROTECT, related_name="legs", db_index=False)
    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="+", db_index=False)
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="+", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=choices(LegKind))
    is_reversal = models.BooleanField(default=False, help_text="Undoes the leg of the same kind and ordinal.")
    ordinal = models.PositiveIntegerField(default=0)
    reference = models.CharField(max_length=20)
    order_id = models.CharField(max_length=192, blank=True)
    document = models.CharField(max_length=12, choices=choices(Document))
    journal = models.CharField(max_length=20)
    date = models.DateField()
    moved_from = models.DateField("own day", null=True, blank=True, help_text="Its own day, when its period is closed.")
    is_late = models.BooleanField(default=False, help_text="Moved to another day, or ready after its day was booked.")
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(default=0, help_text="Sum of lines and VAT, minor units, the vendor's sign.")
    debtor = models.CharField("Exact customer", max_length=36, blank=True)
    owed = models.BigIntegerField(default=0, help_text="What its customer owes more by it, minor units.")
    stands_alone = models.BooleanField(default=False)
    after_sale = models.BooleanField(default=False)
    content = models.JSONField(
        default=dict, encoder=DjangoJSONEncoder, help_text="Lines, accounts and the reasons for them."
    )
    digest = models.CharField(max_length=64)

    state = models.CharField(max_length=10, choices=choices(LegState), default=LegState.WAITING)
    problem_kind = models.CharField(max_length=30, choices=choices(ProblemKind), blank=True)
    problem_subject = models.CharField(max_length=200, blank=True)
    problem = models.TextField(blank=True)
    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, null=True, blank=True, related_name="legs")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["item", "kind", "ordinal", "is_reversal"], name="leg_once_per_item"),
            models.UniqueConstraint(fields=["division", "reference"], name="leg_once_per_division"),
        ]
        indexes = [
            models.Index(fields=["lane", "state", "document", "date"], name="leg_work"),
            models.Index(fields=["lane", "kind", "state", "date"], name="leg_kind"),
            models.Index(fields=["order_id", "kind", "lane"], name="leg_order"),
            models.Index(fields=["lane", "date"], name="leg_day"),
            models.Index(fields=["reference"], name="leg_reference"),
            models.Index(fields=["lane", "date"], name="leg_late", condition=Q(is_late=True)),
            models.Index(fields=["lane", "state"], name="leg_reversals", condition=Q(is_reversal=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Deposit(Leg):
    """A receipt on an order that is not a sale yet: what is owed to the customer in goods or money."""

    class Meta:
        proxy = True
        ordering = ["date", "id"]
        verbose_name = "deposit"


class LateArrival(Leg):
    """A leg that was booked on another day than its own, or after its day had been summed up: a view, no table."""

    class Meta:
        proxy = True
        ordering = ["-date", "-id"]
        verbose_name = "late arrival"
