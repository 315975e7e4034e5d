"""Webhooks are answered before everything that pages need."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

PREFIX = "/webhooks/"


class WebhooksFirst:
    """The first of the middleware: a delivery has no session, language, person or page, and there may be a hundred a
    second. An address that is none goes the way of all others, and is answered 404 there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        try:
            view, positional, named = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        answer: HttpResponse = view(request, *positional, **named)
        return answer
