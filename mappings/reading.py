"""How far a division has been read: a row version per list, and what its ledger came to."""

from __future__ import annotations

from django.db import models

from connections.models import Division


class ReadingPoint(models.Model):
    """Up to which row version a list of a division has been read, and among which versions it counts.

    `versions_since` is the division's at that reading: when it differs, Exact counts its versions anew.
    """

    division = models.ForeignKey(Division, on_delete=models.CASCADE, related_name="reading_points")
    path = models.CharField(max_length=200)
    version = models.BigIntegerField()
    versions_since = models.CharField(max_length=60, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["division", "path"], name="reading_point_once")]

    def __str__(self) -> str:
        return f"{self.path} up to {self.version}"


class LedgerCount(models.Model):
    """How many lines of the division's own ledger stand on an account with a VAT code, by the type of their journal.

    Lines that Tillbridge booked are left out: they would prove a mapping by itself.
    """

    division = models.ForeignKey(Division, on_delete=models.CASCADE, related_name="ledger_counts")
    account = models.CharField("GL account", max_length=20)
    vat_code = models.CharField("VAT code", max_length=10, blank=True)
    journal_type = models.IntegerField()
    lines = models.IntegerField()
    read_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["division", "account", "vat_code", "journal_type"], name="ledger_counted_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.lines} lines on {self.account}"
