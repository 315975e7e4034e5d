"""Where the vendors' webhooks arrive: no session, no sign-in, no page. The signature is the only way in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from audit import context
from connections import webhooks
from connections.models import Connection
from connections.providers.square.webhooks import HEADER
from connections.webhooks import STATUS, Delivery, Outcome

# What a database column of ours holds.
LARGEST_KEY = 2**63


@csrf_exempt
@never_cache
@require_POST
def take(request: HttpRequest, system: str, connection_id: int) -> HttpResponse:
    """The length is looked at before anything is read; the answer has no body, so that a forger learns nothing."""
    with context.acting(actor=context.SYSTEM, trigger="webhook"):
        outcome = _outcome(request, system, connection_id)
    return HttpResponse(status=STATUS[outcome], content_type="text/plain")


def _outcome(request: HttpRequest, system: str, connection_id: int) -> Outcome:
    known = system in Connection.System.values and connection_id < LARGEST_KEY
    connection = webhooks.receiver(system, connection_id) if known else None
    if connection is None:
        webhooks.count(Outcome.UNKNOWN, None)
        return Outcome.UNKNOWN
    refusal = _size_refused(request)
    if refusal:
        webhooks.count(refusal, connection)
        return refusal
    try:
        body = request.body
    except UnreadablePostError:  # whoever sent it went away: nobody hears the answer
        return Outcome.UNREADABLE
    signature = request.headers.get(HEADER, "")
    return webhooks.take(connection, Delivery(body, str(request.content_type).lower(), signature))


def _size_refused(request: HttpRequest) -> Outcome | None:
    """A body sent in pieces without a length is empty to WSGI, and an empty one means something at Exact."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length:
        return Outcome.NO_LENGTH if "HTTP_TRANSFER_ENCODING" in request.META else None
    return Outcome.TOO_LARGE if not length.isdecimal() or int(length) > webhooks.LARGEST else None
