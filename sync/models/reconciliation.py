"""What is kept of reconciliations: results, their differences, and the months that people sign off."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from connections.models import Division
from sync.reconciliation.kinds import TITLES


class Reconciliation(models.Model):
    """One comparison of a lane and period. Amounts in minor units, debit +.

    `figures`: [day, role, currency, Square, explained, ours, Exact] per row; `vat`, `debtors`, `flow`: per code,
    customer and day; `checks`: what the month page shows. `digest` covers what a person signs off.
    """

    lane = models.ForeignKey("sync.SyncLane", on_delete=models.PROTECT, related_name="reconciliations")
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="+", db_index=False)
    begin = models.DateField()
    end = models.DateField()
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150, blank=True)
    unexplained = models.BigIntegerField(default=0, help_text="Minor units, over all findings that need a person.")
    findings = models.PositiveIntegerField("differences that need a person", default=0)
    figures = models.JSONField(default=list)
    vat = models.JSONField(default=list)
    debtors = models.JSONField(default=list)
    flow = models.JSONField(default=list)
    checks = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    records = models.PositiveIntegerField(default=0)
    lines = models.PositiveIntegerField("ledger lines read", default=0)
    asked_square = models.BooleanField("Square was asked again", default=False)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["lane", "begin", "end", "-id"], name="reconciliation_newest")]
        permissions = [("reconcile_reconciliation", "Can compare a period anew")]

    def __str__(self) -> str:
        return f"{self.lane}, {self.begin.day} {self.begin:%b %Y} to {self.end.day} {self.end:%b %Y}"

    @property
    def is_clean(self) -> bool:
        return not self.unexplained and not self.findings


class Difference(models.Model):
    """One reason why Square and Exact differ. `cells`: [day, role, currency, Square minus Exact]; without any it
    explains nothing and should be known all the same. `count`: how many it tells of together.
    """

    KINDS: ClassVar = [(kind.value, title.lower()) for kind, title in TITLES.items()]

    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="differences")
    kind = models.CharField(max_length=20, choices=KINDS)
    is_explained = models.BooleanField("explained")
    day = models.DateField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    amount = models.BigIntegerField(default=0, help_text="What it is about, minor units.")
    count = models.PositiveIntegerField(default=1)
    sentence = models.TextField("what happened")
    cells = models.JSONField(default=list)
    source_id = models.CharField("Square id", max_length=255, blank=True)
    reference = models.CharField(max_length=40, blank=True)
    item = models.ForeignKey("sync.SyncItem", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    posting = models.ForeignKey("sync.Posting", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    entry_number = models.BigIntegerField("Exact entry number", null=True, blank=True)

    class Meta:
        ordering = ["is_explained", "-amount", "id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.source_id or self.reference or self.entry_number}"


class Month(models.Model):
    """A month of a lane, as it was last compared and signed off. `starts` is its first day.

    `disturbed`: what changed after the sign-off; empty while the figures are the ones that were signed.
    """

    lane = models.ForeignKey("sync.SyncLane", on_delete=models.PROTECT, related_name="months", db_index=False)
    starts = models.DateField("month")
    reconciliation = models.ForeignKey(
        Reconciliation, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="last compared"
    )
    is_green = models.BooleanField(default=False)
    signed_by = models.CharField(max_length=150, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)
    signed_reason = models.TextField(blank=True)
    signed = models.ForeignKey(Reconciliation, on_delete=models.PROTECT, null=True, related_name="+")
    disturbed = models.TextField(blank=True)
    disturbed_at = models.DateTimeField(null=True, blank=True)
    watched_at = models.DateTimeField("ledger last looked at", null=True, blank=True)

    class Meta:
        ordering = ["-starts", "lane"]
        constraints = [models.UniqueConstraint(fields=["lane", "starts"], name="month_once_per_lane")]
        permissions = [("signoff_month", "Can sign off a month")]

    def __str__(self) -> str:
        return f"{self.starts:%B %Y}, {self.lane}"

    @property
    def is_signed(self) -> bool:
        return self.signed_at is not None
