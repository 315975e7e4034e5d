"""What a person reads when a page failed: that the database is busy, or that the mistake is ours."""

from __future__ import annotations

import sys

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views.defaults import server_error

SOON = "10"


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler500. A database that is locked or away for a while is no mistake of ours: ask again soon."""
    if not isinstance(sys.exc_info()[1], OperationalError):
        return server_error(request)
    return HttpResponse(loader.render_to_string("503.html"), status=503, headers={"Retry-After": SOON})
