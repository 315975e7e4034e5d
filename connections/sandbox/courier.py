"""Brings webhooks to their addresses in the background, tries again as the vendor documents, and errs on demand.

Nothing is sent while the sandbox's lock is held. A server starts the courier; in a test `deliver_due` does the same at
once, with the sandbox's clock deciding what is due.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from threading import Event, Lock, RLock, Thread

import requests

from connections.sandbox.clock import SandboxClock

TIMEOUT = 10.0  # Reference: square.md 4.3
TRICKS = frozenset(
    (
        "duplicate",  # delivered twice more, whatever was answered
        "reorder",  # what is due together goes out shuffled
        "drop",  # never sent, and not tried again
        "wrong_signature",
        "delay",  # due `seconds` later on the sandbox clock
    )
)


class NotDelivered(Exception):
    """No answer came; the argument is Square's word for why."""


@dataclass(frozen=True)
class Trip:
    """One attempt, as whoever packed the parcel is asked to write it. `reason`: why the one before failed."""

    number: int
    reason: str
    first_at: datetime
    forged: bool


# url, headers, body -> HTTP status. Raises `NotDelivered`.
Send = Callable[[str, dict[str, str], bytes], int]
Written = tuple[dict[str, str], bytes]


@dataclass
class Parcel:
    """One event for one address. `waits[n]` passes before attempt n + 1; after the last it is given up."""

    system: str
    event_id: str
    url: str
    write: Callable[[Trip], Written]
    waits: Sequence[timedelta]
    accepts: Callable[[int], bool]
    first_at: datetime | None = None
    tried: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Attempt:
    at: datetime
    system: str
    event_id: str
    url: str
    number: int
    status: int  # 0: no answer
    trick: str


@dataclass
class Trick:
    """`times` parcels are hit, of one system or of any."""

    kind: str
    system: str = "*"
    times: int = 1
    seconds: float = 0

    def __post_init__(self) -> None:
        if self.kind not in TRICKS:
            raise ValueError(f"Unknown trick {self.kind!r}; known are {', '.join(sorted(TRICKS))}.")


def post(url: str, headers: dict[str, str], body: bytes) -> int:
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        except requests.Timeout:
            raise NotDelivered("http_timeout") from None
        except requests.exceptions.SSLError:
            raise NotDelivered("ssl_error") from None
        except requests.RequestException:
            raise NotDelivered("other_error") from None
        return answer.status_code


@dataclass
class Courier:
    clock: SandboxClock
    seed: int = 1
    send: Send = post
    # Held while what happened is packed: the vendors' own state must not move meanwhile.
    packing: AbstractContextManager[object] = field(default_factory=RLock)
    packers: list[Callable[[], None]] = field(default_factory=list)
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=10_000))
    tricks: list[Trick] = field(default_factory=list)
    given_up: int = 0

    def __post_init__(self) -> None:
        self._waiting: list[tuple[datetime, int, Parcel]] = []
        self._numbers = count()
        self._lock = Lock()
        self._chance = random.Random(f"courier:{self.seed}")
        self._ended = Event()
        self._thread: Thread | None = None

    def put(self, parcel: Parcel, *, after: timedelta = timedelta()) -> None:
        trick = self._struck(("delay",), parcel)
        late = timedelta(seconds=trick.seconds) if trick else timedelta()
        with self._lock:
            heapq.heappush(self._waiting, (self.clock.now() + after + late, next(self._numbers), parcel))

    @property
    def pending(self) -> int:
        with self._lock:
            return len(self._waiting)

    def play(self, trick: Trick) -> None:
        with self._lock:
            self.tricks.append(trick)

    def deliver_due(self) -> int:
        """Pack what happened and bring what is due by now. Returns how many attempts were made."""
        with self.packing:
            for pack in self.packers:
                pack()
        due = self._due()
        return sum(self._brought(parcel) for parcel in due)

    def start(self) -> None:
        self._ended.clear()
        self._thread = Thread(target=self._work, name="courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _work(self) -> None:
        while not self._ended.wait(0.1):
            self.deliver_due()

    def _due(self) -> list[Parcel]:
        now, due = self.clock.now(), []
        with self._lock:
            while self._waiting and self._waiting[0][0] <= now:
                due.append(heapq.heappop(self._waiting)[2])
        if due and self._struck(("reorder",), due[0]):
            self._chance.shuffle(due)
        return due

    def _brought(self, parcel: Parcel) -> int:
        trick = self._struck(("duplicate", "drop", "wrong_signature"), parcel)
        kind = trick.kind if trick else ""
        if kind == "drop":
            self._note(parcel, 0, kind)
            return 0
        times = 3 if kind == "duplicate" else 1
        for _ in range(times):
            accepted = self._tried(parcel, kind)
        parcel.tried += 1
        if not accepted:
            self._again(parcel)
        return times

    def _tried(self, parcel: Parcel, trick: str) -> bool:
        parcel.first_at = parcel.first_at or self.clock.now()
        trip = Trip(parcel.tried, parcel.reason, parcel.first_at, trick == "wrong_signature")
        headers, body = parcel.write(trip)
        try:
            status = self.send(parcel.url, headers, body)
        except NotDelivered as problem:
            self._note(parcel, 0, trick)
            parcel.reason = str(problem)
            return False
        self._note(parcel, status, trick)
        parcel.reason = "http_error"
        return parcel.accepts(status)

    def _again(self, parcel: Parcel) -> None:
        if parcel.tried > len(parcel.waits):
            self.given_up += 1
            return
        due = self.clock.now() + parcel.waits[parcel.tried - 1]
        with self._lock:
            heapq.heappush(self._waiting, (due, next(self._numbers), parcel))

    def _note(self, parcel: Parcel, status: int, trick: str) -> None:
        self.attempts.append(
            Attempt(self.clock.now(), parcel.system, parcel.event_id, parcel.url, parcel.tried, status, trick)
        )

    def _struck(self, kinds: Sequence[str], parcel: Parcel) -> Trick | None:
        with self._lock:
            for trick in self.tricks:
                if trick.kind in kinds and trick.times > 0 and trick.system in ("*", parcel.system):
                    trick.times -= 1
                    return trick
        return None
