"""Entries with their proof, as one zip file made while it is sent: an auditor checks it without us.

In it: `entries.csv` (the columns of `audit.export`, by id), `seals.csv`, `manifest.json`, `verify.py` and, where a key
signs it, `signature.txt` (Ed25519, hex, over the bytes of the manifest).
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.models import Max, Min, QuerySet
from django.http import StreamingHttpResponse

from audit import context, export, seals, verifier
from audit.cells import csv_writer
from audit.models import AuditEntry, AuditSeal, SealedSpan
from audit.verifier import BEGINNING

FORMAT = 1
SEAL_COLUMNS = ("number", "sealed_at", "first_at", "last_at", "spans", "digests", "head")
# Ids looked at by one statement. By id and not by time: no database then sorts a million rows for us.
WINDOW = 5_000
# Deflate's quickest: half the time of the usual for a tenth more bytes.
LEVEL = 1

Sign = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a file: these entries, and the seals after one number up to another.

    `asked`: how the entries were filtered beside their period; "" when they were not, and none may then be missing.
    `only_sealed`: of the entries those that these seals cover.
    """

    entries: QuerySet[AuditEntry]
    after_seal: int
    up_to_seal: int
    made_at: datetime
    since: datetime | None = None
    until: datetime | None = None
    asked: str = ""
    only_sealed: bool = False


class _Sink:
    """What a zip file is written into, and taken out of in blocks."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.blocks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        data = b"".join(self.blocks)
        self.blocks.clear()
        return data


def of_period(
    entries: QuerySet[AuditEntry], *, since: datetime | None, until: datetime | None, asked: str, now: datetime
) -> Contents:
    """The entries that tell of a time from `since` to before `until`, with the seals that cover them. Seals first what
    is not sealed yet. What lies in archives is left out: it has files of its own.
    """
    seals.seal(now=now)
    covering = AuditSeal.objects.filter(number__gt=seals.archived_up_to())
    if since:
        entries, covering = entries.filter(at__gte=since), covering.filter(last_at__gte=since)
    if until:
        entries, covering = entries.filter(at__lt=until), covering.filter(first_at__lt=until)
    ends = covering.aggregate(first=Min("number"), last=Max("number"))
    first, last = ends["first"] or 1, ends["last"] or 0
    newest = AuditEntry.objects.aggregate(newest=Max("id"))["newest"] or 0
    return Contents(entries.filter(id__lte=newest), first - 1, last, now, since, until, asked)


def stream(contents: Contents, *, now: Callable[[], datetime]) -> StreamingHttpResponse:
    """The file as a download. The trail keeps that it was asked for, and at the end how much went out."""
    asked = contents.asked or "&".join(filter(None, _period(contents)))
    export.tell("audit.export_started", {"filter": asked, "form": "proof", "seals": contents.up_to_seal}, at=now())
    response = StreamingHttpResponse(
        export.told(written(contents), now=now, asked=asked, acting=context.current()), content_type="application/zip"
    )
    response["Content-Disposition"] = f'attachment; filename="audit-trail-{contents.made_at:%Y%m%d-%H%M%S}.zip"'
    response["X-Accel-Buffering"] = "no"
    return response


def written(contents: Contents, *, sign: Sign | None = None, key: str = "") -> Iterator[tuple[int, bytes]]:
    """Blocks of (entries in it, bytes of the zip file). `key`: the public one that `sign` signs for, in hex."""
    sink, digests, counts = _Sink(), {}, {}
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as bundle:
        for name, blocks in (("entries.csv", _entries(contents)), ("seals.csv", _seals(contents))):
            proof, counts[name] = hashlib.sha256(), 0
            with bundle.open(_named(name, contents), "w", force_zip64=True) as file:
                for count, block in blocks:
                    counts[name] += count
                    proof.update(block)
                    file.write(block)
                    yield (count if name == "entries.csv" else 0), sink.taken()
            digests[name] = proof.hexdigest()
        manifest = json.dumps(_manifest(contents, counts, digests, key), indent=2, sort_keys=True)
        bundle.writestr(_named("manifest.json", contents), manifest)
        if sign:
            bundle.writestr(_named("signature.txt", contents), sign(manifest.encode()))
        bundle.writestr(_named("verify.py", contents), Path(verifier.__file__).read_bytes())
    yield 0, sink.taken()


def _named(name: str, contents: Contents) -> zipfile.ZipInfo:
    made = contents.made_at
    info = zipfile.ZipInfo(name, (made.year, made.month, made.day, made.hour, made.minute, made.second))
    info.compress_type, info._compresslevel = zipfile.ZIP_DEFLATED, LEVEL  # type: ignore[attr-defined]  # public from 3.13
    return info


def _entries(contents: Contents) -> Iterator[tuple[int, bytes]]:
    write = csv_writer()
    yield 0, write([export.COLUMNS])
    ends = contents.entries.order_by().aggregate(first=Min("id"), last=Max("id"))
    if ends["first"] is None:
        return
    for low in range(ends["first"], ends["last"] + 1, WINDOW):
        rows = contents.entries.filter(id__gte=low, id__lt=low + WINDOW).order_by("id").values_list(*export.FIELDS)
        covered = _covered(low, contents) if contents.only_sealed else None
        block = [[export.cell(value) for value in row] for row in rows if covered is None or row[0] in covered]
        if block:
            yield len(block), write(block)


def _covered(low: int, contents: Contents) -> set[int]:
    """The ids, of a window at least, that the seals of this file cover."""
    spans = SealedSpan.objects.filter(
        first__gt=low - seals.MOST, first__lt=low + WINDOW, seal_id__gt=contents.after_seal,
        seal_id__lte=contents.up_to_seal,
    )  # fmt: skip
    return {key for first, last in spans.values_list("first", "last") for key in range(first, last + 1)}


def _seals(contents: Contents) -> Iterator[tuple[int, bytes]]:
    write = csv_writer()
    yield 0, write([SEAL_COLUMNS])
    for batch in seals.batches(after=contents.after_seal, up_to=contents.up_to_seal, entries=WINDOW):
        spans = seals.spans_by_seal(batch[0].number, batch[-1].number)
        yield len(batch), write([_seal_row(row, spans.get(row.number, [])) for row in batch])


def _seal_row(row: AuditSeal, spans: list[tuple[int, int]]) -> tuple[Any, ...]:
    times = (seals.said(at) for at in (row.sealed_at, row.first_at, row.last_at))
    ids = " ".join(f"{first}-{last}" for first, last in spans)
    return (row.number, *times, ids, base64.b64encode(bytes(row.digests)).decode(), row.head)


def _manifest(contents: Contents, counts: dict[str, int], digests: dict[str, str], key: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "made_at": seals.said(contents.made_at),
        "filter": contents.asked,
        "period": _period(contents),
        "entries": counts["entries.csv"],
        "seals": counts["seals.csv"],
        "first_seal": contents.after_seal + 1,
        "last_seal": contents.up_to_seal,
        "previous_head": head_of(contents.after_seal),
        "head": head_of(max(contents.up_to_seal, contents.after_seal)),
        "sha256": digests,
        "key": key,
    }


def _period(contents: Contents) -> list[str]:
    return [seals.said(end) if end else "" for end in (contents.since, contents.until)]


def head_of(number: int) -> str:
    return AuditSeal.objects.values_list("head", flat=True).get(number=number) if number else BEGINNING
