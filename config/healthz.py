"""What probes and monitoring ask, without signing in: words and numbers about the program, nothing about the books.

/healthz/live   the process answers; asks the database nothing. For "restart it when this fails".
/healthz/ready  the database answers and is migrated. For "send it requests".
/healthz        worker, scheduler and due work as well: 503 when one of them fails.
/metrics        Prometheus figures, for whoever sends METRICS_TOKEN as bearer; 404 while none is set.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from connections import clock
from sync import vitals
from sync.vitals import Check


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's form
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's form
    return _answer([vitals.database_check()])


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's form
    found = vitals.database_check()
    if not found.is_well:
        return _answer([found])
    return _answer(vitals.technical_checks(clock.now()))


def _answer(checks: Iterable[Check]) -> HttpResponse:
    told = {check.name: "ok" if check.is_well else "failing" for check in checks}
    is_well = "failing" not in told.values()
    return JsonResponse({"status": "ok" if is_well else "failing", "checks": told}, status=200 if is_well else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    from config import metrics as figures

    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse("Send METRICS_TOKEN as bearer.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(figures.exposition(clock.now()), content_type=CONTENT_TYPE_LATEST)
