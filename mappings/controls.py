"""What keeps a change of a mapping safe, as rows: examples, four eyes, and what waits for them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from connections.models import Division
from mappings.roles import Role

RATE = {"max_digits": 7, "decimal_places": 4, "null": True, "blank": True}


class MappingExample(models.Model):
    """What finance says must come of an amount: every save of a rule is tried against it. Amounts are decimals of the
    division's currency, `amount` with the tax inside.
    """

    ROLES: ClassVar = [(role.value, role.words) for role in Role]

    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="mapping_examples")
    role = models.CharField(max_length=20, choices=ROLES)
    amount = models.DecimalField(max_digits=14, decimal_places=2, help_text="With the tax inside, such as 12.10.")
    on = models.DateField("day")
    tax_name = models.CharField("tax name", max_length=255, blank=True)
    tax_rate = models.DecimalField("tax rate %", **RATE)  # type: ignore[arg-type]
    tender = models.CharField(max_length=40, blank=True)
    location = models.CharField("Square location", max_length=50, blank=True)
    category = models.CharField("catalogue category", max_length=192, blank=True)
    customer_kind = models.CharField(max_length=20, blank=True)
    fee_type = models.CharField(max_length=40, blank=True)
    payout_entry_type = models.CharField(max_length=60, blank=True)
    account = models.ForeignKey(
        "mappings.LedgerAccount", on_delete=models.PROTECT, related_name="+", verbose_name="must go to"
    )
    vat_code = models.ForeignKey(
        "mappings.VatCode", on_delete=models.PROTECT, related_name="+", verbose_name="with VAT code", null=True,
        blank=True,
    )  # fmt: skip
    net = models.DecimalField("net must be", max_digits=14, decimal_places=2)
    vat = models.DecimalField("VAT must be", max_digits=14, decimal_places=2, default=0)
    is_in_force = models.BooleanField("in force", default=True, help_text="Off: kept, and tried no longer.")
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["division", "role", "id"]

    def __str__(self) -> str:
        rate = f"{self.tax_rate.normalize():f} %" if self.tax_rate is not None else ""
        parts = [self.tax_name, rate, self.tender, self.location, self.category, self.customer_kind, self.fee_type,
                 self.payout_entry_type]  # fmt: skip
        told = ", ".join(filter(None, parts))
        role = self.get_role_display()
        what = f"{role} ({told})" if told else role
        code = f" with VAT code {self.vat_code.code}" if self.vat_code else ""
        currency = self.division.currency
        return (
            f"{currency} {self.amount:.2f} of {what} on {self.on} must go to {self.account.code}{code}: "
            f"net {self.net:.2f}, VAT {self.vat:.2f}"
        )


class MappingPolicy(models.Model):
    """How mappings of a division may be changed."""

    division = models.OneToOneField(Division, on_delete=models.PROTECT, related_name="mapping_policy")
    four_eyes = models.BooleanField(
        default=False, help_text="A change of a mapping counts only once somebody else has approved it."
    )
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "mapping policies"
        ordering = ["division"]

    def __str__(self) -> str:
        return f"mapping policy of {self.division}"


class ProposedChange(models.Model):
    """A change of a mapping that somebody else must approve. `model` is the model's name, `subject_id` empty for a new
    row. `values` and `before`: the row's fields as it would be and as it was. `shown`: [field, before, after].
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waits for approval"
        APPROVED = "approved", "approved"
        REJECTED = "rejected", "rejected"
        WITHDRAWN = "withdrawn", "withdrawn"

    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="+")
    model = models.CharField("kind", max_length=30)
    subject_id = models.BigIntegerField(null=True, blank=True)
    subject = models.CharField(max_length=200)
    values = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    shown = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    proposed_by = models.CharField(max_length=150)
    proposed_at = models.DateTimeField()
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why it was rejected.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "model", "subject_id"], name="proposed_waiting")]
        permissions: ClassVar = [("approve_proposedchange", "Can approve a proposed change of a mapping")]

    def __str__(self) -> str:
        return self.subject
