"""The admin classes our pages derive from: lists that stay quick on millions of rows, and pages with verbs on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR, IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.contrib.admin.widgets import AdminTextareaWidget, AutocompleteSelect, RelatedFieldWidgetWrapper
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Field, Model, QuerySet, TextField
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst

from audit.adminkit import registry
from audit.adminkit.actions import ConfirmedAction, as_admin_action, perform

PER_PAGE = 50
CAP = 10_000
FOUND = 1_000

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    _ModelAdmin = admin.ModelAdmin
    _Paginator = Paginator


class BoundedPaginator(_Paginator):
    """Counts no further than 10,000: beyond that nobody turns pages, and counting a million rows takes its time."""

    @cached_property
    def _found(self) -> int:
        rows = self.object_list
        return rows.order_by()[: CAP + 1].count() if isinstance(rows, QuerySet) else len(list(rows))

    @cached_property
    def count(self) -> int:
        return min(self._found, CAP)

    @property
    def is_capped(self) -> bool:
        return self._found > CAP


class NamedAutocomplete(AutocompleteSelect):
    """Says what to do while nothing is chosen: an empty one has no name for a screen reader."""

    def build_attrs(self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None) -> dict[str, Any]:
        return {**super().build_attrs(base_attrs, extra_attrs), "data-placeholder": "Choose; type to search"}

    @property
    def media(self) -> Any:
        return super().media + Media(js=["admin/js/jquery.init.js", "tillbridge/names.js"])


class BackOfficeAdmin(_ModelAdmin):
    """`exact_search`: lookups compared for equality (so that an index answers), or functions term -> primary keys.
    `empty`: what a list without any row says, and what to do next. `introduction`: what stands in the list, above it.
    """

    paginator = BoundedPaginator
    list_per_page = PER_PAGE
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    exact_search: Sequence[str | Callable[[str], Iterable[int]]] = ()
    confirmed_actions: Sequence[ConfirmedAction] = ()
    formfield_overrides = {TextField: {"widget": AdminTextareaWidget(attrs={"rows": 3})}}
    empty = ""
    introduction = ""

    # --- search ----------------------------------------------------------------------------------
    def get_search_fields(self, request: HttpRequest) -> list[str] | tuple[str, ...]:
        return ("pk",) if self.exact_search else super().get_search_fields(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not self.exact_search:
            return super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        return (queryset.filter(pk__in=self._found(term)) if term else queryset), False

    def _found(self, term: str) -> set[int]:
        found: set[int] = set()
        for way in self.exact_search:
            if callable(way):
                found.update(way(term))
            else:
                found.update(self.model._default_manager.filter(**{way: term}).values_list("pk", flat=True)[:FOUND])
        return found

    # --- actions ---------------------------------------------------------------------------------
    def verbs(self) -> dict[str, ConfirmedAction]:
        """Own actions and those an upper app has added, by name."""
        return {action.name: action for action in (*self.confirmed_actions, *registry.added_actions(self.model))}

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if IS_POPUP_VAR in request.GET:
            return {}
        actions: dict[str, Any] = dict(super().get_actions(request))
        actions.pop("delete_selected", None)
        for name, action in self.verbs().items():
            if action.on_list and action.allowed(request):
                # Django fills the names of the rows into the label by %, so one of its own is doubled.
                actions[name] = (as_admin_action(action), name, capfirst(action.label).replace("%", "%%"))
        return actions

    def stake(self, rows: QuerySet[Any]) -> Sequence[tuple[str, Any]]:  # noqa: ARG002 - for those that have one
        """What a confirm page says about the rows beside their number: (label, value)."""
        return ()

    def describe(self, row: Any) -> str:
        """A row in the list of a confirm page."""
        return str(row)

    def buttons(self, request: HttpRequest, row: Model) -> list[dict[str, Any]]:
        return [
            {"action": action, "url": reverse(self._name("do"), args=[row.pk, action.name])}
            for action in self.verbs().values()
            if action.offered(request, row)
        ]

    def get_urls(self) -> list[URLPattern]:
        do = path(
            "<path:object_id>/do/<slug:name>/", self.admin_site.admin_view(self.do_view),
            name=self._name("do").removeprefix("admin:"),
        )  # fmt: skip
        return [do, *super().get_urls()]

    def do_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """The confirm page of one action on one row; POST carries it out."""
        row = self._row(request, object_id)
        action = self.verbs().get(name)
        if action is None:
            raise Http404(f"There is no action {name}.")
        if not (action.on_page and action.allowed(request)):
            raise PermissionDenied
        rows = self.get_queryset(request).filter(pk=row.pk)
        return perform(self, request, rows, action, back=reverse(self._name("change"), args=[row.pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        buttons = self.buttons(request, row) if row is not None else []
        return super().change_view(request, object_id, form_url, {"buttons": buttons, **(extra_context or {})})

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        if ERROR_FLAG in request.GET:
            messages.warning(request, "What you searched or filtered by cannot be read. This is the whole list.")
        named = {
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "empty": self.empty,
            "introduction": self.introduction,
        }
        return super().changelist_view(request, {**named, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """A filter or a search that no column can hold is answered by the whole list, not by an error page."""
        if any("\0" in str(value) for value in request.GET.values()):
            raise IncorrectLookupParameters("no text in the database holds it")
        try:
            return super().get_changelist_instance(request)
        except (ValueError, OverflowError, ValidationError) as unreadable:
            raise IncorrectLookupParameters(unreadable) from unreadable

    # --- forms -----------------------------------------------------------------------------------
    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What a link fills in, but for what a field cannot hold: links are cut off and mistyped."""
        hints = super().get_changeform_initial_data(request)
        return {name: value for name, value in hints.items() if self._can_hold(name, value)}

    def _can_hold(self, name: str, value: Any) -> bool:
        try:
            field: Any = self.opts.get_field(name)
            target: Field[Any, Any] = field.target_field if field.many_to_one else field
            target.run_validators(target.to_python(value))
        except (FieldDoesNotExist, ValidationError):
            return False
        return True

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request) and "widget" not in kwargs:
            kwargs["widget"] = NamedAutocomplete(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A related row is opened from a form, never changed or removed from within another row's form."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            widget = field.widget
            widget.can_add_related = widget.can_change_related = widget.can_delete_related = False
        return field

    # --- within ----------------------------------------------------------------------------------
    def _name(self, page: str) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"

    def _row(self, request: HttpRequest, object_id: str) -> Any:
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        return row


class ReadOnlyAdmin(BackOfficeAdmin):
    """Rows that only the product writes: nobody adds, changes or deletes them here, superusers included."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


class DetailAdmin(ReadOnlyAdmin):
    """Read-only, with a page of its own instead of a form: set `detail_template` and fill `detail`."""

    detail_template = ""

    def detail(self, request: HttpRequest, row: Any) -> Mapping[str, Any]:  # noqa: ARG002
        return {}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        del form_url
        row = self._row(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{capfirst(str(self.opts.verbose_name))} {row}",
            "opts": self.opts,
            "original": row,
            "buttons": self.buttons(request, row),
            **self.detail(request, row),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.detail_template, context)
