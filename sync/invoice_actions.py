"""What people do with invoices: have them looked at again on both sides, say that a number means another one."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from audit import trail
from audit.trail import Fact
from connections import clock
from sync import actions
from sync.actions import Impossible, Tally
from sync.lifecycle import ItemState
from sync.models import SyncItem, SyncLane
from sync.models.invoices import InvoiceStanding


def look_again(rows: QuerySet[InvoiceStanding], *, by: str) -> Tally:
    """Read these invoices at Square and their open terms in Exact with the next run, which is asked for."""
    tally, now = Tally(), clock.now()
    found = list(rows.select_related("item", "lane__division", "lane__source").defer("item__payload"))
    with transaction.atomic():
        InvoiceStanding.objects.filter(pk__in=[row.pk for row in found]).update(wanted_at=now, listed_at=None)
        trail.record([_fact("invoice.looked_again", row, {"by": by}) for row in found], at=now)
    tally.done = len(found)
    for lane in {row.lane_id: row.lane for row in found}.values():
        _run(lane, by, tally)
    return tally


def book_anyway(rows: QuerySet[InvoiceStanding], *, reason: str, by: str) -> Tally:
    """The entry with this number is another invoice: book this one, too."""
    if not reason.strip():
        raise Impossible("Give a reason: the auditor will ask how you know that it is another invoice.")
    tally = Tally()
    for row in rows.select_related("item"):
        if not row.obstacle or row.item.state != ItemState.WAITING:
            tally.skip(row, "its number is not taken")
            continue
        with transaction.atomic():
            InvoiceStanding.objects.filter(pk=row.pk).update(may_repeat=True)
            trail.record([_fact("invoice.is_another", row, {"by": by, "reason": reason.strip()})], at=clock.now())
        replayed = actions.replay_items(SyncItem.objects.filter(pk=row.item_id), by=by)
        tally.done += replayed.done
        tally.skipped += replayed.skipped
    return tally


def _run(lane: SyncLane, by: str, tally: Tally) -> None:
    try:
        actions.run_now(lane, by=by)
    except Impossible as standing:
        tally.skip(lane, f"its invoices are marked, but it does not run now: {standing}")


def _fact(verb: str, row: InvoiceStanding, detail: dict[str, str]) -> Fact:
    item = row.item
    return Fact(verb, "item", item.pk, item.source_id, item.source_id, detail=detail)
