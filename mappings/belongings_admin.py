"""Customers and items as read from Exact, with what belongs to them, and the pages that ask Exact about them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.adminkit import ReadOnlyAdmin, admin_url, amount, link, list_url, local_time
from connections import clock
from mappings import items, lookups
from mappings.admin import ReferenceAdmin
from mappings.belongings import DebtorAddress, DebtorContact, Price, SalesPrice
from mappings.models import DebtorAccount, ExactItem
from mappings.objections import CUSTOMER

# So many of a customer's people or addresses stand on its page; the others in their list.
SHOWN = 20


@admin.register(DebtorAccount)
class DebtorAccountAdmin(ReferenceAdmin):
    list_display = ("code", "name", "status", "vat_number", "email", "usable", "division")
    search_fields: ClassVar[tuple[str, ...]] = (
        "code__istartswith", "name__icontains", "email__iexact", "vat_number__iexact", "registration_number__exact",
        "contacts__email__iexact", "contacts__second_email__iexact",
    )  # fmt: skip
    search_help_text = "Beginning of the code, part of the name, or an e-mail, VAT or chamber-of-commerce number"
    change_list_template = "admin/mappings/relations.html"
    belongings = (("people", DebtorContact), ("places", DebtorAddress))

    def offered(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return rows.filter(status=CUSTOMER)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(lambda request: lookups.relations(self, request))
        return [path("lookup/", view, name="mappings_debtoraccount_lookup"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = request.user.has_perm(lookups.FINDS_RELATIONS)
        url = reverse("admin:mappings_debtoraccount_lookup") if may else ""
        return super().changelist_view(request, {"lookup_url": url, **(extra_context or {})})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the people and places that whoever looks may see."""
        shown = [
            name for name, model in self.belongings if request.user.has_perm(f"mappings.view_{model._meta.model_name}")
        ]
        return [*super().get_fields(request, obj), *shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_readonly_fields(request, obj), *(name for name, _ in self.belongings)]

    @admin.display(description="contacts")
    def people(self, row: DebtorAccount) -> SafeString:
        return _table("admin/mappings/people.html", row.contacts.all()[: SHOWN + 1], DebtorContact, row)

    @admin.display(description="addresses")
    def places(self, row: DebtorAccount) -> SafeString:
        return _table("admin/mappings/places.html", row.addresses.all()[: SHOWN + 1], DebtorAddress, row)


def _table(template: str, rows: QuerySet[Any], model: Any, account: DebtorAccount) -> SafeString:
    found = list(rows)
    shown = [(row, admin_url(model, row.pk)) for row in found[:SHOWN]]
    context = {"rows": shown, "is_cut": len(found) > SHOWN, "url": list_url(model, account__id__exact=account.pk)}
    return SafeString(render_to_string(template, context))


class BelongingAdmin(ReadOnlyAdmin):
    """Of a customer in Exact."""

    list_filter: ClassVar[tuple[str, ...]] = ("division",)
    list_select_related = ("account", "division")

    @admin.display(description="customer", ordering="account__name")
    def of_account(self, row: Any) -> SafeString:
        return link(admin_url(DebtorAccount, row.account_id), row.account)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """The customer's page links to this list."""
        return lookup == "account__id__exact" or bool(super().lookup_allowed(lookup, value, request))  # type: ignore[arg-type]


@admin.register(DebtorContact)
class DebtorContactAdmin(BelongingAdmin):
    list_display = ("__str__", "job_title", "email", "numbers", "of_account", "is_main", "ends_shown", "division")
    search_fields = ("name__icontains", "email__iexact", "second_email__iexact", "account__code__exact")
    search_help_text = "Part of the name, a whole e-mail, or the customer's code"
    fields = (
        "of_account", "name", "job_title", "email", "second_email", "numbers", "is_main", "ends_shown", "division",
        "remote_id",
    )  # fmt: skip
    empty = "No customer in Exact has a contact, or its data has not been read yet."
    introduction = "The people at customers in Exact. Their e-mail and phone help to recognise a Square customer."

    @admin.display(description="phones")
    def numbers(self, row: DebtorContact) -> str:
        return ", ".join(row.phones) or "–"

    @admin.display(description="until", ordering="ends")
    def ends_shown(self, row: DebtorContact) -> SafeString:
        return local_time(row.ends)


@admin.register(DebtorAddress)
class DebtorAddressAdmin(BelongingAdmin):
    list_display = ("__str__", "kind", "is_main", "phone", "of_account", "division")
    list_filter = ("kind", "division")
    search_fields = ("postcode__istartswith", "city__istartswith", "lines__icontains", "account__code__exact")
    search_help_text = "Beginning of the postcode or city, part of the street, or the customer's code"
    fields = (
        "of_account", "kind", "is_main", "lines", "postcode", "city", "state", "country", "phone", "division",
        "remote_id",
    )  # fmt: skip
    empty = "No customer in Exact has an address of its own, or its data has not been read yet."


@admin.register(ExactItem)
class ExactItemAdmin(ReferenceAdmin):
    list_display = (
        "code", "name", "unit", "sold_for", "bought_for", "revenue_account", "cost_account", "usable", "division",
    )  # fmt: skip
    readonly_fields = ("sold_for", "bought_for", "cost_shown", "stock")
    fields = (
        "code", "name", "unit", "sold_for", "bought_for", "cost_shown", "vat_code", "revenue_account", "cost_account",
        "stock_account", "is_stocked", "stock", "is_blocked", "gone_at", "division", "remote_id",
    )  # fmt: skip
    empty = "No item has been read from Exact. They are read only for lanes that write orders."
    introduction = (
        "What is sold, with the prices and accounts that Exact has for it. They are shown, and decide nothing."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExactItem]:
        rows: QuerySet[ExactItem] = super().get_queryset(request)
        return rows.prefetch_related(
            Prefetch("sales_prices", SalesPrice.objects.filter(quantity__lte=1)), "supplier_prices"
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.stock_view)
        return [path("<int:pk>/stock/", view, name="mappings_exactitem_stock"), *super().get_urls()]

    def stock_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return lookups.stock(self, request, self._row(request, str(pk)))

    @admin.display(description="sold for")
    def sold_for(self, row: ExactItem) -> SafeString:
        return _price(items.prices_on(row, clock.now().date())[0])

    @admin.display(description="bought for")
    def bought_for(self, row: ExactItem) -> SafeString:
        price = items.prices_on(row, clock.now().date())[1]
        return format_html("{} {}", _price(price), price.supplier_name) if price else _price(None)

    @admin.display(description="standard cost")
    def cost_shown(self, row: ExactItem) -> SafeString:
        return amount(_short(row.cost) if row.cost is not None else None, row.cost_currency)

    @admin.display(description="stock")
    def stock(self, row: ExactItem) -> SafeString:
        return link(reverse("admin:mappings_exactitem_stock", args=[row.pk]), "What lies where, asked of Exact now")


def _price(price: Price | None) -> SafeString:
    return amount(_short(price.price) if price else None, price.currency if price else "")


def _short(value: Any) -> Any:
    """With two decimals, and more only where there are."""
    plain = value.normalize()
    return plain if -plain.as_tuple().exponent > 2 else value.quantize(items.CENT)  # noqa: PLR2004 - as cents have
