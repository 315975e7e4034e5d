"""Seals: each covers the digests of committed entries that no seal covers yet, and is chained to the one before.

What is committed is what one look at the table sees. On PostgreSQL an entry may commit after others with higher ids;
its id then is a gap between two spans, and a later seal takes it in: gaps of the last hours are looked at each minute,
all gaps each night. A rolled back transaction leaves a gap for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import Max, Sum

from audit import verifier
from audit.models import AuditArchive, AuditEntry, AuditSeal, SealedSpan
from audit.verifier import BEGINNING, WIDTH

# A seal takes a fraction of a second and 160 KB at most.
MOST = 10_000
# Longer than a transaction lasts: one seal a minute.
RECENT_SEALS = 240

# The gaps from `floor` on, each probed by the table's key: CROSS JOIN keeps SQLite from doing it the other way round.
GAPS = """
    SELECT entry.id, entry.at, entry.digest FROM (
        SELECT LAG(last, 1, %s) OVER (ORDER BY first) + 1 AS low, first - 1 AS high
        FROM audit_sealedspan WHERE first > %s
    ) gap CROSS JOIN audit_auditentry entry
    WHERE gap.low <= gap.high AND entry.id BETWEEN gap.low AND gap.high AND entry.id > %s
    ORDER BY entry.id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain. `sealed`: entries under all seals, the archived ones included."""

    number: int
    head: str
    sealed_at: datetime | None
    last_at: datetime | None
    sealed: int


@dataclass(frozen=True, slots=True)
class Unsealed:
    """`count` stops at 10,000; `oldest` is the time that the first of them tells."""

    count: int
    oldest: datetime | None


def head() -> Head:
    """Of a trail that was never sealed: number 0 and 64 zeros."""
    last = AuditSeal.objects.order_by("-number").defer("digests").first()
    if last is None:
        return Head(0, BEGINNING, None, None, 0)
    figures = AuditSeal.objects.aggregate(sealed=Sum("count"), last_at=Max("last_at"))
    return Head(last.number, last.head, last.sealed_at, figures["last_at"], figures["sealed"])


def seal(*, now: datetime, everywhere: bool = False) -> int:
    """Cover what is committed and not covered yet; returns how many entries. Of two at once one gives way.

    `everywhere`: look into all gaps of the ids, not only the recent ones.
    """
    sealed = 0
    try:
        while count := _seal_some(now, everywhere=everywhere):
            sealed += count
    except IntegrityError as lost:
        if not _was_overtaken(lost):
            raise
    return sealed


def _was_overtaken(lost: IntegrityError) -> bool:
    """Another one has written the seal of this number meanwhile, which is no error; anything else is."""
    return "audit_auditseal" in str(lost) or "written once" in str(lost)


def _seal_some(now: datetime, *, everywhere: bool) -> int:
    with transaction.atomic():
        # The end of the chain is read first: who seals meanwhile takes the same number, and only one of us keeps it.
        previous = AuditSeal.objects.order_by("-number").only("number", "head").first()
        rows = _uncovered(everywhere=everywhere, number=previous.number if previous else 0)
        if rows:
            _write(rows, previous=previous, now=now)
    return len(rows)


def _write(rows: Sequence[tuple[int, datetime, str]], *, previous: AuditSeal | None, now: datetime) -> None:
    number, before = (previous.number + 1, previous.head) if previous else (1, BEGINNING)
    spans = spans_of([key for key, _, _ in rows])
    times = (now, min(at for _, at, _ in rows), max(at for _, at, _ in rows))
    digests = b"".join(bytes.fromhex(digest)[:WIDTH] for _, _, digest in rows)
    told = verifier.head_of(before, number, [said(time) for time in times], spans, digests)
    AuditSeal(
        number=number, sealed_at=times[0], first_at=times[1], last_at=times[2], count=len(rows), digests=digests,
        head=told,
    ).save(force_insert=True)  # fmt: skip
    SealedSpan.objects.bulk_create([SealedSpan(first=first, last=last, seal_id=number) for first, last in spans])


def _uncovered(*, everywhere: bool, number: int, after: int = 0) -> list[tuple[int, datetime, str]]:
    """Entries no seal covers, by id: those that came late, then those after the last span."""
    floor = 0 if everywhere else _floor(number - RECENT_SEALS)
    with connection.cursor() as cursor:
        cursor.execute(GAPS, [floor, floor, after, MOST])
        late = [(key, _aware(at), digest) for key, at, digest in cursor.fetchall()]
    fresh = AuditEntry.objects.filter(id__gt=max(_top(), after)).order_by("id").values_list("id", "at", "digest")
    return [*late, *fresh[: MOST - len(late)]]


def uncovered_ids() -> Iterator[list[int]]:
    """Every id that no seal covers, some at a time."""
    after = 0
    while keys := [key for key, _, _ in _uncovered(everywhere=True, number=0, after=after)]:
        yield keys
        after = keys[-1]


def _top() -> int:
    """The highest id that a seal covers."""
    return SealedSpan.objects.order_by("-first").values_list("last", flat=True).first() or 0


def _floor(number: int) -> int:
    """An id that is covered itself, and from which on seals later than this one lie."""
    of_seal = SealedSpan.objects.filter(seal_id=number).order_by("first")
    return of_seal.values_list("last", flat=True).first() or 0


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def unsealed(*, everywhere: bool = False) -> Unsealed:
    last = AuditSeal.objects.aggregate(number=Max("number"))["number"] or 0
    rows = _uncovered(everywhere=everywhere, number=last)
    return Unsealed(len(rows), min((at for _, at, _ in rows), default=None))


def archived_up_to() -> int:
    """The last seal whose entries stand in a file; 0 for none."""
    return AuditArchive.objects.aggregate(last=Max("last_seal"))["last"] or 0


def spans_of(keys: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending ids as ranges, both ends included."""
    spans: list[tuple[int, int]] = []
    for key in keys:
        if spans and spans[-1][1] == key - 1:
            spans[-1] = (spans[-1][0], key)
        else:
            spans.append((key, key))
    return spans


def said(at: datetime) -> str:
    """A time as digests and heads hold it."""
    return at.astimezone(UTC).isoformat()


def spans_by_seal(first: int, last: int) -> dict[int, list[tuple[int, int]]]:
    """Of the seals from one number to another."""
    spans: dict[int, list[tuple[int, int]]] = {}
    rows = SealedSpan.objects.filter(seal_id__range=(first, last)).order_by("first")
    for seal_id, begin, end in rows.values_list("seal_id", "first", "last"):
        spans.setdefault(seal_id, []).append((begin, end))
    return spans


def batches(*, after: int, up_to: int, entries: int) -> Iterator[list[AuditSeal]]:
    """Seals in order, so many at once as together cover about that many entries."""
    while after < up_to:
        numbers = AuditSeal.objects.filter(number__gt=after, number__lte=up_to).order_by("number")
        counted, last = 0, 0
        for number, count in numbers.values_list("number", "count")[:1_000]:
            counted, last = counted + count, number
            if counted >= entries:
                break
        if not last:
            return
        yield list(numbers.filter(number__lte=last))
        after = last
