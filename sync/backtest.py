"""What a change of rules would have done to the last days: planned from stored payloads, nothing sent or stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from connections import clock
from connections.models import Division
from mappings import decisions
from mappings.bookkeeping.legs import LegPlan, ledger
from mappings.models import GLMapping
from sync.flows import FLOWS
from sync.flows.base import Resolution, Work
from sync.grip import Grip
from sync.legs import digest_of
from sync.models import SyncItem, SyncLane, SyncRun
from sync.models.lanes import BOOKING

DAYS, MOST, BATCH = 30, 2_000, 200
# Orders move nothing in the ledger, and disputes and expiries are stated one by one.
KINDS = ("payment", "refund", "payout")
Place = tuple[str, int, bool]


@dataclass
class BackTest:
    """Minor units, debit + / credit -. `moved`: (currency, GL code) -> movement; `boxes`: (currency, VAT code) ->
    (net, VAT) with the vendor's signs. Each as it is now and as it would be.
    """

    since: date
    records: int = 0
    is_cut: bool = False
    affected: list[SyncItem] = field(default_factory=list)
    stops: Counter[str] = field(default_factory=Counter)
    goes_on: int = 0
    moved: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = field(
        default_factory=lambda: (Counter(), Counter())
    )
    net: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = field(
        default_factory=lambda: (Counter(), Counter())
    )
    vat: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = field(
        default_factory=lambda: (Counter(), Counter())
    )

    def add(self, side: int, plan: LegPlan) -> None:
        if plan.problem or plan.main_account is None:
            return
        for code, amount in ledger(plan.document, plan.main_account.code, plan.lines).items():
            self.moved[side][plan.currency, code] += amount
        for line in plan.lines:
            if line.vat_code:
                self.net[side][plan.currency, line.vat_code] += line.amount
                self.vat[side][plan.currency, line.vat_code] += line.vat


def run(division: Division, changed: Sequence[GLMapping]) -> BackTest:
    """The newest 2,000 records of the last 30 days, planned by the rules of now and by the rules as changed."""
    since = clock.now().date() - timedelta(days=DAYS)
    test = BackTest(since)
    after = decisions.read(division, changed=changed)
    for lane in SyncLane.objects.filter(division=division, flow=BOOKING).select_related(
        "division__connection", "source"
    ):
        items = _items(lane, since)[: MOST - test.records + 1]
        ids = list(items.values_list("pk", flat=True))
        test.is_cut = test.is_cut or len(ids) > MOST - test.records
        ids = ids[: MOST - test.records]
        test.records += len(ids)
        works = _work(lane), _work(lane)
        works[1].decisions = after
        for batch in _batches(ids):
            _compare(test, works, batch)
    return test


def _items(lane: SyncLane, since: date):  # type: ignore[no-untyped-def]
    rows = SyncItem.objects.filter(lane=lane, local_day__gte=since, kind__in=KINDS)
    return rows.exclude(state="dismissed").order_by("-local_day", "-id")


def _work(lane: SyncLane) -> Work:
    return Work(lane=lane, run=SyncRun(lane=lane), grip=Grip(lane.pk, -1, clock.now()))


def _batches(ids: Sequence[int]) -> Iterator[list[SyncItem]]:
    for start in range(0, len(ids), BATCH):
        yield list(SyncItem.objects.filter(pk__in=ids[start : start + BATCH]).select_related("location").order_by("id"))


def _compare(test: BackTest, works: tuple[Work, Work], items: Sequence[SyncItem]) -> None:
    now, then = (planned(work, items) for work in works)
    for item in items:
        if item.pk in now and item.pk in then:
            _record(test, item, now[item.pk], then[item.pk])


def planned(work: Work, items: Sequence[SyncItem]) -> dict[int, Resolution]:
    """What these records owe by the decisions of this work. Reads no vendor and writes nothing."""
    found: dict[int, Resolution] = {}
    for stream in FLOWS[work.lane.flow].streams(work.lane):
        own = [item for item in items if item.kind == stream.kind]
        if own and stream.kind in KINDS:
            found |= {resolution.item.pk: resolution for resolution in stream.resolve(work, own)}
    return found


def _record(test: BackTest, item: SyncItem, now: Resolution, then: Resolution) -> None:
    for side, resolution in enumerate((now, then)):
        for _, plan in resolution.legs:
            test.add(side, plan)
    before, after = _told(now), _told(then)
    if before == after:
        return
    test.affected.append(item)
    problem, former = _problem(then), _problem(now)
    if problem and not former:
        test.stops[problem] += 1
    test.goes_on += bool(former and not problem)


def _told(resolution: Resolution) -> dict[Place, str]:
    return {
        (plan.kind, plan.ordinal, plan.is_reversal): plan.problem.kind if plan.problem else digest_of(plan)
        for _, plan in resolution.legs
    }


def _problem(resolution: Resolution) -> str:
    problems = [resolution.problem, *(plan.problem for _, plan in resolution.legs)]
    return next((problem.sentence for problem in problems if problem), "")
