"""Our side of a measurement. Each function runs in a process of its own and sets Django up itself."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.vendors import Opened

KILOBYTE = 1024  # the unit of ru_maxrss on Linux


def prepare(opened: Opened, mode: str) -> int:
    """Tables, connections, mappings and a lane. Returns the lane's id."""
    import django

    django.setup()
    from django.core.management import call_command

    from config.demo import shop as shops

    call_command("migrate", verbosity=0)
    sandbox: Any = opened  # it answers what is asked of a sandbox here: its tokens
    shop = shops.furnish(sandbox, go_live=opened.go_live, sales_grouping=mode, customers=opened.customers)
    return shop.lane.pk


def run(lane_id: int) -> dict[str, Any]:
    """From opening the lane to the last confirmed entry, and nothing else."""
    return _run(lane_id, purpose="")


def plan(lane_id: int) -> dict[str, Any]:
    """A plan and nothing sent: what is not held yet is read and resolved first."""
    return _run(lane_id, purpose="plan")


def post_plan(lane_id: int) -> dict[str, Any]:
    """The plan that waits is approved, and exactly that is booked, confirmed and matched."""
    import django

    django.setup()
    from sync import approval
    from sync.models import SyncRun

    approval.approve(SyncRun.objects.get(lane=lane_id, state="planned"), by="bench")
    return _run(lane_id, purpose="post")


def _run(lane_id: int, *, purpose: str) -> dict[str, Any]:
    import django

    django.setup()
    from django.db import connection

    from sync import runs
    from sync.models import SyncLane

    lane = SyncLane.objects.get(pk=lane_id)
    statements = Counter()
    resting, began, spent = peak(), time.monotonic(), time.process_time()
    with connection.execute_wrapper(statements):
        over = runs.work_to_rest(runs.open_run(lane, trigger="person", purpose=purpose))
    return {
        "seconds": time.monotonic() - began, "cpu": time.process_time() - spent, "statements": statements.number,
        "peak": peak(), "resting": resting, "state": f"{over.state}: {over.sentence}",
    }  # fmt: skip


def documents(lane_id: int) -> dict[str, int]:
    """What was booked: entries that had to stand alone, and the payments that are none of those and settle none."""
    import django

    django.setup()
    from sync.models import Leg, Posting, SyncItem

    own = Leg.objects.filter(lane=lane_id, document="sales_entry", stands_alone=True)
    alone = Posting.objects.filter(lane=lane_id, legs__in=own).distinct().count()
    items = SyncItem.objects.filter(lane=lane_id)
    others = items.filter(kind="payment").exclude(order_id__in=own.exclude(order_id="").values("order_id")).count()
    return {
        "alone": alone, "others": others, "entries": Posting.objects.filter(lane=lane_id).count(),
        "records": items.count(), "waiting": items.exclude(state="done").count(),
    }  # fmt: skip


def reconcile(lane_id: int) -> dict[str, Any]:
    """The whole month compared: Square's figures, our entries, Exact's ledger; and the result kept."""
    import django

    django.setup()
    from connections import clock
    from sync.models import SyncLane
    from sync.reconciliation import watch

    lane = SyncLane.objects.select_related("division__connection").get(pk=lane_id)
    resting, began, spent = peak(), time.monotonic(), time.process_time()
    (kept,) = watch.reconcile(lane.division, lane.go_live, clock.now().date())
    return {
        "seconds": time.monotonic() - began, "cpu": time.process_time() - spent, "lines": kept.lines,
        "unexplained": kept.unexplained + kept.findings, "peak": peak(), "resting": resting,
    }  # fmt: skip


class Counter:
    """Counts statements as Django sends them."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.number += 1
        return execute(sql, params, many, context)


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE


def compare(lane_id: int, books: dict[str, Any]) -> dict[str, int]:
    """Square against the ledger, over all accounts."""
    import django

    django.setup()
    from config.demo import report
    from sync.models import SyncLane

    held = report.Held(payments=books["payments"], orders=books["orders"])
    found = report.compare(SyncLane.objects.get(pk=lane_id), held, books["lines"])
    unbooked = sum(abs(row.waiting) for row in found.rows)
    return {"difference": sum(abs(row.difference) for row in found.rows) + unbooked, "doubled": found.doubled}
