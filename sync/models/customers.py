"""Customers that are kept in step: how, how each stands, and accounts that are to be made in Exact."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from connections.models import Connection, Division
from mappings.customers.merging import Direction, Owner
from mappings.models import CustomerMapping, DebtorAccount
from sync.lifecycle import CreationState, LinkState
from sync.models.lanes import SyncLane
from sync.models.states import choices

OWNERS = [
    (Owner.BOTH.value, "both: the side that changed; a conflict when both did"), (Owner.SQUARE.value, "Square"),
    (Owner.EXACT.value, "Exact"), (Owner.NONE.value, "not kept in step"),
]  # fmt: skip
ONE_WAY = "Square's word goes to Exact; Exact's contacts are otherwise left alone."


class CustomerPolicy(models.Model):
    """How a lane keeps customers in step, and how far it has read them."""

    DIRECTIONS: ClassVar = [
        (Direction.BOTH.value, "both ways"), (Direction.TO_EXACT.value, "Square to Exact only"),
        (Direction.TO_SQUARE.value, "Exact to Square only"),
    ]  # fmt: skip
    UNMAPPED: ClassVar = [
        ("leave", "leave them until a payment names them"), ("propose", "propose who they are"),
        ("create", "make an account in Exact, unless there may be one"),
    ]  # fmt: skip

    lane = models.OneToOneField(SyncLane, on_delete=models.CASCADE, related_name="customer_policy")
    direction = models.CharField(max_length=10, choices=DIRECTIONS, default=Direction.BOTH)
    owner_name = models.CharField("name", max_length=6, choices=OWNERS, default=Owner.BOTH)
    owner_email = models.CharField("e-mail", max_length=6, choices=OWNERS, default=Owner.BOTH)
    owner_phone = models.CharField("phone", max_length=6, choices=OWNERS, default=Owner.BOTH)
    owner_address = models.CharField("address", max_length=6, choices=OWNERS, default=Owner.BOTH)
    owner_vat_number = models.CharField("VAT number", max_length=6, choices=OWNERS, default=Owner.BOTH)
    owner_contact = models.CharField(
        "contact person", max_length=6, choices=[OWNERS[1], OWNERS[3]], default=Owner.SQUARE, help_text=ONE_WAY
    )
    owner_terms = models.CharField(
        "payment terms", max_length=6, choices=OWNERS[2:], default=Owner.EXACT,
        help_text="Kept in Exact, and shown at Square as the attribute 'Payment terms' of the customer.",
    )  # fmt: skip
    unmapped = models.CharField(
        "customers nobody mapped", max_length=8, choices=UNMAPPED, default="propose",
        help_text="An account is looked for by VAT number, chamber of commerce number and e-mail before one is made.",
    )  # fmt: skip
    reads_instant_profiles = models.BooleanField(
        "also instant profiles", default=False,
        help_text="Square makes these by itself from card payments: often a card's name and nothing more.",
    )  # fmt: skip
    registration_in_reference = models.BooleanField(
        "Square's reference is the chamber of commerce number", default=False,
        help_text="Square has no field for that number. Tick this if your team writes it in the reference.",
    )  # fmt: skip
    new_condition = models.CharField(
        "payment condition of new accounts",
        max_length=10,
        blank=True,
        help_text="Code of a payment condition in Exact.",
    )
    new_classification = models.CharField(
        "classification of new accounts", max_length=36, blank=True, help_text="GUID of an account classification."
    )

    read_up_to = models.DateTimeField(null=True, blank=True, editable=False)
    reading_to = models.DateTimeField(null=True, blank=True, editable=False)
    reading_from = models.DateTimeField(null=True, blank=True, editable=False)
    has_attribute = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = "how customers are kept in step"
        verbose_name_plural = "how customers are kept in step"

    def __str__(self) -> str:
        return str(self.get_direction_display())


class CustomerLink(models.Model):
    """One Square customer and the Exact account it is.

    `square` is what Square held when it was last read, at `square_version`; what Exact holds stands on the debtor.
    `base`: field -> [Square's value, Exact's] when both last agreed. `chosen`: field -> [value, Square's, Exact's]
    that a person wrote for both, in sight of these. `conflicts`: field -> {"square", "exact", "base"}. `judged`: digest
    of all that decides; while it is the same there is nothing new. `leads`: of several customers that are one account,
    the one that is kept in step. `terms`: what the attribute at Square was last set to.
    """

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="customer_links")
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="+", db_index=False)
    merchant = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    square_id = models.CharField("Square customer", max_length=191)
    debtor = models.ForeignKey(
        DebtorAccount, on_delete=models.PROTECT, related_name="links", verbose_name="Exact account"
    )
    name = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=choices(LinkState), default=LinkState.PENDING)
    sentence = models.TextField("what is the matter", blank=True)
    leads = models.BooleanField(default=False)

    square = models.JSONField(default=dict)
    square_version = models.BigIntegerField(default=-1)
    is_company = models.BooleanField(default=True)
    base = models.JSONField(default=dict)
    chosen = models.JSONField(default=dict)
    conflicts = models.JSONField(default=dict)
    to_exact = models.BooleanField(default=False)
    to_square = models.BooleanField(default=False)
    contact_due = models.BooleanField(default=False)
    contact_id = models.CharField(max_length=36, blank=True)
    terms = models.CharField("payment terms at Square", max_length=255, blank=True)
    is_stale = models.BooleanField(default=False)
    judged = models.CharField(max_length=64, blank=True)
    merged_into = models.CharField(max_length=191, blank=True)

    revision = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField()
    synced_at = models.DateTimeField("last in step", null=True, blank=True)
    changed_at = models.DateTimeField("changed")

    class Meta:
        verbose_name = "customer"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["division", "merchant", "square_id"], name="customer_linked_once"),
            models.UniqueConstraint(
                fields=["division", "debtor"], condition=Q(leads=True), name="one_customer_leads_an_account"
            ),
        ]
        indexes = [
            models.Index(fields=["lane", "state", "name"], name="link_state"),
            models.Index(fields=["lane", "looked_at"], name="link_looked_at"),
        ]
        permissions = [("resolve_customerlink", "Can resolve conflicts of customers")]

    def __str__(self) -> str:
        return self.name or self.square_id


class CustomerCreation(models.Model):
    """An account that is to be made in Exact for a Square customer, exactly once: found again by its reference."""

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="+")
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="+", db_index=False)
    mapping = models.OneToOneField(CustomerMapping, on_delete=models.PROTECT, related_name="creation")
    reference = models.CharField(max_length=30)
    state = models.CharField(max_length=10, choices=choices(CreationState), default=CreationState.DRAFT)
    sentence = models.TextField("what happened", blank=True)
    digest = models.CharField(max_length=64, blank=True, help_text="Of the body that was sent last.")
    remote_id = models.CharField(max_length=36, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "account to be created"
        verbose_name_plural = "accounts to be created"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["division", "reference"], name="creation_reference_once")]

    def __str__(self) -> str:
        return f"{self.reference} for {self.mapping}"
