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
from mappings.bookkeeping.proof import DifferenceKind, Proof
from sync import late
from sync.models import SyncLane
from sync.models.reconciliation import Difference, Month, Reconciliation
from sync.reconciliation import months
from sync.reconciliation import tally as tallies
from sync.reconciliation.figures import Figures, Finding, Period
from sync.reconciliation.kinds import UNPOSTED, Kind
from sync.reconciliation.making import Comparison
from sync.reconciliation.tally import Tally

BATCH = 200
# Causes in the proof of the clearing account that records of the period tell of by themselves.
TOLD_ELSEWHERE = frozenset({DifferenceKind.WAITING, DifferenceKind.DISMISSED})
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
    proofs = comparison.proofs.get(lane.clearing_journal, ())
    return Reconciliation(
        lane=lane, division=lane.division, begin=period.begin, end=period.end, made_by=by,
        unexplained=figures.unexplained, findings=sum(finding.count for finding in findings),
        figures=[
            [row.cell.day.isoformat(), row.cell.role, row.cell.currency, row.square, row.explained, row.ours, row.exact]
            for row in figures.rows()
        ],
        vat=vat, debtors=debtors, flow=tallies.flow_rows(tally), checks=checks(lane, tally, vat, debtors, proofs),
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
def checks(
    lane: SyncLane, tally: Tally, vat: Iterable[dict[str, Any]], debtors: Iterable[dict[str, Any]],
    proofs: Iterable[Proof] = (),
) -> Any:  # fmt: skip
    """Counts and cents per check; each is well when it is nothing."""
    found = tally.figures.findings
    unposted = [finding for finding in found if finding.kind in UNPOSTED]
    open_orders = unmatched(tally)
    clearing = _clearing(tally.figures, proofs)
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


def _clearing(figures: Figures, proofs: Iterable[Proof]) -> dict[str, Any]:
    """The movement of the Square clearing account in the period, by Square, by the ledger, and what nobody explained of
    it; and the proof of its balance at the end, from the opening balance on.
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
    return {"per_currency": per, "difference": difference, "proofs": [_proof(one) for one in proofs]}


def _proof(proof: Proof) -> dict[str, Any]:
    """`unproven`: cents, over the causes that do not go away by themselves. What waits or was dismissed is told by the
    other checks.
    """
    waits = sum(one.amount for one in proof.differences if one.kind in TOLD_ELSEWHERE)
    left = [one for one in proof.differences if not one.kind.is_harmless and one.kind not in TOLD_ELSEWHERE]
    return {
        "currency": proof.currency, "day": proof.day.isoformat(), "opening": proof.opening, "books": proof.books,
        "square": proof.square, "ledger": proof.ledger, "waits": waits,
        "unproven": sum(abs(one.amount) for one in left),
        "causes": [[one.kind.value, one.amount, one.sentence] for one in proof.differences],
    }  # fmt: skip


def _late(lane: SyncLane, period: Period) -> int:
    """What was booked in these days and belongs to others, or came after its day had been summed up."""
    return late.arrivals().filter(lane=lane, date__gte=period.begin, date__lte=period.end).count()


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
