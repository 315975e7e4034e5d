"""`manage.py prove`: kills real workers at random boundaries and counts what became of every payment.

`--tokens` kills processes at every line of a token refresh instead, over weeks. `--live` kills nobody: it looks for
every leg of the live books in Exact by its reference.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.prove import live, setting
from sync import calendar_months

PROCESSES = 2
COUNTED = (
    "payments", "entries", "workers", "kills", "stops", "consents", "looked_up", "found", "sent_again", "lost",
    "doubled",
)  # fmt: skip
WORDS = {
    "entries": "entries booked in Exact", "workers": "worker processes", "kills": "of them killed (SIGKILL)",
    "stops": "of them stopped and woken too late", "consents": "consents given again",
    "looked_up": "look-ups by reference", "found": "found, not sent again",
    "sent_again": "sent again after two empty looks",
}  # fmt: skip
TOKEN_WORDS = {
    "days": "days of the clock", "moments": "moments at which 16 processes wanted a token",
    "refreshes": "refresh tokens sent", "lines": "lines that a refresh passes", "killed_at": "of them killed at",
    "kills": "processes killed (SIGKILL)", "asked_again": "sent again after an open refusal",
    "consents": "consents asked for", "needless": "of them to be safe, nothing was lost",
}  # fmt: skip
Verdict = dict[str, Any]


class Command(BaseCommand):
    help = (
        "Kill real workers and break the wire at random; fails when a payment is not booked exactly once. With --live: "
        "look for every leg of the live books in Exact; fails when one is not in exactly one document, to the cent."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--schedules", type=int, default=20)
        parser.add_argument("--seed", type=int, default=1, help="seed of the first schedule; the next has the next one")
        parser.add_argument("--payments", type=int, default=0, help="payments of each schedule (12 to 25 by default)")
        parser.add_argument("--tokens", action="store_true", help="prove the token refresh instead, over --days")
        parser.add_argument("--days", type=int, default=60, help="with --tokens: days of the clock (default: 60)")
        parser.add_argument("--live", action="store_true", help="prove the live books instead: harms nothing")
        parser.add_argument("--month", help="with --live: a month as 2026-03 (default: the running one)")
        parser.add_argument("--division", type=int, help="with --live: code of one division (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        if options["live"]:
            self._prove_live(options["month"], options["division"])
        elif options["month"] or options["division"]:
            raise CommandError("--month and --division go with --live.")
        elif options["tokens"]:
            self._prove_tokens(options["days"], options["seed"])
        else:
            self._play(options)

    def _prove_live(self, month: str | None, division: int | None) -> None:
        try:
            chosen = calendar_months.read(month) if month else None
        except ValueError:
            raise CommandError("--month is a month as 2026-03.") from None
        live.prove(chosen, division, say=self.stdout.write)

    def _prove_tokens(self, days: int, seed: int) -> None:
        with tempfile.TemporaryDirectory(prefix="prove-") as folder:
            environment = setting.environment(Path(folder), speed=1)
            player = _ours("config.prove.tokens", str(days), str(seed), environment=environment)
            heard = player.communicate()[0]
        if player.returncode:
            raise CommandError("The proof of the tokens did not end.")
        verdict: Verdict = json.loads(heard.splitlines()[-1])
        rows = [(words, verdict[name]) for name, words in TOKEN_WORDS.items()]
        rows += [(f"answers: {name}", times) for name, times in sorted(verdict["faults"].items())]
        rows += [("violations", len(verdict["breaches"])), ("seconds", round(verdict["seconds"]))]
        self.stdout.write("\n".join(f"{name:<44}{figure:>8}" for name, figure in rows))
        for told in verdict["unreached"]:
            self.stdout.write(f"  nobody came by: {told}")
        if verdict["breaches"]:
            self.stdout.write("\n".join(f"  {told}" for told in verdict["breaches"]))
            raise CommandError(f"again: manage.py prove --tokens --days {days} --seed {seed}")

    def _play(self, options: Mapping[str, Any]) -> None:
        began = time.monotonic()
        seeds = range(options["seed"], options["seed"] + options["schedules"])
        verdicts = []
        with tempfile.TemporaryDirectory(prefix="prove-") as folder:
            for verdict in _played(seeds, options["payments"], Path(folder)):
                verdicts.append(verdict)
                self._say(verdict, len(verdicts), len(seeds), options["payments"])
        self._table(verdicts, time.monotonic() - began)
        broken = [verdict["seed"] for verdict in verdicts if verdict["breaches"]]
        if broken or len(verdicts) < len(seeds):
            raise CommandError(f"{len(seeds) - len(verdicts)} schedules did not end; broken seeds: {broken}")

    def _say(self, verdict: Verdict, number: int, schedules: int, payments: int) -> None:
        word = "broken" if verdict["breaches"] else "clean"
        self.stdout.write(
            f"{number:>4}/{schedules} seed {verdict['seed']}: {word}, {verdict['payments']} payments, "
            f"{verdict['kills']} kills, {sum(verdict['faults'].values())} faults, {verdict['seconds']:.1f} s"
        )
        if verdict["breaches"]:
            again = f"again: manage.py prove --schedules 1 --seed {verdict['seed']} --payments {payments}"
            lines = [*verdict["story"], *verdict["breaches"], again]
            self.stdout.write("\n".join(f"       {line}" for line in lines))

    def _table(self, verdicts: Sequence[Verdict], seconds: float) -> None:
        faults: Counter[str] = Counter()
        for verdict in verdicts:
            faults.update(verdict["faults"])
        rows = [("schedules", len(verdicts))]
        rows += [(WORDS.get(name, name), sum(verdict[name] for verdict in verdicts)) for name in COUNTED]
        rows += [(f"fault {name}", times) for name, times in sorted(faults.items())]
        rows += [("violations", sum(len(verdict["breaches"]) for verdict in verdicts)), ("seconds", round(seconds))]
        self.stdout.write("\n".join(f"{name:<34}{figure:>8}" for name, figure in rows))


def _played(seeds: Sequence[int], payments: int, folder: Path) -> Iterator[Verdict]:
    """Verdicts as they come, from processes side by side."""
    heard: queue.Queue[Verdict | None] = queue.Queue()
    shares = [seeds[number::PROCESSES] for number in range(PROCESSES) if seeds[number::PROCESSES]]
    players = [_start(share, payments, folder / str(number)) for number, share in enumerate(shares)]
    for player in players:
        threading.Thread(target=_listen, args=(player, heard), daemon=True).start()
    try:
        over = 0
        while over < len(players):
            if (verdict := heard.get()) is None:
                over += 1
            else:
                yield verdict
    finally:
        for player in players:
            player.terminate()
            player.wait()


def _start(seeds: Sequence[int], payments: int, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir()
    environment = setting.environment(folder)
    return _ours("config.prove.share", json.dumps(list(seeds)), str(payments), environment=environment)


def _ours(module: str, *arguments: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", module, *arguments], env=environment, cwd=settings.BASE_DIR, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def _listen(player: subprocess.Popen[str], heard: queue.Queue[Verdict | None]) -> None:
    for line in player.stdout or ():
        heard.put(json.loads(line))
    heard.put(None)
