"""What belongs to a customer or an item in Exact: people and addresses, prices. Cached, shown, and never written.

Personal data is kept no longer than it is of use: such a row goes when Exact removes it, or when the account is no
customer any more; only what mappings name stays behind as a row that is gone.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from mappings.models import DebtorAccount, ExactItem, RemoteRow


class DebtorContact(RemoteRow):
    """A person at a customer (crm/Contacts). `ends`: the last day they are there."""

    IS_KEPT = False

    account = models.ForeignKey(DebtorAccount, on_delete=models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=300, blank=True)
    job_title = models.CharField(max_length=100, blank=True)
    email = models.CharField("e-mail", max_length=254, blank=True)
    second_email = models.CharField("second e-mail", max_length=254, blank=True)
    phones = models.JSONField(default=list, blank=True, help_text="Numbers as Exact writes them.")
    is_main = models.BooleanField("main contact", default=False)
    ends = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = "Exact contact"
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="contact_once")]

    def __str__(self) -> str:
        return self.name or self.email or "Contact without a name"

    @property
    def emails(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.email, self.second_email)))


class DebtorAddress(RemoteRow):
    """An address of a customer (crm/Addresses). `is_main`: the one used of its kind."""

    IS_KEPT = False
    KINDS: ClassVar = [(1, "visit"), (2, "postal"), (3, "invoice"), (4, "delivery")]

    account = models.ForeignKey(DebtorAccount, on_delete=models.CASCADE, related_name="addresses")
    kind = models.PositiveSmallIntegerField(choices=KINDS, null=True, blank=True)
    lines = models.CharField("address", max_length=310, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=30, blank=True)
    country = models.CharField(max_length=3, blank=True)
    phone = models.CharField(max_length=50, blank=True)
    is_main = models.BooleanField("main address", default=False)

    class Meta:
        verbose_name = "Exact address"
        verbose_name_plural = "Exact addresses"
        ordering = ["kind", "pk"]
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="address_once")]

    def __str__(self) -> str:
        return (
            ", ".join(filter(None, (self.lines, f"{self.postcode} {self.city}".strip(), self.country))) or "No address"
        )


class Price(RemoteRow):
    """What an item costs, in the price's own currency, between two days."""

    IS_KEPT = False

    price = models.DecimalField(max_digits=19, decimal_places=6)
    currency = models.CharField(max_length=3, blank=True)
    unit = models.CharField(max_length=10, blank=True)
    starts = models.DateField(null=True, blank=True)
    ends = models.DateField(null=True, blank=True)

    class Meta:
        abstract = True


class SalesPrice(Price):
    """Of anybody, from a quantity on (logistics/SalesItemPrices). Prices of one customer are not kept."""

    item = models.ForeignKey(ExactItem, on_delete=models.CASCADE, related_name="sales_prices")
    quantity = models.DecimalField(max_digits=19, decimal_places=6, default=1)

    class Meta:
        ordering = ["quantity", "starts", "pk"]
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="sales_price_once")]

    def __str__(self) -> str:
        return f"{self.currency} {self.price.normalize():f}"


class SupplierPrice(Price):
    """At a supplier (logistics/SupplierItem). `is_main`: where the item usually comes from."""

    item = models.ForeignKey(ExactItem, on_delete=models.CASCADE, related_name="supplier_prices")
    supplier_code = models.CharField(max_length=20, blank=True)
    supplier_name = models.CharField(max_length=300, blank=True)
    is_main = models.BooleanField("main supplier", default=False)

    class Meta:
        ordering = ["-is_main", "supplier_code", "pk"]
        constraints = [models.UniqueConstraint(fields=["division", "remote_id"], name="supplier_price_once")]

    def __str__(self) -> str:
        return f"{self.currency} {self.price.normalize():f}"
