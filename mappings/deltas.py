"""Only what changed in Exact since the last reading: a row version per list and division, and the log of deletions.

A list is read whole when nothing is known of it, when Exact counts its versions anew (the division was moved), and when
the last reading is older than the log of deletions reaches back.
Reference: exact-online.md section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from connections.models import Division
from connections.providers.errors import NotAuthorised
from connections.providers.exact import changes
from connections.providers.exact.client import ExactClient
from connections.providers.exact.resources import Resource
from mappings.models import ReadingPoint, RemoteRow

T = TypeVar("T")
CHUNK = 500
# Of so many that are ours only now, what belongs to them is asked for one by one; of more, the list is read whole.
FEW = 60
Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Within:
    """Rows of a list belong to rows of one that is read before it, and are kept only while those are in use.

    `column` holds the owner: its GUID in what `columns` answers, its row in the model. `listed` is the same list where
    it can be filtered on `field`.
    """

    owner: type[RemoteRow]
    column: str
    listed: Resource[Any]
    field: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A list that is followed. `columns` answers None for a row that is none of ours: a supplier, an unsold item.

    One that may be missing is left as it is when Exact does not let us read it: nothing depends on it.
    """

    model: type[RemoteRow]
    resource: Resource[Any]
    kind: int
    columns: Callable[[Any], Columns | None]
    within: Within | None = None
    may_be_missing: bool = False


@dataclass(slots=True)
class Delta:
    """What is new of one list: GUID -> columns, and who is no longer there. Whole: who is not in `found` is gone."""

    watched: Watched
    is_whole: bool
    version: int
    found: dict[str, Columns] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def take(self, key: str, columns: Columns | None) -> None:
        """The latest word on a row counts."""
        if columns is None:
            self.found.pop(key, None)
            self.gone.add(key)
        else:
            self.found[key] = columns
            self.gone.discard(key)


@dataclass(frozen=True, slots=True)
class Reading:
    deltas: tuple[Delta, ...]
    deleted: int
    deleted_path: str
    versions_since: str


def read(
    client: ExactClient, division: Division, lists: Iterable[Watched], *, at: datetime, whole: bool = False
) -> Reading:
    """Asks once a list and once for deletions, however large the division, when nothing changed.

    Deletions are read last: a row that went while we read is then known to be gone. `lists` share one reading of them,
    so what is read at other times is read by a call of its own. Raises the errors of the providers.
    """
    lists = tuple(lists)
    deleted_path = f"{changes.DELETED.path} for {'+'.join(watched.model.__name__ for watched in lists)}"
    since = Division.objects.values_list("versions_since", flat=True).get(pk=division.pk)
    points = {} if whole else _points(division, since, at)
    if deleted_path not in points:
        points = {}
    deltas: dict[type[RemoteRow], Delta] = {}
    for watched in lists:
        new = _newcomers(division, watched, deltas)
        try:
            deltas[watched.model] = _delta(client, watched, points.get(watched.resource.path), new)
        except NotAuthorised:
            if not watched.may_be_missing:
                raise
    deleted = _remove(client, deltas.values(), points.get(deleted_path, changes.BEGINNING))
    return Reading(tuple(deltas.values()), deleted, deleted_path, since)


def _newcomers(division: Division, watched: Watched, before: Mapping[type[RemoteRow], Delta]) -> set[str]:
    """Owners that are ours only now, as a prospect who became a customer: of what belongs to them, nothing need have
    changed.
    """
    found = before[watched.within.owner].found if watched.within else {}
    if not found or watched.within is None:
        return set()
    held = watched.within.owner._default_manager.filter(division=division, gone_at=None)
    keys = sorted(found)
    known: set[str] = set()
    for start in range(0, len(keys), CHUNK):
        known.update(held.filter(remote_id__in=keys[start : start + CHUNK]).values_list("remote_id", flat=True))
    return found.keys() - known


def _delta(client: ExactClient, watched: Watched, version: int | None, new: Collection[str]) -> Delta:
    delta = _one(client, watched, None if len(new) > FEW else version)
    if watched.within and new and not delta.is_whole:
        for row in changes.belonging(client, watched.within.listed, watched.within.field, sorted(new)):
            delta.take(row.id, watched.columns(row))
    return delta


def _points(division: Division, since: str, at: datetime) -> dict[str, int]:
    rows = ReadingPoint.objects.filter(division=division, versions_since=since, read_at__gt=at - changes.DELETIONS_KEPT)
    return dict(rows.values_list("path", "version"))


def _one(client: ExactClient, watched: Watched, version: int | None) -> Delta:
    delta = Delta(watched, is_whole=version is None, version=version or changes.BEGINNING)
    for stamp, row in changes.since(client, watched.resource, delta.version):
        delta.version = max(delta.version, stamp)
        delta.take(row.id, watched.columns(row))
    return delta


def _remove(client: ExactClient, deltas: Iterable[Delta], version: int) -> int:
    """Note what was deleted. Returns the version to go on from."""
    by_kind = {delta.watched.kind: delta for delta in deltas}
    asked = version
    for stamp, row in changes.since(client, changes.DELETED, asked):
        version = max(version, stamp)
        if row.kind in by_kind:
            by_kind[row.kind].take(row.key, None)
    return version


def keep(division: Division, reading: Reading, *, at: datetime) -> dict[str, int]:
    """Store the reading and where to go on, in the caller's transaction. Returns how many rows differ, by model."""
    points = {delta.watched.resource.path: delta.version for delta in reading.deltas}
    for path, version in {**points, reading.deleted_path: reading.deleted}.items():
        values = {"version": version, "versions_since": reading.versions_since, "read_at": at}
        ReadingPoint.objects.update_or_create(division=division, path=path, defaults=values)
    return {delta.watched.model.__name__: _store(division, delta, at) for delta in reading.deltas}


def _store(division: Division, delta: Delta, at: datetime) -> int:
    _settle(division, delta)
    if delta.is_whole:
        return store(division, delta.watched.model, delta.found, at=at)
    keys = sorted({*delta.found, *delta.gone})
    return sum(_store_part(division, delta, keys[start : start + CHUNK], at) for start in range(0, len(keys), CHUNK))


def _settle(division: Division, delta: Delta) -> None:
    """Give each row its owner, as stored just before; leave out, and remove, what belongs to none in use."""
    within = delta.watched.within
    if within is None:
        return
    column = within.column.removesuffix("_id")
    delta.watched.model._default_manager.filter(division=division, **{f"{column}__gone_at__isnull": False}).delete()
    held = within.owner._default_manager.filter(division=division, gone_at=None)
    owners = dict(held.values_list("remote_id", "pk")) if delta.found else {}
    for key, columns in list(delta.found.items()):
        owner = owners.get(columns[within.column])
        delta.take(key, None if owner is None else {**columns, within.column: owner})


def _store_part(division: Division, delta: Delta, keys: list[str], at: datetime) -> int:
    rows = delta.watched.model._default_manager.filter(division=division, remote_id__in=keys)
    found = {key: delta.found[key] for key in keys if key in delta.found}
    return _write(division, delta.watched.model, found, {row.remote_id: row for row in rows}, at)


def store(division: Division, model: type[RemoteRow], found: Mapping[str, Columns], *, at: datetime) -> int:
    """A list that was read whole: write only what differs. Returns how many rows did.

    What Exact no longer lists keeps its row with `gone_at` set, so that mappings which use it can be shown.
    """
    held = {row.remote_id: row for row in model._default_manager.filter(division=division)}
    return _write(division, model, found, held, at)


def _write(
    division: Division,
    model: type[RemoteRow],
    found: Mapping[str, Columns],
    held: Mapping[str, RemoteRow],
    at: datetime,
) -> int:
    """`held` that is not found is gone."""
    fresh = [model(division=division, remote_id=key, **found[key]) for key in found.keys() - held.keys()]
    changed = [row for key, row in held.items() if key in found and _take_over(row, found[key])]
    gone = [row for key, row in held.items() if key not in found and row.gone_at is None]
    model._default_manager.bulk_create(fresh, batch_size=200)
    for row in gone:
        row.gone_at = at
    if not model.IS_KEPT:
        _drop(model, gone)
    for row in [*changed, *(gone if model.IS_KEPT else ())]:
        row.save()
    return len(fresh) + len(changed) + len(gone)


def _drop(model: type[RemoteRow], rows: Sequence[RemoteRow]) -> None:
    for start in range(0, len(rows), CHUNK):
        model._default_manager.filter(pk__in=[row.pk for row in rows[start : start + CHUNK]]).delete()


def _take_over(row: RemoteRow, values: Columns) -> bool:
    differs = row.gone_at is not None or any(getattr(row, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(row, name, value)
    row.gone_at = None
    return differs
