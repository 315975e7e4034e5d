"""The sandbox as a whole: which system answers a path, what goes wrong on the way, and the log.

A system is built with `(clock=, log=, seed=)`, serves paths behind its own prefix and knows nothing of faults.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from connections.sandbox.clock import SandboxClock
from connections.sandbox.control import Control
from connections.sandbox.courier import Courier
from connections.sandbox.exact import ExactSandbox
from connections.sandbox.faults import Fault, Faults
from connections.sandbox.log import RequestLog, RequestLogEntry
from connections.sandbox.snowflake import SnowflakeSandbox
from connections.sandbox.wire import AnswerTooLate, ConnectionDropped, Request, Response

if TYPE_CHECKING:
    from connections.sandbox.square import SquareSandbox

_DIVISION = re.compile(r"^/api/v1/(\d+)/")
PAGE_500 = "<html><head><title>Runtime Error</title></head><body><h1>Server Error</h1></body></html>"
PAGE_503 = "<html><head><title>Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>"


class System(Protocol):
    """What the sandbox asks of each system it imitates. All calls come under one lock."""

    name: str

    def handle(self, request: Request) -> Response: ...

    def throttled(self, request: Request) -> Response:
        """The vendor's answer to a call beyond its quota."""
        ...

    def expire_token(self, access_token: str) -> None: ...

    def revoke_token(self, access_token: str) -> None: ...

    def control(self, action: str, arguments: Mapping[str, object]) -> object:
        """An action of `/_sandbox/<system>/<action>`; JSON-ready answer. Raises LookupError or ValueError."""
        ...


@dataclass(frozen=True)
class _Late:
    due: datetime
    system: System
    request: Request


class Sandbox:
    def __init__(self, *, seed: int = 1, clock: SandboxClock | None = None, log_limit: int = 100_000) -> None:
        from connections.sandbox.square import SquareSandbox

        self.seed = seed
        self.clock = clock or SandboxClock()
        self.log = RequestLog(log_limit)
        self.faults = Faults(seed)
        self.lock = RLock()
        self.courier = Courier(self.clock, seed, packing=self.lock)
        self.square: SquareSandbox = SquareSandbox(clock=self.clock, log=self.log, seed=seed, courier=self.courier)
        self.exact = ExactSandbox(clock=self.clock, log=self.log, seed=seed, courier=self.courier)
        self.snowflake = SnowflakeSandbox(clock=self.clock, log=self.log, seed=seed)
        self._control = Control(self)
        self._late: list[_Late] = []

    def handle(self, request: Request, *, patience: float | None = None) -> Response:
        """Answer, or raise `ConnectionDropped`. Real seconds of `patience` end a delayed answer."""
        began = time.perf_counter()
        prefix, system, inner = self._routed(request)
        if system is None:
            return self._control.handle(inner) if prefix == "/_sandbox" else Response.html("Not Found", 404)
        status = 0
        try:
            response = self._answered(system, inner, patience)
            status = response.status
            return response
        finally:
            self._note(system, prefix, inner, status, began)

    def settle(self) -> None:
        """Carry out the late commits that are due."""
        with self.lock:
            now = self.clock.now()
            due = [late for late in self._late if late.due <= now]
            self._late = [late for late in self._late if late.due > now]
            for late in due:
                late.system.handle(late.request)

    def _routed(self, request: Request) -> tuple[str, System | None, Request]:
        head, _, rest = request.path.removeprefix("/").partition("/")
        if head == "exact":
            region = rest.partition("/")[0]
            return self._behind(f"/exact/{region}", self.exact.get(region), request)
        if head == "square":
            return self._behind("/square", self.square, request)
        if head == "snowflake":
            return self._behind("/snowflake", self.snowflake, request)
        if request.path.startswith("/api/v2/statements"):
            # A client that joins the path of a handle to the host, as it stands in Snowflake's answers.
            return self._behind("", self.snowflake, request)
        return self._behind("/_sandbox" if head == "_sandbox" else "", None, request)

    def _behind(self, prefix: str, system: System | None, request: Request) -> tuple[str, System | None, Request]:
        path = request.path.removeprefix(prefix) or "/"
        arrived = request.arrived or self.clock.now()
        return prefix, system, replace(request, path=path, base_url=request.base_url + prefix, arrived=arrived)

    def _answered(self, system: System, request: Request, patience: float | None) -> Response:
        self.settle()
        fault = self.faults.strike(system.name, request.method, request.path)
        if fault is None:
            return self._done(system, request)
        if fault.action in ("drop_before", "late_commit", "429", "500_page", "503"):
            return self._instead(fault, system, request)
        if fault.action in ("expire_token", "revoke_token"):
            with self.lock:
                (system.expire_token if fault.action == "expire_token" else system.revoke_token)(request.bearer)
            return self._done(system, request)
        return self._after(fault, self._done(system, request), patience)

    def _done(self, system: System, request: Request) -> Response:
        with self.lock:
            return system.handle(request)

    def _instead(self, fault: Fault, system: System, request: Request) -> Response:
        if fault.action == "429":
            with self.lock:
                return system.throttled(request)
        if fault.action in ("500_page", "503"):
            return Response.html(*((PAGE_500, 500) if fault.action == "500_page" else (PAGE_503, 503)))
        if fault.action == "late_commit":
            with self.lock:
                self._late.append(_Late(self.clock.now() + timedelta(seconds=fault.seconds), system, request))
        raise ConnectionDropped(fault.action)

    def _after(self, fault: Fault, response: Response, patience: float | None) -> Response:
        if fault.action == "drop_after":
            raise ConnectionDropped(fault.action)
        if fault.action == "500_after":
            return Response.html(PAGE_500, 500)
        if fault.action == "truncate":
            return replace(response, body=response.body[: len(response.body) // 2])
        if patience is not None and fault.seconds > patience:
            raise AnswerTooLate(fault.action)
        time.sleep(fault.seconds)
        return response

    def _note(self, system: System, prefix: str, request: Request, status: int, began: float) -> None:
        address = _DIVISION.match(request.path)
        self.log.add(
            RequestLogEntry(
                at=request.arrived or self.clock.now(),
                system=system.name,
                method=request.method,
                path=request.path,
                query=urlencode(request.query),
                status=status,
                division=int(address.group(1)) if address else None,
                request_id=request.headers.get("x-request-id", ""),
                duration_ms=(time.perf_counter() - began) * 1000,
                region=prefix.removeprefix("/exact/") if system.name == "exact" else "",
            )
        )
