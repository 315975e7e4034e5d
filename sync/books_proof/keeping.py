"""Keeping what a look at the live books found: counts, a row for each finding, and one fact."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.models import Division
from sync import calendar_months
from sync.books_proof import making
from sync.books_proof.judging import Verdict
from sync.books_proof.kinds import Kind
from sync.books_proof.making import Look
from sync.models import BooksFinding, BooksProof, SyncLane

BATCH = 200
# Rows for so many findings; their counts are whole.
MOST_FINDINGS = 500
# So many looks at the same month are kept.
KEPT = 14
# The last days of a month are booked in the first of the next: until then the month before is looked at too.
STILL_BOOKED = timedelta(days=4)


def prove_and_keep(division: Division, month: date, *, by: str = "") -> list[BooksProof]:
    """Raises the errors of the providers, and keeps nothing then."""
    return keep(making.look(division, month), by=by)


def keep(look: Look, *, by: str) -> list[BooksProof]:
    """One proof per lane, in one transaction."""
    with transaction.atomic():
        return [_keep(lane, verdict, look, by=by) for lane, verdict in look.verdicts.items()]


def _keep(lane: SyncLane, verdict: Verdict, look: Look, *, by: str) -> BooksProof:
    now = clock.now()
    row = BooksProof.objects.create(
        lane=lane, begin=look.period.begin, end=look.period.end, began_at=look.began, made_at=now, made_by=by,
        is_proven=verdict.is_proven, events=verdict.events, legs=verdict.legs, in_one=verdict.in_one,
        missing=verdict.counts[Kind.MISSING], doubled=verdict.counts[Kind.DOUBLED], entries=verdict.entries,
        equal=verdict.equal, unbooked=verdict.unbooked, settling=verdict.settling, found=len(verdict.findings),
        lines=look.evidence.lines, sums=dict(verdict.sums), digest=verdict.digest,
    )  # fmt: skip
    BooksFinding.objects.bulk_create(_rows(row, verdict), batch_size=BATCH)
    detail = {
        "month": f"{row.begin:%Y-%m}", "legs": row.legs, "in_one": row.in_one, "missing": row.missing,
        "doubled": row.doubled, "entries": row.entries, "equal": row.equal, "findings": row.found,
        "digest": row.digest,
    }  # fmt: skip
    verb = "books.proven" if row.is_proven else "books.not_proven"
    fact = Fact(verb, "booksproof", row.pk, str(row), division=lane.division.code, detail=detail)
    trail.record([fact], at=now)
    _forget(row)
    return row


def _rows(row: BooksProof, verdict: Verdict) -> Iterable[BooksFinding]:
    for found in verdict.findings[:MOST_FINDINGS]:
        yield BooksFinding(
            proof=row, kind=found.kind, sentence=found.sentence, reference=found.reference, leg_id=found.leg,
            posting_id=found.posting, entries=list(found.entries),
        )  # fmt: skip


def _forget(row: BooksProof) -> None:
    """Older looks at the same month."""
    same = BooksProof.objects.filter(lane=row.lane, begin=row.begin)
    newest = list(same.order_by("-pk").values_list("pk", flat=True)[:KEPT])
    same.exclude(pk__in=newest).delete()


def due_tonight(today: date) -> list[date]:
    """The first days of the months that still move: the running one, and in its first days the one before."""
    return sorted({calendar_months.first_day(day) for day in (today, today - STILL_BOOKED)})
