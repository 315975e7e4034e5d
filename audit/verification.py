"""Does the trail still hold what was sealed? Reads all of it, in flat memory, and names the first thing that is wrong.

In pieces, so that a worker may stop and go on: what stood before a seal's head need not be looked at again to go on
behind it. What the digests and heads are made of stands in `audit.verifier`, which checks exports the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Max, Q

from audit import context, guard, seals, trail
from audit.models import AuditArchive, AuditSeal, AuditVerification, SealedSpan
from audit.trail import Fact
from audit.verifier import BEGINNING, WIDTH, digest_of, head_of

# Entries read and held at once.
AT_ONCE = 5_000
# Spans closer than this are read in one statement.
NEAR = 500

# A look that nobody has gone on with for this long is given up.
SILENCE = timedelta(minutes=10)

# Whether a signature (hex) over a text is by a key of this installation.
Trusts = Callable[[str, str], bool]


class Broken(Exception):
    """The first thing that does not stand, in a sentence that names it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything up to this seal and head stands. `unsealed` and `is_done` are told at the end."""

    entries: int = 0
    seal: int = 0
    head: str = BEGINNING
    unsealed: int = 0
    is_done: bool = False


def verify(*, trusts: Trusts, since: Progress | None = None, known: str = "") -> Iterator[Progress]:
    """How far it stands, batch by batch; raises `Broken` at the first thing that does not.

    1. The guard of the database stands.
    2. Archives: signed, and without a gap.
    3. Seals and what they cover, in order. Entries of an archived seal may be gone; none that is there may differ.
    4. The `known` head, told outside of this database, is one of the chain's.
    5. Entries not sealed yet: their values give their digests.
    """
    reached = since or Progress()
    if not guard.stands():
        raise Broken("The database no longer guards the trail: its triggers are gone. `manage.py migrate` sets them.")
    archived = _archives(trusts)
    for batch in seals.batches(after=reached.seal, up_to=seals.head().number, entries=AT_ONCE):
        reached = _checked(batch, reached, archived=archived)
        yield reached
    _require_same_end(reached, archived)
    if known and not (known == BEGINNING or AuditSeal.objects.filter(head=known).exists()):
        raise Broken(f"The chain does not pass through head {known}: seals at its end are gone, or all was rewritten.")
    yield replace(reached, unsealed=_unsealed(), is_done=True)


def _require_same_end(reached: Progress, archived: int) -> None:
    covering = SealedSpan.objects.aggregate(last=Max("seal_id"))["last"] or 0
    if reached.seal < max(covering, archived):
        raise Broken(f"Seal {reached.seal + 1} is missing.")


def _archives(trusts: Trusts) -> int:
    """The last seal whose entries may be gone."""
    up_to = 0
    for row in AuditArchive.objects.order_by("first_seal"):
        if row.first_seal != up_to + 1:
            raise Broken(f"Archive {row.file} begins with seal {row.first_seal}; the one before ended with {up_to}.")
        told = json.loads(row.manifest) if trusts(row.manifest, row.signature) else {}
        if (told.get("first_seal"), told.get("last_seal")) != (row.first_seal, row.last_seal):
            raise Broken(f"Archive {row.file} was not signed by this installation, which removed none of its entries.")
        up_to = row.last_seal
    return up_to


def _checked(batch: Sequence[AuditSeal], reached: Progress, *, archived: int) -> Progress:
    spans = seals.spans_by_seal(batch[0].number, batch[-1].number)
    rows = _rows_of([span for covered in spans.values() for span in covered])
    entries, head = reached.entries, reached.head
    for expected, seal in enumerate(batch, reached.seal + 1):
        if seal.number != expected:
            raise Broken(f"Seal {expected} is missing.")
        covered = spans.get(seal.number, [])
        entries += _check_entries(seal, covered, rows, may_be_gone=seal.number <= archived)
        head = _check_head(seal, head, covered)
    return Progress(entries, batch[-1].number, head)


def _check_head(seal: AuditSeal, previous: str, spans: Sequence[tuple[int, int]]) -> str:
    times = [seals.said(at) for at in (seal.sealed_at, seal.first_at, seal.last_at)]
    digests = bytes(seal.digests)
    told = head_of(previous, seal.number, times, spans, digests)
    if told != seal.head or seal.count * WIDTH != len(digests):
        raise Broken(f"Seal {seal.number} was changed: its values do not give its head.")
    return told


def _check_entries(
    seal: AuditSeal, spans: Sequence[tuple[int, int]], rows: Mapping[int, tuple[list[Any], str]], *, may_be_gone: bool
) -> int:
    """How many of the seal's entries are there, and stand."""
    keys = [key for first, last in spans for key in range(first, last + 1)]
    digests = bytes(seal.digests)
    if len(keys) * WIDTH != len(digests):
        raise Broken(f"Seal {seal.number} was changed: it covers {len(keys)} ids by {len(digests) // WIDTH} digests.")
    found = 0
    for place, key in enumerate(keys):
        row = rows.get(key)
        if row is None:
            if may_be_gone:
                continue
            raise Broken(f"Audit entry {key} is missing: seal {seal.number} covers it.")
        values, digest = row
        if not _gives(values, digest):
            raise Broken(f"Audit entry {key} was changed: its values do not give its digest.")
        if not digest.startswith(digests[place * WIDTH : (place + 1) * WIDTH].hex()):
            raise Broken(f"Audit entry {key} was replaced: seal {seal.number} covers another fact under this id.")
        found += 1
    return found


def _gives(values: Sequence[Any], digest: str) -> bool:
    try:
        return digest_of(values) == digest
    except UnicodeEncodeError:  # bytes that are no text
        return False


def _unsealed() -> int:
    """How many entries no seal covers yet; what they say must give their digests all the same."""
    # Ids only: there may be many when no worker has run for long.
    count = 0
    for keys in seals.uncovered_ids():
        for key, (values, digest) in _rows_of(seals.spans_of(keys)).items():
            count += 1
            if not _gives(values, digest):
                raise Broken(f"Audit entry {key}, not sealed yet, was changed: its values do not give its digest.")
    return count


# --- reading --------------------------------------------------------------------------------------
COLUMNS = (
    "at, actor, trigger, verb, subject_type, subject_id, subject, source, division, lane_id, run_id, request_id, "
    "detail, digest"
)
# Past Django's converters, which take three times as long as the proof itself. `at` as it is stored in UTC.
_SQLITE = f"SELECT id, at || '', {COLUMNS.removeprefix('at, ')}"
_POSTGRESQL = f"SELECT id, {COLUMNS}"


def _rows_of(spans: Sequence[tuple[int, int]]) -> dict[int, tuple[list[Any], str]]:
    """Values and digest by id, of at least these ids."""
    ranges = list(_joined(sorted(spans)))
    try:
        return _read(ranges)
    except OperationalError:
        if connection.vendor != "sqlite":
            raise
    # Bytes that are no text stop the usual reader; they are read as something whose digest cannot fit.
    raw = connection.connection
    usual, raw.text_factory = raw.text_factory, lambda text: text.decode(errors="surrogateescape")
    try:
        return _read(ranges)
    finally:
        raw.text_factory = usual


def _read(ranges: Sequence[tuple[int, int]]) -> dict[int, tuple[list[Any], str]]:
    found: dict[int, tuple[list[Any], str]] = {}
    columns = _SQLITE if connection.vendor == "sqlite" else _POSTGRESQL
    with connection.cursor() as cursor:
        for first, last in ranges:
            cursor.execute(f"{columns} FROM audit_auditentry WHERE id BETWEEN %s AND %s", [first, last])
            for key, at, *values, detail, digest in cursor.fetchall():
                found[key] = ([_moment(at), *values, _loaded(detail)], digest)
    return found


def _moment(at: str | datetime) -> str:
    """As ISO 8601 in UTC, from what a database without time zones stores or from what the other gives."""
    return f"{at[:10]}T{at[11:]}+00:00" if isinstance(at, str) else seals.said(at)


def _loaded(detail: Any) -> Any:
    try:
        return json.loads(detail) if isinstance(detail, str) else detail
    except ValueError:
        return {"unreadable": detail}


def _joined(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans that are close to each other as one: a few rows too many cost less than a statement."""
    begin = end = None
    for first, last in spans:
        if begin is not None and end is not None and first - end <= NEAR:
            end = max(end, last)
            continue
        if begin is not None and end is not None:
            yield begin, end
        begin, end = first, last
    if begin is not None and end is not None:
        yield begin, end


# --- in pieces, by a worker ----------------------------------------------------------------------------
def ask(by: str, *, now: datetime) -> AuditVerification:
    """A look at the whole trail that is under way, or else a new one."""
    under_way = AuditVerification.objects.filter(ended_at=None)
    alive = under_way.filter(Q(touched_at__gt=now - SILENCE) | Q(touched_at=None, asked_at__gt=now - SILENCE)).first()
    return alive or AuditVerification.objects.create(asked_by=by, asked_at=now)


def last() -> AuditVerification | None:
    """The last look at the whole trail that came to its end."""
    return AuditVerification.objects.exclude(ended_at=None).first()


def work(row: AuditVerification, *, trusts: Trusts, now: Callable[[], datetime], is_over: Callable[[], bool]) -> bool:
    """Go on with a look at the trail until it is through or the time is; returns whether it is through."""
    reached = since = Progress(row.entries, row.seal, row.head or BEGINNING)
    done = False
    try:
        for reached in verify(trusts=trusts, since=since):
            done = reached.is_done
            if is_over():
                break
    except Broken as broken:
        row.finding, done = str(broken)[:300], True
    row.entries, row.seal, row.head, row.unsealed = reached.entries, reached.seal, reached.head, reached.unsealed
    row.touched_at = at = now()
    row.ended_at = at if done else None
    with transaction.atomic():
        row.save()
        if done:
            _tell(row, at=at)
    return done


def _tell(row: AuditVerification, *, at: datetime) -> None:
    """The trail keeps who looked and what came of it."""
    detail = {"entries": row.entries, "seals": row.seal, "head": row.head, "finding": row.finding}
    with context.acting(actor=row.asked_by):
        trail.record([Fact("audit.broken" if row.finding else "audit.verified", "audit", detail=detail)], at=at)
