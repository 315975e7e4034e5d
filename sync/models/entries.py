"""Entries: documents at the other side, and what hangs on them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from connections.models import Division
from mappings.bookkeeping.legs import Document, ProblemKind
from sync.lifecycle import AttachmentState, PostingState
from sync.models.items import SyncItem
from sync.models.lanes import SyncLane
from sync.models.states import choices


class Posting(models.Model):
    """One document at the other side: one Exact entry, with the body exactly as it was sent."""

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="postings", db_index=False)
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="postings", db_index=False)
    document = models.CharField(max_length=12, choices=choices(Document))
    journal = models.CharField(max_length=20)
    reference = models.CharField(max_length=20)
    group = models.CharField(
        max_length=200, help_text="What was summed up: location or merchant, day, currency, debtor."
    )
    ordinal = models.PositiveIntegerField(default=0)
    date = models.DateField()
    currency = models.CharField(max_length=3)
    total = models.BigIntegerField(help_text="Movement of the document's main account, minor units, the vendor's sign.")
    body = models.TextField("as it was sent")
    digest = models.CharField(max_length=64)
    find_by = models.CharField(max_length=100, help_text="The exact text by which the entry is found in Exact.")
    expected = models.JSONField(default=dict, help_text="Ledger movement per GL account, minor units, debit +.")

    state = models.CharField(max_length=10, choices=choices(PostingState), default=PostingState.DRAFT)
    looks_first = models.BooleanField(default=False, help_text="Look the entry up before it is sent.")
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField("first look that found nothing", null=True, blank=True)
    remote_id = models.CharField("Exact entry id", max_length=36, blank=True)
    remote_number = models.BigIntegerField("Exact entry number", null=True, blank=True)
    problem_kind = models.CharField(max_length=30, choices=choices(ProblemKind), blank=True)
    problem = models.TextField(blank=True)
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections")
    split_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="parts", db_index=False,
        help_text="The refused entry that this one is a half of.",
    )  # fmt: skip
    is_adopted = models.BooleanField(default=False, help_text="It stood in Exact before it was sent from here.")
    run_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "entry"
        verbose_name_plural = "entries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["division", "reference"], name="posting_once_per_division"),
            models.UniqueConstraint(fields=["lane", "document", "group", "ordinal"], name="posting_once_per_group"),
        ]
        indexes = [
            models.Index(fields=["lane", "state", "id"], name="posting_work"),
            models.Index(fields=["reference"], name="posting_reference"),
            models.Index(fields=["remote_id"], name="posting_remote"),
            models.Index(fields=["remote_number"], name="posting_number"),
        ]
        permissions = [("replay_posting", "Can replay entries")]

    def __str__(self) -> str:
        return self.reference


class ExactOrder(models.Model):
    """What Exact said of an order when it was last read. `is_over`: its state no longer changes what we would do."""

    item = models.OneToOneField(SyncItem, on_delete=models.CASCADE, related_name="exact_order")
    document = models.CharField(max_length=12, choices=choices(Document))
    remote_id = models.CharField("Exact id", max_length=36)
    number = models.BigIntegerField("Exact number", null=True, blank=True)
    status = models.CharField("state in Exact", max_length=60, blank=True)
    is_over = models.BooleanField(default=False)
    read_at = models.DateTimeField()

    class Meta:
        verbose_name = "order in Exact"
        verbose_name_plural = "orders in Exact"
        indexes = [models.Index(fields=["read_at"], name="exact_order_due", condition=Q(is_over=False))]

    def __str__(self) -> str:
        return f"{self.get_document_display()} {self.number or self.remote_id}"


class Attachment(models.Model):
    """The list of sales behind a summary entry, on its way beside that entry in Exact: a document, then its file."""

    posting = models.OneToOneField(Posting, on_delete=models.PROTECT, related_name="attachment")
    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=choices(AttachmentState), default=AttachmentState.DUE)
    document_id = models.CharField("Exact document id", max_length=36, blank=True)
    file_id = models.CharField("Exact file id", max_length=36, blank=True)
    looks_first = models.BooleanField(default=False, help_text="Look in Exact before anything is created.")
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "list of sales"
        verbose_name_plural = "lists of sales"
        indexes = [models.Index(fields=["lane", "state", "id"], name="attachment_work")]

    def __str__(self) -> str:
        return f"list of {self.posting.reference}"
