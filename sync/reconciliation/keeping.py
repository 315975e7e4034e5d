"""Keeping what was compared: the result, its differences, and what it means for the month."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from sync.models import Posting, SyncLane
from sync.models.reconciliation import Difference, Month, Reconciliation
from sync.reconciliation import months
from sync.reconciliation import tally as tallies
from sync.reconciliation.figures import Figures, Finding, Period
from sync.reconciliation.kinds import UNPOSTED, Kind
from sync.reconciliation.making import Comparison
from sync.reconciliation.tally import Tally

BATCH = 200
# So many results of the same period are kept; one that somebody signed is kept for ever.
KEPT = 14


def keep(comparison: Comparison, *, by: str, asked_square: bool = False) -> list[Reconciliation]:
    """One result per lane, with its month brought up to date, in one transaction."""
    now = clock.now()
    kept = []
    with transaction.atomic():
        for lane in comparison.chart.lanes:
            tally = comparison.tallies[lane.pk]
            tally.close()
            row = _row(lane, tally, comparison, by=by, asked_square=asked_square)
            row.made_at = now
            row.save()
            Difference.objects.bulk_create(
                (_difference(row, finding) for finding in tally.figures.findings), batch_size=BATCH
            )
            detail = {"period": str(tally.period), "unexplained": row.unexplained, "findings": row.findings}
            fact = Fact("reconciliation.made", "reconciliation", row.pk, str(row), division=lane.division.code,
                        detail=detail)  # fmt: skip
            trail.record([fact], at=now)
            months.compared(row, at=now)
            _forget(row)
            kept.append(row)
    return kept


def _forget(row: Reconciliation) -> None:
    """Older results of the same period, but for those that somebody signed."""
    same = Reconciliation.objects.filter(lane=row.lane, begin=row.begin, end=row.end)
    newest = list(same.order_by("-pk").values_list("pk", flat=True)[:KEPT])
    held = Month.objects.filter(lane=row.lane).values_list("reconciliation", "signed")
    needed = {pk for pair in held for pk in pair if pk}
    same.exclude(pk__in=[*newest, *needed]).delete()


def _row(lane: SyncLane, tally: Tally, comparison: Comparison, *, by: str, asked_square: bool) -> Reconciliation:
    figures, period = tally.figures, tally.period
    findings = [finding for finding in figures.findings if not finding.is_explained]
    vat = tallies.vat_rows(tally, comparison.books, lane.pk)
    debtors = tallies.debtor_rows(tally, comparison.books, lane.pk)
    terms = comparison.terms or {}
    for one in debtors:
        one["open"] = terms.get((one["currency"], one["debtor"]))
    return Reconciliation(
        lane=lane, division=lane.division, begin=period.begin, end=period.end, made_by=by,
        unexplained=figures.unexplained, findings=sum(finding.count for finding in findings),
        figures=[
            [row.cell.day.isoformat(), row.cell.role, row.cell.currency, row.square, row.explained, row.ours, row.exact]
            for row in figures.rows()
        ],
        vat=vat, debtors=debtors, flow=tallies.flow_rows(tally), checks=checks(lane, tally, vat, debtors),
        digest=digest_of(figures),
        records=tally.records, lines=comparison.books.lines, asked_square=asked_square,
    )  # fmt: skip


def _difference(row: Reconciliation, finding: Finding) -> Difference:
    return Difference(
        reconciliation=row, kind=finding.kind, is_explained=finding.is_explained, day=finding.day,
        currency=finding.currency, amount=finding.size, count=finding.count, sentence=finding.sentence,
        cells=[[cell.day.isoformat(), cell.role, cell.currency, amount] for cell, amount in finding.cells.items()],
        source_id=finding.source_id, reference=finding.reference, item_id=finding.item, posting_id=finding.posting,
        entry_number=finding.entry,
    )  # fmt: skip


def digest_of(figures: Figures) -> str:
    """SHA-256 over what a person signs: Square's and Exact's amounts, and each difference."""
    rows = [[*map(str, row.cell), row.square, row.exact] for row in figures.rows() if row.square or row.exact]
    told = sorted([str(finding.kind), finding.source_id, finding.reference, finding.size]
                  for finding in figures.findings if finding.cells)  # fmt: skip
    return hashlib.sha256(json.dumps([rows, told]).encode()).hexdigest()


# --- what the month page shows ------------------------------------------------------------------
def checks(lane: SyncLane, tally: Tally, vat: Iterable[dict[str, Any]], debtors: Iterable[dict[str, Any]]) -> Any:
    """Counts and cents per check; each is well when it is nothing."""
    found = tally.figures.findings
    unposted = [finding for finding in found if finding.kind in UNPOSTED]
    open_orders = unmatched(tally)
    clearing = _clearing(tally.figures)
    owing = 0 if tally.figures.unexplained else sum(row["ours"] != row["exact"] for row in debtors)
    return {
        "unposted": {"count": sum(one.count for one in unposted), "sums": _sums(unposted)},
        "unmatched": {"count": len(open_orders), "orders": open_orders[:100], "customers": owing},
        "clearing": clearing,
        "late": {"count": _late(lane, tally.period), "other_day": sum(one.count for one in found if _is_late(one))},
        "vat": {"difference": sum(_vat_apart(row) for row in vat)},
        "unexplained": {"count": sum(one.count for one in found if not one.is_explained),
                        "difference": tally.figures.unexplained},
    }  # fmt: skip


def unmatched(tally: Tally) -> list[dict[str, Any]]:
    """Orders that booked entries leave open on a customer, although Square says that they are settled.

    What waits or is on its way is told as that, and not a second time here.
    """
    return [
        {"order": order, "currency": currency, "amount": amount}
        for (order, currency), amount in sorted(tally.open_orders.items())
        if order not in tally.busy_orders
    ]


def _clearing(figures: Figures) -> dict[str, Any]:
    """The movement of the Square clearing account in the period, by Square, by the ledger, and what nobody explained of
    it. A proof of its balance from go-live on belongs in here too.
    """
    rows = [row for row in figures.rows() if row.cell.role == "clearing"]
    per: dict[str, list[int]] = {}
    for row in rows:
        held = per.setdefault(row.cell.currency, [0, 0, 0, 0])
        for place, amount in enumerate((row.square, row.explained, row.exact, row.difference)):
            held[place] += amount
    difference = sum(
        abs(sum(amount for cell, amount in finding.cells.items() if cell.role == "clearing"))
        for finding in figures.findings
        if not finding.is_explained
    )
    return {"per_currency": per, "difference": difference}


def _late(lane: SyncLane, period: Period) -> int:
    """Sales that came after their day was summed up: supplements of the period's days."""
    late = Posting.objects.filter(lane=lane, document="sales_entry", ordinal__gt=0, corrects=None)
    return late.filter(date__gte=period.begin, date__lte=period.end).exclude(remote_id="").count()


def _is_late(finding: Finding) -> bool:
    return finding.kind is Kind.TIMING and bool(finding.cells) and finding.posting is not None


def _vat_apart(row: dict[str, Any]) -> int:
    """VAT of our lines against what the ledger states on its lines; the net too, since a changed code moves both."""
    return int(abs(row["vat"] - row["exact_vat"]) + abs(row["base"] - row["exact_base"]))


def _sums(findings: Iterable[Finding]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for finding in findings:
        if finding.currency:
            sums[finding.currency] += finding.size
    return dict(sums)
