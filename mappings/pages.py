"""Pages beside the list of GL mappings. Upper apps add theirs with `add`; each shows as a link over the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern

View = Callable[[Any, HttpRequest], HttpResponse]


@dataclass(frozen=True, slots=True)
class Page:
    """`view(admin, request)`; `permission` to open it; without a label no link leads there."""

    name: str
    view: View
    permission: str
    label: str = ""


_pages: dict[str, Page] = {}


def add(page: Page) -> None:
    _pages[page.name] = page


def url(name: str) -> str:
    return reverse(f"admin:mappings_glmapping_{name}")


if TYPE_CHECKING:
    from audit.adminkit import BackOfficeAdmin as _Base
else:
    _Base = object


class RulePages(_Base):
    """For the admin of GL mappings."""

    def get_urls(self) -> list[URLPattern]:
        more = [
            path(f"{name}/", self.admin_site.admin_view(self._guarded(page)), name=f"mappings_glmapping_{name}")
            for name, page in _pages.items()
        ]
        return [*more, *super().get_urls()]

    def _guarded(self, page: Page) -> Callable[[HttpRequest], HttpResponse]:
        def view(request: HttpRequest) -> HttpResponse:
            if not request.user.has_perm(page.permission):
                raise PermissionDenied
            return page.view(self, request)

        return view

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        links = [
            {"label": page.label, "url": url(page.name)}
            for page in _pages.values()
            if page.label and request.user.has_perm(page.permission)
        ]
        return super().changelist_view(request, {"rule_pages": links, **(extra_context or {})})
