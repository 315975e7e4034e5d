"""One row of a Square list as it came: readable, or kept whole with what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from connections.clock import now
from connections.providers.errors import Unreadable
from mappings.bookkeeping.legs import Problem
from sync.flows import records
from sync.flows.base import Record, Work
from sync.models import LaneLocation, SyncItem


class Dated(Protocol):
    @property
    def updated_at(self) -> datetime: ...


Value = TypeVar("Value", bound=Dated)


class Received(Generic[Value]):
    """`value` is the row as `parse` reads it, None when it cannot be read; `problem` then says what is wrong."""

    kind: ClassVar[str]
    parse: Callable[[Any], Value]

    def __init__(self, row: Mapping[str, Any], feed: LaneLocation) -> None:
        self.row, self.feed = row, feed
        self.source_id = records.source_id(row)
        self.value: Value | None = None
        self.problem: Problem | None = None
        try:
            self.value = self.parse(row)
        except Unreadable as error:
            self.problem = records.unreadable(error)

    def unreadable_record(self, payload: Mapping[str, Any], problem: Problem | None = None) -> Record:
        """Kept whole, so that nothing is lost; dated now, as nothing in it can be relied on."""
        moment = now()
        return Record(
            kind=self.kind, source_id=self.source_id, order_id="", customer_id="", receipt_number="", tender="",
            location_id=self.feed.location_id, updated_at=moment, took_place_at=moment,
            local_day=records.local_day(self.feed, moment), currency="", amount=0, payload=payload,
            digest=records.digest(payload), problem=self.problem or problem,
        )  # fmt: skip


Row = TypeVar("Row", bound=Received[Any])


def held_versions(work: Work, rows: Sequence[Received[Any]]) -> dict[str, datetime]:
    """When each of these records changed last, as far as we hold it: what agrees need not be read any further."""
    known = SyncItem.objects.filter(lane=work.lane, source_id__in=[row.source_id for row in rows])
    return dict(known.values_list("source_id", "source_updated_at"))


def changed(work: Work, rows: Sequence[Row]) -> list[Row]:
    """Rows that are new, have changed since we kept them, or cannot be read."""
    held = held_versions(work, rows)
    return [row for row in rows if row.value is None or held.get(row.source_id) != row.value.updated_at]


def changed_up_to(rows: Sequence[Received[Any]], *, default: datetime) -> datetime:
    """When the newest of them changed."""
    return max((row.value.updated_at for row in rows if row.value), default=default)
