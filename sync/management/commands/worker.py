"""`manage.py worker`: the queue's cluster, and the supervisor that restarts it whole when it stalls.

One `kill -9` of an idle queue worker can stop the cluster without a sign. The cluster therefore runs in a process
group of its own; when its heartbeat stops, the group is ended and started again. The supervisor is also the doorbell's
second ear: it rings runs that are overdue without waiting for the next minute.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, close_old_connections
from django_q.brokers import get_broker
from django_q.tasks import async_task

from connections import checks
from sync import schedules, tasks
from sync.models import Beat

LOOK_EVERY = 2.0
# The heartbeat task runs each minute; the queue's scheduler looks every half minute.
SILENCE = 150.0
GRACE = 15.0


def give_way() -> None:
    """Let whoever waits for an answer go first: pages and webhooks of the same machine. Every process started from here
    inherits it.
    """
    os.nice(settings.WORKER_NICENESS)


class Supervisor:
    """Keeps one cluster alive. Times are real seconds: a stalled process stalls in real time."""

    def __init__(self, *, say: Any = print, silence: float = SILENCE) -> None:
        self.say, self.silence = say, silence
        self.process: subprocess.Popen[bytes] | None = None
        self.started = self.heard = 0.0
        self.last_beat: object = None
        self.stopping = False

    def run(self) -> None:
        schedules.ensure()
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        try:
            while not self.stopping:
                self.look()
                time.sleep(LOOK_EVERY)
        finally:
            self.end()

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's form
        self.stopping = True

    def look(self) -> None:
        """One look at the cluster and at the rows: start it, restart it, ring what is overdue."""
        now = time.monotonic()
        if self.process is None or self.process.poll() is not None:
            # A head that died leaves its workers behind, and they go on taking tasks.
            self.end()
            return self.start(now)
        self._listen(now)
        if now - self.heard > self.silence:
            self.say(f"The queue gave no sign of life for {self.silence:.0f} s: it is restarted whole.")
            self.end()
            return self.start(now)
        return self._ring()

    def start(self, now: float) -> None:
        command = [sys.executable, sys.argv[0], "qcluster"]
        self.process = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own command line
        self.started = self.heard = now

    def end(self) -> None:
        """End every process of the group: a cluster without its head goes on taking tasks."""
        if self.process is None:
            return
        self.process.terminate()  # the head alone: it lets its workers finish what they are at
        try:
            # Whom we gave up on after so long a silence does not need longer to end.
            self.process.wait(min(GRACE, self.silence))
        except subprocess.TimeoutExpired:
            self.say("The queue did not end in time and is killed; its runs are taken up again.")
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def _listen(self, now: float) -> None:
        beat = self._ask(lambda: Beat.objects.filter(name="worker").values_list("at", flat=True).first())
        if beat != self.last_beat:
            self.last_beat, self.heard = beat, now

    def _ring(self) -> None:
        """Ask for a sweep when something is overdue and none is asked for yet."""
        overdue = self._ask(lambda: bool(tasks.is_anything_due()) and not get_broker().queue_size())
        if overdue:
            async_task("sync.tasks.sweep", q_options={"task_name": "sweep"})

    def _ask(self, question: Any) -> Any:
        """A busy database is no reason to fall over; the next look asks again."""
        close_old_connections()
        try:
            return question()
        except OperationalError as error:
            self.say(f"The database did not answer ({error}); looking again in {LOOK_EVERY:.0f} s.")
            return None


class Command(BaseCommand):
    help = "Run the background workers, supervised. Ends with Ctrl-C or SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--silence", type=float, default=SILENCE, help="seconds without heartbeat before a restart")

    def handle(self, **options: Any) -> None:
        problem = checks.clock_refusal()
        if problem:
            raise CommandError(problem)
        give_way()
        Supervisor(say=self.stdout.write, silence=options["silence"]).run()
