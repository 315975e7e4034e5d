"""What is kept of proofs of the live books: how much is as it should be, and a row for each thing that is not."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from sync.books_proof.kinds import TITLES


class BooksProof(models.Model):
    """One look at the live books of a lane and month: every leg was looked for in Exact's ledger by its reference.

    `began_at`: when the ledger was first asked; what was sent later is not part of it. `sums`: minor units per currency
    of the legs that stand in one document. `digest`: SHA-256 over each reference with the ids of the documents that
    carry it, and each entry's reference with what it moves: equal digests are equal books.
    """

    lane = models.ForeignKey("sync.SyncLane", on_delete=models.PROTECT, related_name="books_proofs", db_index=False)
    begin = models.DateField()
    end = models.DateField()
    began_at = models.DateTimeField()
    made_at = models.DateTimeField("looked at")
    made_by = models.CharField("asked for by", max_length=150, blank=True)
    is_proven = models.BooleanField()
    events = models.PositiveIntegerField("Square events booked", default=0)
    legs = models.PositiveIntegerField("legs booked", default=0)
    in_one = models.PositiveIntegerField("legs in exactly one document", default=0)
    missing = models.PositiveIntegerField("legs not in Exact", default=0)
    doubled = models.PositiveIntegerField("legs in more than one document", default=0)
    entries = models.PositiveIntegerField(default=0)
    equal = models.PositiveIntegerField("entries equal to the cent", default=0)
    unbooked = models.PositiveIntegerField("legs not booked", default=0)
    settling = models.PositiveIntegerField("legs on their way", default=0)
    found = models.PositiveIntegerField("findings", default=0)
    lines = models.PositiveIntegerField("ledger lines read", default=0)
    sums = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = "proof of the books"
        verbose_name_plural = "proofs of the books"
        ordering = ["-id"]
        indexes = [models.Index(fields=["lane", "begin", "-id"], name="books_proof_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_proven=False) | Q(found=0, missing=0, doubled=0, in_one=F("legs"), equal=F("entries")),
                name="books_proven_without_findings",
            )
        ]
        permissions = [("prove_booksproof", "Can have the books proven")]

    def __str__(self) -> str:
        return f"{self.begin:%B %Y}, {self.lane}"


class BooksFinding(models.Model):
    """One thing that is not as it should be. `entries`: the numbers of the documents in Exact that it is about."""

    KINDS: ClassVar = [(kind.value, title.lower()) for kind, title in TITLES.items()]

    proof = models.ForeignKey(BooksProof, on_delete=models.CASCADE, related_name="findings")
    kind = models.CharField(max_length=12, choices=KINDS)
    sentence = models.TextField("what was found")
    reference = models.CharField(max_length=20)
    leg = models.ForeignKey("sync.Leg", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    posting = models.ForeignKey("sync.Posting", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    entries = models.JSONField(default=list)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reference}"
