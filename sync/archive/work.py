"""What a slice of an archive run works with: its lane, the divisions it copies, and clients that heed the lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from connections import clients
from connections.models import Connection, Division
from connections.providers.exact.client import ExactClient
from connections.providers.snowflake.client import SnowflakeClient
from sync.flows.base import Work
from sync.models import ArchivePolicy, SyncLane


@dataclass
class Copying:
    """One slice. Several of these never work on one lane at once: the lease sees to that."""

    work: Work
    policy: ArchivePolicy
    _exact: dict[int, ExactClient] = field(default_factory=dict)
    _snowflake: SnowflakeClient | None = None

    @classmethod
    def of(cls, work: Work) -> Copying:
        return cls(work, ArchivePolicy.objects.select_related("target").get(lane=work.lane))

    @property
    def divisions(self) -> Sequence[Division]:
        return divisions_of(self.work.lane, self.policy)

    def exact(self, division: Division) -> ExactClient:
        if division.pk not in self._exact:
            self._exact[division.pk] = clients.exact_client(division)
        return self._exact[division.pk]

    @property
    def snowflake(self) -> SnowflakeClient:
        """A statement may be silent for longer than a call to Exact: the lease must hold until then."""
        if self._snowflake is None:
            self._snowflake = clients.snowflake_client(self.policy.target, guard=self._require_time)
        return self._snowflake

    def _require_time(self) -> None:
        self.work.grip.require_time(clients.statement_timeout())


def divisions_of(lane: SyncLane, policy: ArchivePolicy) -> list[Division]:
    """Those that are copied now; one that is held waits until it is confirmed."""
    rows = Division.objects.filter(connection=lane.source, is_pinned=True, held_reason="").select_related("connection")
    return list(rows.order_by("code") if policy.all_divisions else rows.filter(pk=lane.division_id))


def obstacle(lane: SyncLane) -> str:
    """Why the lane cannot archive now, as a sentence; empty when nothing is in the way."""
    policy = ArchivePolicy.objects.select_related("target").filter(lane=lane).first()
    if policy is None:
        return f"Lane {lane} does not say into which Snowflake connection it archives. Choose one on the lane."
    for connection in (lane.source, policy.target):
        if connection.status != Connection.Status.LIVE:
            return (
                f"Connection {connection} is not live ({connection.get_status_display()}). {connection.status_reason}"
            )
    if not divisions_of(lane, policy):
        return f"No division of {lane.source} can be archived: none is pinned, or each is held until it is confirmed."
    return ""
