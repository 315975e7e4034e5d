"""The audit trail as a CSV file: streamed row by row, with columns that stay as they are and cells no spreadsheet runs.

Columns, in this order: id, at, actor, trigger, verb, subject_type, subject_id, subject, source, division, lane, run,
request_id, detail (JSON), digest (SHA-256 over the other fields). New columns are added at the end only.
Two forms: `machine` (comma, UTF-8, time as ISO 8601 with offset) and `excel` (semicolon, byte-order mark, local time
as dd-mm-yyyy hh:mm:ss, what a Dutch Excel opens by double click). All cells quoted, lines end in CR LF.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from audit import context, trail
from audit.cells import BYTE_ORDER_MARK, csv_writer, safe_text
from audit.models import AuditEntry
from audit.trail import Fact

COLUMNS = (
    "id", "at", "actor", "trigger", "verb", "subject_type", "subject_id", "subject", "source", "division", "lane",
    "run", "request_id", "detail", "digest",
)  # fmt: skip
FIELDS = tuple({"lane": "lane_id", "run": "run_id"}.get(column, column) for column in COLUMNS)
FORMS = ("machine", "excel")
READ = 2_000
WRITE = 500


def stream(
    entries: QuerySet[AuditEntry], *, form: str, now: Callable[[], datetime], asked: str
) -> StreamingHttpResponse:
    """The entries as a download. The trail keeps that it was asked for, and at the end how much went out.

    What is written while the file is on its way is not in it. Raises `ValueError` for an unknown form.
    """
    if form not in FORMS:
        raise ValueError(f"There is no form {form!r}; choose one of {', '.join(FORMS)}.")
    newest = AuditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    frozen = entries.filter(id__lte=newest)
    tell("audit.export_started", {"filter": asked, "form": form, "up_to": newest}, at=now())
    response = StreamingHttpResponse(
        told(_chunks(frozen, form), now=now, asked=asked, acting=context.current()),
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="audit-trail-{now():%Y%m%d-%H%M%S}.csv"'
    response["X-Accel-Buffering"] = "no"
    return response


def _chunks(entries: QuerySet[AuditEntry], form: str) -> Iterator[tuple[int, bytes]]:
    """Blocks of (rows in it, bytes), header first."""
    write = csv_writer(";" if form == "excel" else ",")
    yield 0, (BYTE_ORDER_MARK if form == "excel" else b"") + write([COLUMNS])
    shown = _cell_excel if form == "excel" else cell
    rows = entries.values_list(*FIELDS).iterator(chunk_size=READ)
    while block := [[shown(value) for value in row] for row in islice(rows, WRITE)]:
        yield len(block), write(block)


def cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int) else safe_text(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _cell_excel(value: Any) -> Any:
    return f"{timezone.localtime(value):%d-%m-%Y %H:%M:%S}" if isinstance(value, datetime) else cell(value)


def told(
    chunks: Iterable[tuple[int, bytes]], *, now: Callable[[], datetime], asked: str, acting: context.Acting
) -> Iterator[bytes]:
    """The bytes, and after the last of them the fact of what went out."""
    rows, proof = 0, hashlib.sha256()
    for count, chunk in chunks:
        rows += count
        proof.update(chunk)
        yield chunk
    # The page call that began this is over by now, and with it its context.
    with context.acting(actor=acting.actor, trigger=acting.trigger, request_id=acting.request_id):
        tell("audit.exported", {"filter": asked, "rows": rows, "sha256": proof.hexdigest()}, at=now())


def tell(verb: str, detail: dict[str, Any], *, at: datetime) -> None:
    with transaction.atomic():
        trail.record([Fact(verb, "audit", detail=detail)], at=at)
