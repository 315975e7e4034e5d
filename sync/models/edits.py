"""What people say of a record in Square's stead; the record itself stays as Square sent it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from sync.lifecycle import STANDING_EDITS, EditState
from sync.models.items import SyncItem
from sync.models.states import choices


class ItemEdit(models.Model):
    """One edit of one record. `change`: only what is said otherwise (see `mappings.bookkeeping.edit`); `shown`: [what,
    as Square has it, as edited]. It counts for the record of this `source_digest` alone. `amount` in minor units.
    """

    STATES: ClassVar = choices(EditState)

    item = models.ForeignKey(SyncItem, on_delete=models.PROTECT, related_name="edits", db_index=False)
    change = models.JSONField(default=dict)
    shown = models.JSONField(default=list)
    source_digest = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    reason = models.TextField()
    state = models.CharField(max_length=10, choices=STATES)
    proposed_by = models.CharField("edited by", max_length=150)
    proposed_at = models.DateTimeField("edited")
    decided_by = models.CharField(max_length=150, blank=True, help_text="Who approved, rejected or withdrew it.")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision = models.TextField(blank=True, help_text="Why it was rejected or withdrawn.")

    class Meta:
        verbose_name = "edit of a record"
        verbose_name_plural = "edits of records"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["item"],
                condition=Q(state__in=[state.value for state in STANDING_EDITS]),
                name="one_standing_edit_per_record",
            )
        ]
        indexes = [models.Index(fields=["item", "-id"], name="edit_of_record")]
        permissions = [("approve_itemedit", "Can approve edits of records above the limit")]

    def __str__(self) -> str:
        return f"edit of {self.item.receipt_number or self.item.source_id}"

    @property
    def sentence(self) -> str:
        """What was said otherwise, by whom and why."""
        changes = "; ".join(f"{what}: {before} became {after}" for what, before, after in self.shown)
        approved = f", approved by {self.decided_by}" if self.decided_by and self.state == EditState.IN_FORCE else ""
        return f"Edited by {self.proposed_by}{approved}: {changes} ({self.reason})"
