"""One Square invoice beside its state in Exact: what the page of invoices shows, and what was found out about it."""

from __future__ import annotations

from django.db import models

from mappings.bookkeeping.open_terms import Why


class InvoiceStanding(models.Model):
    """What Square says of an invoice, whether Exact held it already, and what Exact still shows as open.

    Amounts in minor units, without tips. `existing_number`: the entry of somebody else that is this invoice;
    `obstacle`: why its number cannot be used. `wanted_at`: when it is to be read again at Square (a page or a webhook
    asks), `listed_at`: when Exact's open terms were last looked through for it.
    """

    item = models.OneToOneField("sync.SyncItem", on_delete=models.CASCADE, related_name="standing")
    lane = models.ForeignKey("sync.SyncLane", on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.CharField("invoice", max_length=191, blank=True)
    status = models.CharField("Square status", max_length=30)
    order_id = models.CharField("Square order", max_length=192, blank=True)
    customer_id = models.CharField("Square customer", max_length=191, blank=True)
    customer_name = models.CharField("customer", max_length=200, blank=True)
    due = models.DateField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    total = models.BigIntegerField("amount", default=0)
    paid = models.BigIntegerField("paid at Square", default=0)
    canceled_on = models.DateField(null=True, blank=True)
    is_before_go_live = models.BooleanField(default=False)

    existing_id = models.CharField(max_length=36, blank=True)
    existing_number = models.BigIntegerField("entry that stood in Exact already", null=True, blank=True)
    obstacle = models.TextField(blank=True)
    may_repeat = models.BooleanField(
        default=False, help_text="A person says that the entry with this number is another invoice."
    )

    open_amount = models.BigIntegerField("open in Exact", null=True, blank=True)
    why = models.CharField("stands", max_length=20, choices=[(why.value, why.value.replace("_", " ")) for why in Why])
    sentence = models.TextField(blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)
    wanted_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "invoice"
        ordering = ["-item__took_place_at", "-id"]
        indexes = [
            models.Index(fields=["lane", "why"], name="standing_why"),
            models.Index(fields=["lane", "order_id"], name="standing_order"),
            models.Index(fields=["number"], name="standing_number"),
            models.Index(
                fields=["lane", "wanted_at"], name="standing_wanted", condition=models.Q(wanted_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.number or str(self.pk)
