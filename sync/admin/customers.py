"""Customers on the screen: both sides beside each other, what was agreed on last, and whose value counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from audit import adminkit, words
from audit.adminkit import ChoiceFilter, ConfirmedAction, DetailAdmin, ReadOnlyAdmin, admin_url, badge, link, local_time
from mappings.customers import fields
from mappings.customers.fields import ADDRESS_PARTS, OF_ACCOUNT, WORDS, Field, Value
from mappings.models import CustomerMapping, DebtorAccount
from sync.actions import Impossible
from sync.admin import timeline
from sync.admin.lane_choice import CustomerLanes
from sync.admin.verbs import by, tallied
from sync.customers import deciding, holding
from sync.engine import Overtaken
from sync.lifecycle import CreationState, LinkState
from sync.models import CustomerCreation, CustomerLink, SyncLane

RESOLVE = "sync.resolve_customerlink"
TONES = {
    LinkState.IN_STEP: "good", LinkState.PENDING: "busy", LinkState.CONFLICT: "bad", LinkState.WAITING: "wait",
    LinkState.SHARED: "wait", LinkState.MERGED: "quiet", LinkState.GONE: "quiet", LinkState.ENDED: "quiet",
}  # fmt: skip
CREATION_TONES = {
    CreationState.DRAFT: "busy", CreationState.SENDING: "busy", CreationState.CREATED: "good",
    CreationState.FOUND: "good", CreationState.ASKED: "wait", CreationState.REFUSED: "bad",
}  # fmt: skip
PART_WORDS = dict(zip(ADDRESS_PARTS, ("First line", "Second line", "Postcode", "City", "Country code"), strict=True))

adminkit.add_subject("customerlink", CustomerLink)
adminkit.add_subject("customercreation", CustomerCreation)
words.add(
    {
        "customer.linked": "customer found on both sides",
        "customer.relinked": "customer mapped to another account",
        "customer.unlinked": "customer no longer kept in step",
        "customer.created": "account of the customer begins in step",
        "customer.sent_to_exact": "customer changed in Exact",
        "customer.sent_to_square": "customer changed at Square",
        "customer.conflict": "customer changed on both sides",
        "customer.waiting": "customer waits for a person",
        "customer.refused": "change of the customer refused",
        "customer.shared": "customer is an account that another one is too",
        "customer.merged": "customer merged at Square",
        "customer.deleted": "customer deleted at Square",
        "customer.resolved": "conflict of the customer decided",
        "customer.leads": "customer said to lead its account",
        "customer.looked_again": "customer to be looked at again",
        "creation.draft": "account to be created in Exact",
        "creation.sending": "account sent to Exact",
        "creation.created": "account created in Exact",
        "creation.found": "account found in Exact instead of created",
        "creation.asked": "account not created: there may be one",
        "creation.refused": "account not created",
    },
    tones={"customer.conflict": "bad", "customer.refused": "bad", "customer.waiting": "wait", "customer.shared": "wait",
           "creation.refused": "bad", "creation.asked": "wait", "creation.created": "good"},
)  # fmt: skip


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    options = (
        ("conflict", "in conflict"), ("waiting", "waiting"), ("shared", "shares its account"),
        ("pending", "to be sent"), ("in_step", "in step"), ("gone", "gone from Square"), ("merged", "merged"),
        ("ended", "no longer mapped"),
    )  # fmt: skip


def _take(side: str, label: str) -> ConfirmedAction:
    other = {"Square": "Exact", "Exact": "Square"}[label]
    return ConfirmedAction(
        name=f"take_{side}",
        label=f"Take {label}'s values",
        explains=f"Decides every conflict of these customers: what {label} holds counts, and is sent to {other} with "
        "the next run. Fields that are in no conflict are left as they are.",
        permission=RESOLVE,
        run=tallied(lambda request, rows, reason: deciding.resolve_all(
            _whole(rows), take=side, reason=reason, by=by(request))),
        done="decided",
        reversible=f"The value that {other} held is kept in no field of its own: note it if you may want it back.",
        asks_reason=True,
        applies=lambda row: row.state == LinkState.CONFLICT,
    )  # fmt: skip


def _whole(rows: QuerySet[CustomerLink]) -> QuerySet[CustomerLink]:
    return rows.select_related("debtor", "division", "lane__division__connection", "lane__source")


VERBS = (
    _take(deciding.SQUARE, "Square"),
    _take(deciding.EXACT, "Exact"),
    ConfirmedAction(
        name="lead",
        label="Let this one lead",
        explains="Of several Square customers that are one Exact account, this one is kept in step with it from now "
        "on. What differs between the two is shown as a conflict first: nothing is overwritten.",
        permission=RESOLVE,
        run=tallied(lambda request, rows, reason: deciding.lead(_whole(rows), reason=reason, by=by(request))),
        done="leading",
        reversible="Yes: let another one lead.",
        asks_reason=True,
        applies=lambda row: row.state == LinkState.SHARED,
    ),
    ConfirmedAction(
        name="look_again",
        label="Look again",
        explains="Reads these customers at Square again, judges them anew, and sends what is to be sent, also where a "
        "side had refused it.",
        permission=RESOLVE,
        run=tallied(lambda request, rows, _reason: deciding.look_again(_whole(rows), by=by(request))),
        done="looked at again",
        reversible="There is nothing to undo: it sends only what is to be sent anyway.",
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One field on the page: what each side holds, and what both agreed on last."""

    field: Field
    word: str
    square: str
    exact: str
    base: str
    is_same: bool
    conflict: Mapping[str, Any] | None
    url: str
    inputs: Sequence[tuple[str, str, str]]


@admin.register(CustomerLink)
class CustomerLinkAdmin(DetailAdmin):
    confirmed_actions = VERBS
    detail_template = "admin/sync/customer.html"
    list_display = ("shown", "account", "state_shown", "matter", "in_step")
    list_display_links = ("shown",)
    list_filter = (StateFilter, ("lane", CustomerLanes))
    list_select_related = ("debtor", "lane")
    search_fields = ("square_id__exact", "name__istartswith", "debtor__code__exact")
    search_help_text = "Square customer id, beginning of the name, or code of the Exact account"
    sortable_by = ()
    introduction = "Customers that are somebody in Square and in Exact, and how far both sides agree."
    empty = (
        "No customer is kept in step yet. Add a lane for customers; those that are mapped to an Exact account appear "
        "here with its first run."
    )

    @admin.display(description="customer")
    def shown(self, row: CustomerLink) -> str:
        return str(row)

    @admin.display(description="Exact account")
    def account(self, row: CustomerLink) -> SafeString:
        return link(admin_url(DebtorAccount, row.debtor_id), str(row.debtor))

    @admin.display(description="state")
    def state_shown(self, row: CustomerLink) -> SafeString:
        return badge(row.get_state_display(), TONES[LinkState(row.state)])

    @admin.display(description="what is the matter")
    def matter(self, row: CustomerLink) -> str:
        return row.sentence

    @admin.display(description="in step since")
    def in_step(self, row: CustomerLink) -> SafeString:
        return local_time(row.synced_at)

    # --- the page of one -------------------------------------------------------------------------
    def detail(self, request: HttpRequest, row: CustomerLink) -> Mapping[str, Any]:
        mapping = CustomerMapping.objects.filter(
            division=row.division_id, merchant=row.merchant_id, square_customer_id=row.square_id
        ).first()
        return {
            "customer": row, "state": badge(row.get_state_display(), TONES[LinkState(row.state)]),
            "rows": _rows(row), "may_resolve": request.user.has_perm(RESOLVE),
            "lane_url": admin_url(SyncLane, row.lane_id),
            "mapping_url": admin_url(CustomerMapping, mapping.pk) if mapping else "",
            "account_url": admin_url(DebtorAccount, row.debtor_id), "terms": row.debtor.payment_condition,
            "timeline": timeline.of_subject("customerlink", row.pk),
        }  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.resolve_view)
        found = path("<path:object_id>/resolve/<slug:name>/", view, name="sync_customerlink_resolve")
        return [found, *super().get_urls()]

    def resolve_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """One field of one customer, decided from its page; `revision` says what the person had before them."""
        row: CustomerLink = self._row(request, object_id)
        if not request.user.has_perm(RESOLVE):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            self._resolve(request, row, name)
        except Impossible as refusal:
            messages.error(request, str(refusal))
        except Overtaken:
            messages.error(request, f"Nothing was decided: {deciding.CHANGED}.")
        return HttpResponseRedirect(admin_url(CustomerLink, row.pk))

    def _resolve(self, request: HttpRequest, row: CustomerLink, name: str) -> None:
        if request.POST.get("revision") != str(row.revision):
            raise Overtaken
        if name not in set(Field):
            raise Impossible("There is no such field.")
        field = Field(name)
        parts = ADDRESS_PARTS if field is Field.ADDRESS else ("text",)
        value = deciding.own_value(field, [request.POST.get(part, "")[:500] for part in parts])
        deciding.resolve(row, field, take=request.POST.get("take", ""), value=value, by=by(request),
                         reason=request.POST.get("reason", ""))  # fmt: skip
        messages.success(request, f"The {WORDS[field]} is decided; the next run carries it out.")
        if standing := deciding.ring(row.lane, by=by(request)):
            messages.warning(request, f"The lane does not run now: {standing}")


def _rows(row: CustomerLink) -> list[Row]:
    square, exact = holding.squares(row), holding.exacts(row)
    home = row.division.country
    found = [_row(row, field, square.get(field, ()), exact[field], home) for field in OF_ACCOUNT]
    if Field.CONTACT in row.conflicts:
        held = row.conflicts[Field.CONTACT]
        found.append(_row(row, Field.CONTACT, tuple(held["square"]), tuple(held["exact"]), home))
    return found


def _row(row: CustomerLink, field: Field, square: Value, exact: Value, home: str) -> Row:
    base = holding.base_of(row, field)
    known = (base.square if base.square is not None else base.exact) if base else None
    return Row(
        field=field, word=WORDS[field], square=fields.shown(square), exact=fields.shown(exact),
        base=fields.shown(known or ()), is_same=fields.same(field, square, exact, home=home),
        conflict=row.conflicts.get(field), url=reverse("admin:sync_customerlink_resolve", args=[row.pk, field.value]),
        inputs=_inputs(field, square),
    )  # fmt: skip


def _inputs(field: Field, square: Value) -> list[tuple[str, str, str]]:
    """(name, label, value) of what a person may write for both sides."""
    if field is Field.CONTACT:
        return []
    if field is Field.ADDRESS:
        values = square or ("",) * len(ADDRESS_PARTS)
        return [(part, PART_WORDS[part], value) for part, value in zip(ADDRESS_PARTS, values, strict=True)]
    return [("text", f"Own {WORDS[field]}", square[0] if square else "")]


@admin.register(CustomerCreation)
class CustomerCreationAdmin(ReadOnlyAdmin):
    list_display = ("shown", "state_shown", "sentence", "remote_id", "changed", "lane")
    list_display_links = None
    list_filter = ("state", ("lane", CustomerLanes))
    list_select_related = ("mapping", "lane")
    search_fields = ("reference__exact", "mapping__square_customer_id__exact")
    search_help_text = "Reference (the account's search code in Exact), or Square customer id"
    sortable_by = ()
    introduction = "Accounts that were ordered for Square customers, and what became of each."
    empty = "No account has been ordered. Set a customer mapping to 'to be created in Exact', or let the lane do it."

    @admin.display(description="customer")
    def shown(self, row: CustomerCreation) -> SafeString:
        return link(admin_url(CustomerMapping, row.mapping_id), str(row.mapping))

    @admin.display(description="state")
    def state_shown(self, row: CustomerCreation) -> SafeString:
        return badge(row.get_state_display(), CREATION_TONES[CreationState(row.state)])

    @admin.display(description="changed")
    def changed(self, row: CustomerCreation) -> SafeString:
        return local_time(row.changed_at)
