"""Plans as they are stored: what a run would book, entry by entry, until a person has decided."""

from __future__ import annotations

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from sync.lifecycle import PlannedState


class Plan(models.Model):
    """What a run has planned: who decided, what it comes to, and the decisions it was made by.

    `accounts`: rows of [GL code, movement booked by us before, movement of the plan], minor units, debit +, by
    currency. `totals`: rows of [role, VAT code, net, VAT], by currency. `left_out`: [name, why] of what cannot be
    planned. `fingerprint` covers mappings, reference data and the lane's choices.
    """

    run = models.OneToOneField("sync.SyncRun", on_delete=models.CASCADE, primary_key=True, related_name="plan")
    subject = models.CharField(max_length=200, blank=True, help_text="What an undo undoes.")
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    entries = models.PositiveIntegerField(default=0)
    lines = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField("calls to Exact", default=0)
    accounts = models.JSONField(default=dict)
    totals = models.JSONField(default=dict)
    left_out = models.JSONField(default=list)
    rebooks = models.JSONField(default=list, help_text="What is booked again once it is taken back, in sentences.")
    fingerprint = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64, blank=True, help_text="Over the digests of its entries.")

    def __str__(self) -> str:
        return f"plan {self.run_id}"


class PlannedEntry(models.Model):
    """One entry of a plan, as it would be booked. `reverses`: the booked entry that it undoes; `again`: the refused one
    that it takes the place of. `lines`: rows of [role, GL code, net, VAT code, VAT, text]. `hashes`: what it was made
    of, by kind (source, mappings, reference, body).
    """

    STATES: ClassVar = [(state.value, state.value) for state in PlannedState]

    run = models.ForeignKey("sync.SyncRun", on_delete=models.CASCADE, related_name="planned", db_index=False)
    position = models.PositiveIntegerField()
    stage = models.CharField(max_length=10)
    document = models.CharField(max_length=12)
    journal = models.CharField(max_length=20)
    date = models.DateField()
    currency = models.CharField(max_length=3)
    total = models.BigIntegerField(help_text="Minor units, the vendor's sign.")
    reference = models.CharField(max_length=20)
    group = models.CharField(max_length=200)
    ordinal = models.PositiveIntegerField(default=0)
    body = models.TextField()
    expected = models.JSONField(default=dict, help_text="Ledger movement per GL account, minor units, debit +.")
    lines = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    leg_ids = models.JSONField(default=list)
    hashes = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=STATES, default=PlannedState.PLANNED)
    reason = models.TextField(blank=True, help_text="Why it was not booked.")
    again = models.ForeignKey("sync.Posting", on_delete=models.CASCADE, null=True, related_name="+")
    reverses = models.ForeignKey("sync.Posting", on_delete=models.CASCADE, null=True, related_name="planned_reversals")

    class Meta:
        verbose_name = "planned entry"
        verbose_name_plural = "planned entries"
        ordering = ["run", "position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="planned_once_per_place")]
        indexes = [models.Index(fields=["reference"], name="planned_reference")]

    def __str__(self) -> str:
        return self.reference
