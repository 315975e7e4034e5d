"""`/_sandbox/...`: how a person or a test in another process moves the clock, arms faults and looks at the books."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connections.sandbox.courier import Trick
from connections.sandbox.exact.errors import Rule
from connections.sandbox.faults import Fault
from connections.sandbox.wire import Request, Response

if TYPE_CHECKING:
    from connections.sandbox.app import Sandbox


def plain(value: object) -> Any:
    """JSON-ready: decimals as strings, times in RFC 3339."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


class Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._routes: dict[tuple[str, str], Callable[[Request], object]] = {
            ("GET", "state"): self._state,
            ("GET", ""): self._state,
            ("GET", "log"): self._log,
            ("DELETE", "log"): self._forget,
            ("POST", "clock"): self._advance,
            ("POST", "faults"): self._arm,
            ("GET", "faults"): self._faults,
            ("DELETE", "faults"): self._disarm,
            ("GET", "ledger"): self._ledger,
            ("GET", "webhooks"): self._deliveries,
            ("POST", "webhooks"): self._play,
            ("POST", "webhooks/deliver"): self._deliver,
        }

    def handle(self, request: Request) -> Response:
        route = request.path.strip("/")
        try:
            action = self._routes.get((request.method, route))
            if action is not None:
                return Response.json(plain(action(request)))
            system, _, verb = route.partition("/")
            if request.method == "POST" and system in ("exact", "square", "snowflake") and verb:
                return Response.json(plain(self._act(system, verb, self._arguments(request))))
        except Rule as refusal:
            return Response.json({"error": f"Exact's own screens would refuse it: {refusal}"}, 400)
        except (LookupError, TypeError, ValueError) as problem:
            return Response.json({"error": str(problem.args[0]) if problem.args else str(problem)}, 400)
        return Response.json({"error": f"There is no {request.method} /_sandbox/{route}."}, 404)

    @staticmethod
    def _arguments(request: Request) -> dict[str, Any]:
        data = json.loads(request.body or b"{}")
        if not isinstance(data, dict):
            raise TypeError("The body must be a JSON object.")
        return data

    def _act(self, system: str, verb: str, arguments: dict[str, Any]) -> object:
        with self._sandbox.lock:
            if system == "square":
                return self._sandbox.square.control(verb, arguments)
            if system == "snowflake":
                return self._sandbox.snowflake.control(verb, arguments)
            region = str(arguments.pop("region", "nl"))
            return self._sandbox.exact.site(region).control(verb, arguments)

    def _state(self, _request: Request) -> object:
        sandbox = self._sandbox
        counts = {" ".join(key): times for key, times in sorted(sandbox.log.counters.items())}
        return {
            "now": sandbox.clock.now(),
            "seed": sandbox.seed,
            "requests": counts,
            "refusals": len(sandbox.log.refusals),
            "exact": sandbox.exact.summary(),
            "snowflake": sandbox.snowflake.summary(),
            "exact_path": "/exact/{region}",
            "square_path": "/square",
            "snowflake_path": "/snowflake/{account}",
        }

    def _log(self, request: Request) -> object:
        limit = int(request.parameter("limit") or 200)
        log = self._sandbox.log
        return {
            "entries": [asdict(entry) for entry in log.entries[-limit:]],
            "refusals": [asdict(refusal) for refusal in log.refusals[-limit:]],
        }

    def _forget(self, _request: Request) -> object:
        self._sandbox.log.clear()
        return {"entries": 0}

    def _advance(self, request: Request) -> object:
        now = self._sandbox.clock.advance(float(self._arguments(request)["seconds"]))
        self._sandbox.settle()
        return {"now": now}

    def _arm(self, request: Request) -> object:
        return asdict(self._sandbox.faults.add(Fault(**self._arguments(request))))

    def _faults(self, _request: Request) -> object:
        return [{**asdict(fault), "struck": struck} for fault, struck in self._sandbox.faults.struck()]

    def _disarm(self, _request: Request) -> object:
        self._sandbox.faults.clear()
        return []

    def _deliveries(self, request: Request) -> object:
        """The last attempts to deliver a webhook, and how many wait for their next one."""
        courier = self._sandbox.courier
        attempts = [asdict(attempt) for attempt in courier.attempts][-int(request.parameter("limit") or 200) :]
        return {"attempts": attempts, "pending": courier.pending, "given_up": courier.given_up}

    def _play(self, request: Request) -> object:
        """`{"kind": "duplicate", "system"?: "square", "times"?: 3, "seconds"?: 60}`."""
        trick = Trick(**self._arguments(request))
        self._sandbox.courier.play(trick)
        return asdict(trick)

    def _deliver(self, _request: Request) -> object:
        return {"attempts": self._sandbox.courier.deliver_due()}

    def _ledger(self, request: Request) -> object:
        site = self._sandbox.exact.site(request.parameter("region") or "nl")
        code = request.parameter("division")
        with self._sandbox.lock:
            return site.division(int(code) if code else site.current_division).lines()
