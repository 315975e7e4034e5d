"""The two ends of a consent: leaving for the vendor, and coming back."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from connections import consent
from connections.consent import NotGranted
from connections.models import Connection
from connections.providers.errors import NotAuthorised

AUTHORISE = "connections.authorise_connection"


@never_cache
@require_POST
def start(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Send the person to the vendor. Reached through the admin site only, which asks for the second factor.

    By a page and not by a 302: browsers hold our `form-action 'self'` against every redirect that follows a form, also
    those between the vendor's own hosts, and would stop half-way.
    """
    if not request.user.has_perm(AUTHORISE):
        raise PermissionDenied
    connection = get_object_or_404(Connection, pk=connection_id)
    try:
        address = consent.start(connection, session_key=_session(request), by=request.user.get_username())
    except NotGranted as problem:
        return _explained(request, problem)
    except (NotAuthorised, ImproperlyConfigured) as problem:
        return _explained(request, NotGranted(str(problem), "Then try again.", connection=connection))
    context = {**site.each_context(request), "title": "On to the vendor", "address": address, "connection": connection}
    return TemplateResponse(request, "connections/leaving.html", context)


@never_cache
@require_GET
def callback(request: HttpRequest, system: str) -> HttpResponse:
    """Where the vendor sends the person back to. The address carries a code, so no page is shown at it on success."""
    if system not in Connection.System.values:
        raise Http404("There is no such system.")
    try:
        connection, unread = consent.finish(system, request.GET.dict(), session_key=_asking_session(request))
    except NotGranted as problem:
        return _explained(request, problem)
    except NotAuthorised as problem:
        return _explained(request, NotGranted(problem.sentence, "Open the connection to see what it needs."))
    if unread:
        messages.warning(request, f"The consent is stored, but the account could not be read: {unread}")
    else:
        messages.success(request, f"'{connection.label}' is connected.")
    return HttpResponseRedirect(_page(connection))


def _explained(request: HttpRequest, problem: NotGranted) -> HttpResponse:
    context = {
        **site.each_context(request),
        "title": "No consent",
        "sentence": problem.sentence,
        "remedy": problem.remedy,
        "back": _page(problem.connection) if problem.connection and request.user.is_staff else "",
    }
    return TemplateResponse(request, "connections/not_granted.html", context, status=problem.status)


def _page(connection: Connection) -> str:
    return reverse("admin:connections_connection_change", args=[connection.pk])


def _asking_session(request: HttpRequest) -> str:
    """Who lost the right, or the account, while they were at the vendor's has asked for nothing."""
    return _session(request) if request.user.has_perm(AUTHORISE) else ""


def _session(request: HttpRequest) -> str:
    """A state made in one session is worthless in another, and without any."""
    return request.session.session_key or ""
