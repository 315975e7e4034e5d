"""What is kept of the clearing account: the balance a lane began with, and proofs as they were found."""

from __future__ import annotations

from django.db import models


class ClearingOpening(models.Model):
    """What the Square balance was when a lane went live, in a currency, as somebody said it. The newest one counts."""

    lane = models.ForeignKey("sync.SyncLane", on_delete=models.PROTECT, related_name="openings")
    currency = models.CharField(max_length=3)
    day = models.DateField(help_text="The balance at the beginning of this local day.")
    amount = models.BigIntegerField(help_text="Minor units; what Square owed and had not paid out.")
    reason = models.TextField("where the figure is from")
    stated_by = models.CharField(max_length=150)
    stated_at = models.DateTimeField()

    class Meta:
        verbose_name = "opening balance"
        ordering = ["lane", "currency", "-id"]

    def __str__(self) -> str:
        return f"{self.lane}, {self.currency} on {self.day.day} {self.day:%b %Y}"


class ClearingProof(models.Model):
    """A proof of a lane's clearing account as it was found, kept with its time. `found`: figures and differences."""

    lane = models.ForeignKey("sync.SyncLane", on_delete=models.PROTECT, related_name="proofs")
    currency = models.CharField(max_length=3)
    day = models.DateField()
    made_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150, blank=True)
    is_proven = models.BooleanField()
    found = models.JSONField(default=dict)

    class Meta:
        verbose_name = "clearing account"
        verbose_name_plural = "clearing"
        ordering = ["-made_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["lane", "currency", "day"], name="one_proof_per_day")]

    def __str__(self) -> str:
        return f"{self.lane}, {self.currency}, {self.day.day} {self.day:%b %Y}"


class SuspenseCleared(models.Model):
    """Somebody found out what a payout entry in suspense was, and booked it over."""

    leg = models.OneToOneField("sync.Leg", on_delete=models.PROTECT, related_name="cleared")
    reason = models.TextField("what it was")
    cleared_by = models.CharField(max_length=150)
    cleared_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.leg}: {self.reason}"
