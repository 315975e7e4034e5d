"""`manage.py prove --tokens`: weeks of token refreshes by many processes, killed at every line, answers lost.

1. A refresh is rehearsed, once for each way it can go, to learn which lines it passes.
2. Days go by: at each moment of a working day all processes want a token at once, and one of them is killed at the next
   of those lines, or an answer is lost on the way. Nights keep the connection alive, weekends do nothing else.
3. After each moment it is judged: no spent token was sent again; the connection asks for consent only when an answer
   may be lost, then at once and to everybody; else everybody holds the one token that Exact takes.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time as real
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.prove.lines import Point
    from config.prove.timing import SharedClock
    from config.prove.token_stage import Stage

FIRST_DAY = date(2026, 3, 3)
WORKERS = 16
SATURDAY = 5
OPENS, CLOSES = 0.5, 23.5  # hours of the day
APART = 12.0  # minutes: longer than an access token lives
NIGHT = 2 / 24
# Ways an answer fails to come; each may cost a consent. The others are said openly, and asked again later.
LOST = ("drop_before", "drop_after", "truncate", "500_after")
OPEN = ("503", "500_page", "429")
REHEARSED = (None, "503", "drop_after", "429")


@dataclass
class Verdict:
    """`needless`: consents asked for although the answer was not lost: a process died between claim and answer, and
    nobody can know what it had sent.
    """

    days: int = 0
    moments: int = 0
    refreshes: int = 0
    lines: int = 0
    killed_at: int = 0
    kills: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    consents: int = 0
    needless: int = 0
    asked_again: int = 0
    breaches: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(days: int, seed: int, *, template: Path, time: SharedClock) -> Verdict:
    from config.prove.token_stage import stage

    began, chance = real.monotonic(), random.Random(f"tokens:{seed}")  # noqa: S311 - a schedule, no secret
    start = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    with stage(template, seed=seed, start=start, time=time, workers=WORKERS) as here:
        points = _rehearsed(here)
        verdict = Verdict(days, lines=len(points))
        _live(here, verdict, points, days=days, start=start, chance=chance)
        verdict.refreshes, verdict.asked_again = len(here.sandbox.sendings), here.sandbox.asked_again
        verdict.kills, verdict.consents, verdict.needless = here.kills, here.consents, here.needless
        verdict.breaches = here.breaches
    verdict.seconds = real.monotonic() - began
    return verdict


def _rehearsed(here: Stage) -> list[tuple[str | None, Point]]:
    """Each line that some refresh passes, with the way it went."""
    known: dict[Point, str | None] = {}
    for fault in REHEARSED:
        for point in here.rehearse(fault):
            known.setdefault(point, fault)
    return [(fault, point) for point, fault in known.items()]


def _live(
    here: Stage, verdict: Verdict, points: Sequence[tuple[str | None, Point]], *, days: int, start: datetime,
    chance: random.Random,
) -> None:  # fmt: skip
    ahead, faults = list(points), Counter[str]()
    chance.shuffle(ahead)
    left = [day for day in range(days) if _is_working(start + timedelta(days=day))]
    struck: set[Point] = set()
    for day in range(days):
        midnight = start + timedelta(days=day + 1)
        here.keep_alive(at=midnight + timedelta(days=NIGHT))
        if day not in left:
            continue
        share, left = math.ceil(len(ahead) / len(left)), left[1:]
        moments = list(_moments(midnight, share + 2))
        for number, moment in enumerate(moments):
            fault, point = ahead.pop() if ahead and number < len(moments) - 2 else (_fault(chance), None)
            verdict.moments += 1
            faults[fault or "none"] += 1
            if here.play(at=moment, fault=fault, point=point) and point:
                struck.add(point)
    verdict.faults, verdict.killed_at = dict(faults), len(struck)
    played = {point for _, point in points} - {point for _, point in ahead}
    verdict.unreached = sorted(map(str, played - struck))


def _fault(chance: random.Random) -> str | None:
    return chance.choice((None, "delay", *OPEN, *LOST))


def _is_working(day: datetime) -> bool:
    return (day + timedelta(days=1)).weekday() < SATURDAY


def _moments(midnight: datetime, wanted: int) -> Iterator[datetime]:
    """Spread over the day, each later than the token of the one before lives."""
    fits = int((CLOSES - OPENS) * 60 / APART)
    for number in range(min(wanted, fits)):
        yield midnight + timedelta(hours=OPENS + (CLOSES - OPENS) * number / min(wanted, fits) + NIGHT)


def main(arguments: list[str]) -> None:
    import django

    django.setup()
    from django.conf import settings

    from config.prove import share

    days, seed = int(arguments[0]), int(arguments[1])
    verdict = run(days, seed, template=share.template(Path(settings.DATA_DIR)), time=share.shared_time())
    print(json.dumps(asdict(verdict)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
