"""Who is who and which account is which: decisions of finance staff, and the division's reference data beside them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from connections.models import Connection, Division
from mappings import (
    controls,  # noqa: F401 - rows of this app too
    reading,
)
from mappings.bookkeeping.conventions import Conventions, Discounts, FeeVat, GiftCards, Service, Tips
from mappings.roles import Role

# Django looks for rows here; these have a module of their own.
LedgerCount, ReadingPoint = reading.LedgerCount, reading.ReadingPoint


class Decision(models.TextChoices):
    PROPOSED = "proposed", "proposed"
    MATCHED = "matched", "matched"
    CONFLICT = "conflict", "conflict"
    IGNORED = "ignored", "ignored"
    # Of customers only: the next run of the lane that keeps them in step makes the account, or finds it.
    CREATE = "create", "to be created in Exact"


NARROWING = (
    "division", "role", "location", "tender", "tax_name", "category", "customer_kind", "fee_type", "payout_entry_type",
    "effective_from",
)  # fmt: skip
TWICE = "There is already a rule for exactly this from that date on."


class CustomerMapping(models.Model):
    """Which Exact account a Square customer is, from a date on."""

    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="customer_mappings")
    merchant = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="customer_mappings", verbose_name="Square connection",
        limit_choices_to={"system": Connection.System.SQUARE},
    )  # fmt: skip
    square_customer_id = models.CharField("Square customer", max_length=191)
    square_name = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=10, choices=Decision, default=Decision.PROPOSED)
    debtor = models.ForeignKey(
        "DebtorAccount", on_delete=models.PROTECT, null=True, blank=True, related_name="mappings",
        verbose_name="Exact account", help_text="Ignored: leave empty, sales go to the collective debtor of the lane.",
    )  # fmt: skip
    candidates = models.JSONField(
        default=list, blank=True, help_text="Exact accounts that may be meant, with the evidence."
    )
    square_profile = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What Square told of the customer; see `profiles`."
    )
    square_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    effective_from = models.DateField()
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["square_name", "square_customer_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["division", "merchant", "square_customer_id", "effective_from"],
                name="customer_mapped_once_a_day",
                violation_error_message="This customer already has a mapping from that date on.",
            ),
            models.CheckConstraint(
                name="matched_has_an_account", condition=~Q(status="matched") | Q(debtor__isnull=False),
                violation_error_message="A matched customer needs its Exact account.",
            ),
        ]  # fmt: skip
        permissions: ClassVar = [
            ("resolve_customermapping", "Can resolve mapping conflicts"),
            ("import_customermapping", "Can import customer mappings"),
            ("export_customermapping", "Can export customer mappings"),
        ]

    def __str__(self) -> str:
        return self.square_name or self.square_customer_id


class ItemMapping(models.Model):
    """Which Exact item an article of Square is, from a date on; asked for when orders are written with their items."""

    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="item_mappings")
    merchant = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="item_mappings", verbose_name="Square connection",
        limit_choices_to={"system": Connection.System.SQUARE},
    )  # fmt: skip
    square_item = models.CharField(
        "Square article", max_length=255, help_text="Its catalogue id; name:<name> for what is in no catalogue."
    )
    square_name = models.CharField("name in Square", max_length=300, blank=True)
    status = models.CharField(max_length=10, choices=Decision, default=Decision.PROPOSED)
    item = models.ForeignKey(
        "ExactItem", on_delete=models.PROTECT, null=True, blank=True, related_name="mappings",
        verbose_name="Exact item", help_text="Ignored: leave empty, orders then use the lane's item for the rest.",
    )  # fmt: skip
    candidates = models.JSONField(default=list, blank=True)
    effective_from = models.DateField()
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["square_name", "square_item"]
        constraints = [
            models.UniqueConstraint(
                fields=["division", "merchant", "square_item", "effective_from"], name="item_mapped_once_a_day",
                violation_error_message="This article already has a mapping from that date on.",
            ),
            models.CheckConstraint(
                name="matched_article_has_an_item", condition=~Q(status="matched") | Q(item__isnull=False),
                violation_error_message="A matched article needs its Exact item.",
            ),
        ]  # fmt: skip
        permissions: ClassVar = [
            ("resolve_itemmapping", "Can resolve mapping conflicts of items"),
            ("import_itemmapping", "Can import item mappings"),
            ("export_itemmapping", "Can export item mappings"),
        ]

    def __str__(self) -> str:
        return self.square_name or self.square_item


class GLMapping(models.Model):
    """A rule that gives a ledger role its account, narrowed by what is filled in; the most specific rule wins."""

    ROLES: ClassVar = [(role.value, role.words) for role in Role]

    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="gl_mappings")
    role = models.CharField(max_length=20, choices=ROLES)
    location = models.CharField("Square location", max_length=50, blank=True)
    tender = models.CharField(max_length=40, blank=True, help_text="CARD, CASH, GIFT_CARD, EXTERNAL:<type>, ...")
    tax_name = models.CharField("tax name", max_length=255, blank=True)
    tax_rate = models.DecimalField("tax rate %", max_digits=7, decimal_places=4, null=True, blank=True)
    category = models.CharField("catalogue category", max_length=192, blank=True)
    customer_kind = models.CharField(max_length=20, blank=True)
    fee_type = models.CharField(max_length=40, blank=True)
    payout_entry_type = models.CharField(max_length=60, blank=True)
    account = models.ForeignKey(
        "LedgerAccount",
        on_delete=models.PROTECT,
        related_name="mappings",
        verbose_name="GL account",
        null=True,
        blank=True,
    )
    vat_code = models.ForeignKey(
        "VatCode", on_delete=models.PROTECT, related_name="mappings", verbose_name="VAT code", null=True, blank=True
    )
    cost_center = models.CharField(max_length=20, blank=True)
    cost_unit = models.CharField(max_length=20, blank=True)
    status = models.CharField(max_length=10, choices=Decision, default=Decision.MATCHED)
    candidates = models.JSONField(default=list, blank=True)
    effective_from = models.DateField()
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "GL mapping"
        ordering = ["division", "role", "tax_rate", "id"]
        constraints = [
            # Two constraints, because SQLite counts empty rates as different from one another.
            models.UniqueConstraint(
                fields=[*NARROWING, "tax_rate"], name="gl_rule_once_a_day", violation_error_message=TWICE
            ),
            models.UniqueConstraint(
                fields=NARROWING, condition=Q(tax_rate__isnull=True), name="gl_rule_without_rate_once_a_day",
                violation_error_message=TWICE,
            ),
            models.CheckConstraint(
                name="matched_rule_has_an_account", condition=~Q(status="matched") | Q(account__isnull=False),
                violation_error_message="A rule in use needs its GL account.",
            ),
        ]  # fmt: skip
        permissions: ClassVar = [
            ("resolve_glmapping", "Can resolve mapping conflicts of GL accounts"),
            ("import_glmapping", "Can import GL mappings"),
            ("export_glmapping", "Can export GL mappings"),
        ]

    def __str__(self) -> str:
        rate = f"{self.tax_rate.normalize():f} %" if self.tax_rate is not None else ""
        narrowed = [
            self.location, self.tender, self.tax_name, rate, self.category, self.customer_kind, self.fee_type,
            self.payout_entry_type,
        ]  # fmt: skip
        return " · ".join([self.get_role_display(), *filter(None, narrowed)])


class Convention(models.Model):
    """How a division books what may be booked in several ways, from a day on. Without a row: the defaults.

    A newer row does not alter what is booked: each leg keeps the choices it was booked by.
    """

    FEE_VAT: ClassVar = [
        (FeeVat.NONE.value, "none: the whole fee is cost"),
        (FeeVat.INCLUDED.value, "inside the fee, at the rate of the rule's VAT code"),
        (FeeVat.REVERSE_CHARGE.value, "reverse charge, by the rule's VAT code of 0 %"),
        (FeeVat.SEPARATE.value, "taken apart by Square, until its tax invoice is booked"),
    ]
    TIPS: ClassVar = [(Tips.PAYABLE.value, "owed to staff"), (Tips.KEPT.value, "kept by the business, VAT inside")]
    SERVICE: ClassVar = [
        (Service.AS_CHARGED.value, "with the tax that Square charged"),
        (Service.TAXED.value, "always taxed: one without tax waits"),
    ]
    DISCOUNTS: ClassVar = [
        (Discounts.NETTED.value, "netted into revenue"),
        (Discounts.CONTRA.value, "on an account of their own"),
    ]
    GIFT_CARDS: ClassVar = [
        (GiftCards.MULTI_PURPOSE.value, "multi-purpose: a debt until spent"),
        (GiftCards.SINGLE_PURPOSE.value, "single-purpose: taxed when sold"),
    ]

    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="conventions")
    effective_from = models.DateField()
    fee_vat = models.CharField("VAT on fees", max_length=20, choices=FEE_VAT, default=FeeVat.NONE)
    tips = models.CharField(max_length=20, choices=TIPS, default=Tips.PAYABLE)
    service = models.CharField("service charges", max_length=20, choices=SERVICE, default=Service.AS_CHARGED)
    discounts = models.CharField(max_length=20, choices=DISCOUNTS, default=Discounts.NETTED)
    gift_cards = models.CharField(max_length=20, choices=GIFT_CARDS, default=GiftCards.MULTI_PURPOSE)
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["division", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["division", "effective_from"], name="conventions_once_a_day",
                violation_error_message="The division already has conventions from that day on.",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.division} since {self.effective_from}"

    @property
    def choices(self) -> Conventions:
        return Conventions(
            fee_vat=FeeVat(self.fee_vat),
            tips=Tips(self.tips),
            service=Service(self.service),
            discounts=Discounts(self.discounts),
            gift_cards=GiftCards(self.gift_cards),
            since=self.effective_from,
        )


class TenderJournal(models.Model):
    """A journal of its own for the money of one tender that Square does not settle."""

    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="tender_journals")
    tender = models.CharField(max_length=40, help_text="GIFT_CARD, or EXTERNAL: and Square's type: EXTERNAL:CHECK")
    journal = models.CharField(max_length=20, help_text="Code of a bank (type 12) or cash journal (type 10).")
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["division", "tender"]
        constraints = [
            models.UniqueConstraint(
                fields=["division", "tender"], name="tender_journal_once",
                violation_error_message="This tender already has a journal.",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.tender} in journal {self.journal}"


class RemoteRow(models.Model):
    """What all cached rows of a division share. `gone_at`: Exact no longer lists it; who is not `IS_KEPT` then goes."""

    IS_KEPT: ClassVar[bool] = True

    division = models.ForeignKey(Division, on_delete=models.CASCADE)
    remote_id = models.CharField(max_length=36, help_text="Exact's GUID.")
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class ReferenceRow(RemoteRow):
    """What mappings, rules and lines name by a code."""

    code = models.CharField(max_length=20)
    name = models.CharField(max_length=300)
    is_blocked = models.BooleanField(default=False)

    class Meta:
        abstract = True
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class LedgerAccount(ReferenceRow):
    """A GL account. `type` is Exact's GLAccounts.Type: 12 bank, 20 receivables, 110 revenue, ..."""

    type = models.IntegerField()
    vat_code = models.CharField(max_length=10, blank=True)
    cost_center_use = models.PositiveSmallIntegerField(default=0, help_text="0 optional, 1 mandatory, 2 none.")
    cost_unit_use = models.PositiveSmallIntegerField(default=0, help_text="0 optional, 1 mandatory, 2 none.")

    class Meta(ReferenceRow.Meta):
        verbose_name = "GL account"
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="ledger_account_once")]


class VatCode(ReferenceRow):
    """A VAT code. `percentage` is a fraction (0.21); `type` B, E, I or N (none); `account` is the code's GLToPay,
    `claim_account` its GLToClaim; `use` B both, P purchases, S sales.
    """

    percentage = models.DecimalField(max_digits=9, decimal_places=6)
    type = models.CharField(max_length=1)
    use = models.CharField("used for", max_length=1, blank=True)
    account = models.CharField("GL account to pay", max_length=20, blank=True)
    claim_account = models.CharField("GL account to claim", max_length=20, blank=True)

    class Meta(ReferenceRow.Meta):
        verbose_name = "VAT code"
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="vat_code_once")]


class Journal(ReferenceRow):
    """A journal. `type` 10 cash, 12 bank, 20 sales, 90 general; `account` its own GL account (bank and cash)."""

    type = models.IntegerField()
    currency = models.CharField(max_length=3, blank=True)
    allows_other_currencies = models.BooleanField(default=False)
    account = models.CharField("GL account", max_length=20, blank=True)
    allows_vat = models.BooleanField("allows VAT", default=False)

    class Meta(ReferenceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="journal_once")]


class CostCenter(ReferenceRow):
    """A cost centre; lines carry its code. Read only while a rule names one."""

    class Meta(ReferenceRow.Meta):
        verbose_name = "cost centre"
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="cost_center_once")]


class CostUnit(ReferenceRow):
    """A cost unit, as a cost centre."""

    class Meta(ReferenceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="cost_unit_once")]


class PaymentCondition(ReferenceRow):
    """Terms of payment that customers name by their code. Exact has no way to block one."""

    class Meta(ReferenceRow.Meta):
        verbose_name = "payment condition"
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="payment_condition_once")]


class DebtorAccount(ReferenceRow):
    """A customer in Exact (crm/Accounts). Only status C can be sold to."""

    status = models.CharField(max_length=1, blank=True)
    email = models.CharField(max_length=254, blank=True)
    vat_number = models.CharField(max_length=30, blank=True)
    receivables_account = models.CharField(max_length=36, blank=True, help_text="GUID of its own AR account, if any.")
    payment_condition = models.CharField(max_length=10, blank=True, help_text="Code of its payment terms for sales.")
    registration_number = models.CharField("chamber of commerce number", max_length=50, blank=True)
    phone = models.CharField(max_length=50, blank=True)
    address = models.CharField(max_length=200, blank=True)
    address2 = models.CharField("second address line", max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=3, blank=True)
    same_as = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="doubles",
        help_text="Finance said that this is the same party; the other one is proposed for customers, this one not.",
    )  # fmt: skip
    is_supplier = models.BooleanField("also a supplier", default=False)

    class Meta(ReferenceRow.Meta):
        verbose_name = "Exact customer"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="debtor_once")]


class ExactItem(ReferenceRow):
    """An item that can be sold. Blocked: no longer sold, or ended. `cost` is the standard cost price of one unit; the
    accounts are codes, empty where the item names none.
    """

    code = models.CharField(max_length=30)
    unit = models.CharField(max_length=10, blank=True)
    cost = models.DecimalField("standard cost", max_digits=19, decimal_places=6, null=True, blank=True)
    cost_currency = models.CharField(max_length=3, blank=True)
    revenue_account = models.CharField("revenue on", max_length=20, blank=True)
    cost_account = models.CharField("costs on", max_length=20, blank=True)
    stock_account = models.CharField("stock on", max_length=20, blank=True)
    vat_code = models.CharField("VAT code", max_length=10, blank=True)
    is_stocked = models.BooleanField("kept in stock", default=False)

    class Meta(ReferenceRow.Meta):
        verbose_name = "Exact item"
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="exact_item_once")]


class ClosedPeriod(models.Model):
    """A (year, period, journal) that Exact reports as closed."""

    division = models.ForeignKey(Division, on_delete=models.CASCADE, related_name="closed_periods")
    journal = models.CharField(max_length=20)
    year = models.IntegerField()
    period = models.IntegerField()
    starts = models.DateField()
    ends = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["division", "journal", "year", "period"], name="closed_once")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """By which records that wait for this period are grouped."""
        return f"{self.journal} {self.year}-{self.period:02}"


# Django finds a package's models here, and those that belong to the ones above.
from mappings import belongings  # noqa: E402, F401
from mappings.sheets.models import SheetImport, SheetRow  # noqa: E402, F401
