"""One request to a vendor: sent once, bounded, observed, and judged by what may have happened to it.

Nothing here repeats a request. Whoever reads may ask again; whoever writes must look the document up first.
"""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from itertools import islice
from typing import Protocol, TypeVar

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from connections.providers.errors import NoAnswer, NotAuthorised, Unreachable, VendorError

T = TypeVar("T")

MEGABYTE = 1_000_000
CHUNK = 64 * 1024
# Raised while the request is still being put together: no byte has left.
UNSENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
)
# OpenSSL's names for a handshake that failed before the request. Other TLS errors can strike while the answer is read.
HANDSHAKE = frozenset(
    (
        "CERTIFICATE_VERIFY_FAILED",
        "WRONG_VERSION_NUMBER",
        "UNSUPPORTED_PROTOCOL",
        "HTTP_REQUEST",
        "NO_PROTOCOLS_AVAILABLE",
    )
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the request ledger knows it. `operation` is a short stable word ("payments.list").

    `path` is the vendor's path without division and ids, the unit of the vendor's error budget.
    """

    system: str
    operation: str
    method: str
    path: str
    division: int | None = None
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def again(self) -> Call:
        """The same call as a request of its own."""
        return replace(self, request_id=uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole. `headers` ignores case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    duration_ms: int


class Observer(Protocol):
    """Sees every request. `before` may wait or raise `Throttled`; then nothing is sent and `after` is not called."""

    def before(self, call: Call) -> None: ...

    def after(
        self, call: Call, *, status: int | None, duration_ms: int, headers: Mapping[str, str], error: VendorError | None
    ) -> None: ...


class TokenSource(Protocol):
    """Where a client gets its access token. `renewed` is asked once, after the vendor refused `refused`."""

    def current(self) -> str: ...

    def renewed(self, refused: str) -> str: ...


def utc_now() -> datetime:
    return datetime.now(UTC)


def next_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def batches(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Distinct values in the order they first came, `size` at a time."""
    rest = iter(dict.fromkeys(values))
    while batch := tuple(islice(rest, size)):
        yield batch


def with_token(tokens: TokenSource, call: Call, attempt: Callable[[Call, str], T]) -> T:
    """Make the call; if the token is refused (401), once more with a renewed one.

    A refused token means that nothing was done, so that this holds for writes too.
    """
    token = tokens.current()
    try:
        return attempt(call, token)
    except NotAuthorised as refused:
        if refused.status != requests.codes.unauthorized:
            raise
        fresh = tokens.renewed(token)
        if fresh == token:
            raise
    return attempt(call.again(), fresh)


class Transport:
    """Sends requests. Redirects are not followed, proxies and netrc of the environment not used, cookies not kept.

    `timeout` is (connect, silence between bytes) in seconds and `longest` bounds the whole answer; both are real
    seconds. `now` is the clock that throttling is reckoned by.
    """

    def __init__(
        self,
        *,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = (5, 30),
        longest: float = 60,
        observer: Observer | None = None,
        cap: int = 20 * MEGABYTE,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.session = session or requests.Session()
        self.session.trust_env = False
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.timeout = timeout
        self.longest = longest
        self.observer = observer
        self.cap = cap
        self.now = now

    def send(
        self,
        call: Call,
        url: str,
        *,
        headers: Mapping[str, str],
        read: Callable[[Answer], T],
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> T:
        """Send once and return what `read` makes of the answer. `read` raises a `VendorError` for a bad one.

        Raises `Unreachable` when nothing was sent, `NoAnswer` when it may have been.
        """
        if self.observer:
            self.observer.before(call)
        began = time.monotonic()
        answer: Answer | None = None
        error: VendorError | None = None
        try:
            answer = self._exchange(call, url, headers=headers, params=params, body=body, began=began)
            return read(answer)
        except VendorError as problem:
            error = problem
            raise
        finally:
            self._observe(call, answer, began=began, error=error)

    def _observe(self, call: Call, answer: Answer | None, *, began: float, error: VendorError | None) -> None:
        if self.observer:
            self.observer.after(
                call,
                status=answer.status if answer else None,
                duration_ms=answer.duration_ms if answer else _elapsed_ms(began),
                headers=answer.headers if answer else {},
                error=error,
            )

    def _exchange(
        self,
        call: Call,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None,
        body: bytes | None,
        began: float,
    ) -> Answer:
        try:
            with self.session.request(
                call.method,
                url,
                params=params,
                data=body,
                headers={**headers, "X-Request-Id": call.request_id},
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = b"".join(self._chunks(call, response, began))
                found = CaseInsensitiveDict(response.headers)
                return Answer(response.status_code, found, content, _elapsed_ms(began))
        except requests.RequestException as problem:
            raise _judged(call, problem) from problem

    def _chunks(self, call: Call, response: requests.Response, began: float) -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_content(CHUNK):
            size += len(chunk)
            if size > self.cap:
                raise NoAnswer(
                    f"{call.operation}: the answer is larger than {self.cap // MEGABYTE} MB, reading stopped."
                )
            if time.monotonic() - began > self.longest:
                raise NoAnswer(f"{call.operation}: the answer was not complete after {self.longest:.0f} seconds.")
            yield chunk


def _elapsed_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _judged(call: Call, problem: requests.RequestException) -> VendorError:
    name = call.system.capitalize()
    if _never_left(problem):
        return Unreachable(f"{name} cannot be reached ({_reason(problem)}); nothing was sent.")
    return NoAnswer(f"{name} gave no answer to {call.operation} ({_reason(problem)}); it may have been done.")


def _never_left(problem: requests.RequestException) -> bool:
    if isinstance(problem, UNSENT):
        return True
    return any(
        isinstance(cause, NewConnectionError | ConnectTimeoutError)
        or (isinstance(cause, ssl.SSLError) and cause.reason in HANDSHAKE)
        for cause in _causes(problem)
    )


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps: requests and urllib3 keep the cause in `reason` or as the first argument."""
    current: object = problem
    for _ in range(6):
        if not isinstance(current, BaseException):
            return
        yield current
        reason = getattr(current, "reason", None)
        current = reason if isinstance(reason, BaseException) else next(iter(current.args), None)


def _reason(problem: requests.RequestException) -> str:
    """The kind of failure. Not its text: that carries the address with its query."""
    return type(list(_causes(problem))[-1]).__name__
