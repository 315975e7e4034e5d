"""Who is acting, and why: carried beside the call instead of through every signature."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.http import HttpRequest, HttpResponse

SYSTEM = "tillbridge"


@dataclass(frozen=True, slots=True)
class Acting:
    """`trigger`: schedule, person, webhook, replay, backfill or system. `request_id` joins facts of one page call."""

    actor: str = SYSTEM
    trigger: str = "system"
    run_id: int | None = None
    lane_id: int | None = None
    request_id: str = ""


_acting: ContextVar[Acting] = ContextVar("acting", default=Acting())  # noqa: B039 - frozen


def current() -> Acting:
    return _acting.get()


@contextmanager
def acting(**changes: str | int | None) -> Iterator[Acting]:
    """Within the block, facts and request-ledger rows carry these values."""
    token = _acting.set(replace(_acting.get(), **changes))  # type: ignore[arg-type]  # names are checked by replace
    try:
        yield _acting.get()
    finally:
        _acting.reset(token)


class RequestContextMiddleware:
    """Marks everything done during a page call as done by that person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.user.get_username() if request.user.is_authenticated else "anonymous"
        with acting(actor=name, trigger="person", request_id=uuid.uuid4().hex):
            return self.get_response(request)
