"""One schedule's world: a data folder, a sandbox over HTTP, a shop, a clock, and the workers let loose on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from config.demo.shop import Shop
from config.prove import checks, consent, crew
from config.prove.crew import Hand
from config.prove.timing import SharedClock
from config.prove.witness import WitnessedSandbox
from config.prove.worker import Fate
from connections import clock
from connections.models import Connection
from connections.sandbox.clock import SandboxClock
from connections.sandbox.server import serve
from sync.lifecycle import PostingState
from sync.models import Posting, SyncLane, SyncRun

MOST_ROUNDS = 80


@dataclass
class Arena:
    sandbox: WitnessedSandbox
    time: SharedClock
    shop: Shop | None = None
    kills: int = 0
    stops: int = 0
    consents: int = 0
    workers: int = 0
    hands: list[Hand] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    faults_of_ours: list[str] = field(default_factory=list)

    @property
    def lane(self) -> SyncLane:
        return SyncLane.objects.select_related("source", "division__connection").get()

    def tell(self, what: str) -> None:
        self.story.append(f"{self.time.now():%d %H:%M:%S} {what}")

    def work(self, fates: Sequence[Fate]) -> None:
        """Let workers loose, all at once, until each is over."""
        hands = [self.start(fate) for fate in fates]
        self.finish(hands)

    def start(self, fate: Fate) -> Hand:
        self.workers += 1
        self.hands.append(Hand(fate, self.time.ahead))
        return self.hands[-1]

    def finish(self, hands: Sequence[Hand]) -> None:
        crew.await_all(hands, meanwhile=self.pass_stale_claims)
        for hand in hands:
            self._note(hand)
        if not any(hand.is_stopped for hand in hands):
            self.pass_stale_claims()
        self.consent_again()

    def _note(self, hand: Hand) -> None:
        self.tell(f"worker ({hand.fate}): {hand.ended}")
        self.kills += hand.ended == "killed"
        self.stops += hand.is_stopped
        if hand.ended.startswith(("fell over", "hangs")):
            self.faults_of_ours.append(f"worker {hand.ended}")

    def pass_stale_claims(self) -> None:
        """A worker that died while renewing a token leaves a claim; time passes until it has run out."""
        for row in Connection.objects.filter(refresh_started_at__isnull=False):
            self.time.pass_until(row.refresh_until)

    def consent_again(self) -> None:
        for row in consent.give_again(self.sandbox):
            self.consents += 1
            self.tell(f"consent for {row} is given again")

    def leave(self) -> None:
        """End every process that is still there, asleep or not."""
        for hand in self.hands:
            hand.end()
        self.hands.clear()

    def rest(self) -> None:
        """Work unharmed until nothing is under way, passing the time in between."""
        for _ in range(MOST_ROUNDS):
            self.work([Fate()])
            if checks.is_at_rest(self.lane):
                return
            self.time.pass_until(self._next_due())
        self.faults_of_ours.append(f"did not come to rest in {MOST_ROUNDS} rounds")

    def _next_due(self) -> datetime:
        now, lane = self.time.now(), self.lane
        under_way = Posting.objects.filter(lane=lane, state__in=(PostingState.DRAFT, PostingState.SENDING))
        moments = [lane.lease_until, *under_way.values_list("due_at", flat=True)]
        moments += SyncRun.objects.filter(lane=lane, state__in=SyncRun.OPEN).values_list("due_at", flat=True)
        return min((moment for moment in moments if moment and moment > now), default=now + timedelta(minutes=1))


@contextmanager
def arena(
    template: Path, *, seed: int, start: datetime, time: SharedClock, sandbox: type[WitnessedSandbox] = WitnessedSandbox
) -> Iterator[Arena]:
    """A fresh world at `start`, gone at the end."""
    _fresh_database(template)
    time.start_at(start)
    vendors = sandbox(seed=seed, clock=SandboxClock(time.now))
    address = urlsplit(settings.SANDBOX_SQUARE_URL)
    restore = clock.install(time)
    try:
        with serve(vendors, address.hostname or "127.0.0.1", address.port or 0):
            stage = Arena(vendors, time)
            try:
                yield stage
            finally:
                stage.leave()
    finally:
        restore()
        connection.close()


def _fresh_database(template: Path) -> None:
    connection.close()
    name = str(settings.DATABASES["default"]["NAME"])
    for ending in ("", "-wal", "-shm"):
        Path(name + ending).unlink(missing_ok=True)
    copyfile(template, name)


def beginning(day: date, minutes: int) -> datetime:
    return datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(minutes=minutes)
