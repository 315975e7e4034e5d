"""A schedule: what happens to a shop, decided by one seed, and the verdict on what became of its books."""

from __future__ import annotations

import random
import time as real
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from audit.models import AuditEntry
from config.demo import shop as shops
from config.prove import checks
from config.prove.arena import Arena, arena, beginning
from config.prove.timing import SharedClock
from config.prove.worker import Fate
from connections.sandbox import generator
from connections.sandbox.faults import Fault
from connections.sandbox.generated import GeneratedMonth
from connections.sandbox.square import LineSpec, TenderSpec
from sync import grip

FIRST_DAY = date(2026, 3, 3)
ACTIONS = ("drop_before", "drop_after", "late_commit", "429", "500_page", "500_after", "503", "truncate", "delay")
# Exact's slowest late commit is what the engine's settling time is made for.
LATEST_COMMIT = 70.0
# Real seconds; beyond the time-out of one second an answer is lost.
DELAYS = (0.05, 0.2, 1.3)


@dataclass
class Verdict:
    seed: int
    payments: int = 0
    workers: int = 0
    kills: int = 0
    stops: int = 0
    consents: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    looked_up: int = 0
    found: int = 0
    sent_again: int = 0
    lost: int = 0
    doubled: int = 0
    breaches: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def run(seed: int, *, payments: int, template: Path, time: SharedClock) -> Verdict:
    """Play one schedule. `payments` 0: between 12 and 25, by chance."""
    began = real.monotonic()
    chance = random.Random(f"prove:{seed}")  # noqa: S311 - a schedule, no secret
    start = beginning(FIRST_DAY, chance.randrange(14 * 60))
    with arena(template, seed=seed, start=start, time=time) as stage:
        month = _open_shop(stage, chance, seed, payments or chance.randint(12, 25))
        for _ in range(chance.randint(4, 9)):
            _act(stage, chance, month)
        verdict = _judged(stage, month, Verdict(seed))
    verdict.seconds = real.monotonic() - began
    return verdict


def _open_shop(stage: Arena, chance: random.Random, seed: int, payments: int) -> GeneratedMonth:
    sandbox, now = stage.sandbox, stage.time.now()
    customers = shops.found(sandbox)
    month = generator.generate(
        sandbox.square, seed=seed, payments=payments, days=chance.randint(1, 3), end=now, customers=customers
    )
    grouping = chance.choice(("daily_summary", "per_payment"))
    stage.shop = shops.furnish(sandbox, go_live=month.days[0], customers=customers, sales_grouping=grouping)
    stage.tell(f"{month.payments} payments over {len(month.days)} days, {grouping}")
    return month


def _act(stage: Arena, chance: random.Random, month: GeneratedMonth) -> None:
    """Something goes wrong, something is sold, time passes; then workers come, and some of them die."""
    stage.sandbox.calm()
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        _arm(stage, _fault(chance))
    if _happens(chance, 0.7):
        _sell(stage, chance, month)
    if _happens(chance, 0.2):
        system = chance.choice(("exact", "square"))
        _arm(stage, Fault("expire_token", system, path=PATHS[system], skip=chance.randrange(12)))
    if _happens(chance, 0.6):
        stage.time.pass_by(chance.choice((60, 300, 3600, 8 * 3600, 20 * 3600)) * chance.uniform(0.5, 1.5))
    chance.choices(SCENES, weights=(5, 3, 2))[0](stage, chance)


def _alone(stage: Arena, chance: random.Random) -> None:
    stage.work([_fate(chance)])


def _together(stage: Arena, chance: random.Random) -> None:
    stage.work([_fate(chance), _fate(chance)])


def _overslept(stage: Arena, chance: random.Random) -> None:
    """A worker stops dead, others take its lane over and finish; then it wakes up, too late for everything."""
    sleeper = stage.start(Fate("stop", _boundary(chance)))
    stage.finish([sleeper])
    if not sleeper.is_stopped:
        return
    for _ in range(4):
        stage.time.pass_by(grip.lease().total_seconds() + grip.settle().total_seconds())
        stage.work([Fate()])
    sleeper.wake()
    stage.finish([sleeper])


SCENES: tuple[Callable[[Arena, random.Random], None], ...] = (_alone, _together, _overslept)
# Never the token endpoints: an answer lost there rightly ends in a person's consent.
PATHS = {"exact": "/api/v1/*", "square": "/v2/*"}


def _happens(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _fate(chance: random.Random) -> Fate:
    return Fate("kill", _boundary(chance)) if _happens(chance, 0.85) else Fate()


def _boundary(chance: random.Random) -> int:
    return int(10 ** chance.uniform(0.5, 2.8))


def _fault(chance: random.Random) -> Fault:
    system = chance.choices(("exact", "square"), weights=(4, 1))[0]
    method = chance.choice(("POST", "*")) if system == "exact" else "*"
    action = chance.choice(ACTIONS)
    seconds = chance.choice(DELAYS) if action == "delay" else chance.uniform(1, LATEST_COMMIT)
    times, skip = chance.choice((1, 1, 2, 4)), chance.choice((0, 0, 1, 3, 8))
    return Fault(action, system, method, PATHS[system], times=times, skip=skip, seconds=seconds)


def _arm(stage: Arena, fault: Fault) -> None:
    stage.sandbox.faults.add(fault)
    when = f"x{fault.times} after {fault.skip}, {fault.seconds:.1f} s"
    stage.tell(f"fault {fault.action} {fault.system} {fault.method} {when}")


def _sell(stage: Arena, chance: random.Random, month: GeneratedMonth) -> None:
    for _ in range(chance.randint(1, 3)):
        amount = chance.choice((250, 1999, 4210))
        tenders = chance.choice(
            ((TenderSpec("card"),), (TenderSpec("cash"),), (TenderSpec("cash", 100), TenderSpec("card", amount - 100)))
        )
        lines = [LineSpec("Late arrival", amount, chance.choice(("VAT 9", "VAT 21")))]
        stage.sandbox.square.sell(chance.choice(month.locations), stage.time.now(), lines, tenders)
    stage.tell("new sales")


def _judged(stage: Arena, month: GeneratedMonth, verdict: Verdict) -> Verdict:
    """Calm, rest, the next days' close, rest again: then everything must hold. And once more: nothing is posted."""
    stage.sandbox.calm()
    stage.rest()
    stage.time.pass_by(timedelta(hours=40).total_seconds())
    stage.rest()
    lane, odd = stage.lane, {**month.odd_payments, **month.odd_orders}
    lost = checks.lost(lane, stage.sandbox, odd=odd)
    verdict.breaches = [*stage.faults_of_ours, *lost, *checks.breaches(lane, stage.sandbox)]
    verdict.breaches += _posted_by_another_run(stage)
    verdict.lost, verdict.story = len(lost), stage.story
    verdict.doubled = checks.compared(lane, stage.sandbox).doubled
    return _figures(stage, verdict)


def _posted_by_another_run(stage: Arena) -> Sequence[str]:
    posts, facts = len(stage.sandbox.posts), AuditEntry.objects.filter(subject_type__in=("posting", "leg"))
    before = facts.count()
    stage.time.pass_by(3600)
    stage.rest()
    if len(stage.sandbox.posts) == posts and facts.count() == before:
        return ()
    return (f"restless: another run posted {len(stage.sandbox.posts) - posts} entries, {facts.count() - before} facts",)


def _figures(stage: Arena, verdict: Verdict) -> Verdict:
    posts = [post.reference for post in stage.sandbox.posts]
    struck: Counter[str] = Counter()
    for fault, times in stage.sandbox.struck:
        struck[fault.action] += times
    verdict.faults = dict(struck)
    verdict.payments = checks.compared(stage.lane, stage.sandbox).payments
    verdict.workers, verdict.kills, verdict.stops = stage.workers, stage.kills, stage.stops
    verdict.consents, verdict.entries = stage.consents, len(set(posts))
    verdict.looked_up, verdict.sent_again = checks.looked_up(stage.sandbox), checks.sent_again(posts)
    verdict.found = checks.found_not_sent(stage.lane, settle=grip.settle().total_seconds())
    return verdict
