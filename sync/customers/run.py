"""A run of a lane that keeps customers in step: its phases in order, and what it came to in a sentence."""

from __future__ import annotations

from collections.abc import Callable

from mappings import reference
from sync import engine
from sync.customers import creating, judging, linking, reading, sending, terms, vanishing
from sync.engine import Outcome
from sync.flows.base import Work
from sync.lifecycle import CreationState, LinkState
from sync.models import CustomerCreation, CustomerLink, SyncRun

WAITING = (LinkState.WAITING, LinkState.SHARED, LinkState.GONE)


def _prepare(work: Work) -> None:
    """The rest of the reference data is as old as the lanes that book let it become."""
    reference.refresh_if_stale(work.lane.division)


def _count(work: Work) -> None:
    links = CustomerLink.objects.filter(lane=work.lane)
    asked = CustomerCreation.objects.filter(
        lane=work.lane, state__in=[CreationState.SENDING, CreationState.ASKED, CreationState.REFUSED],
        mapping__debtor=None,
    )  # fmt: skip
    work.run.conflicts = links.filter(state=LinkState.CONFLICT).count()
    work.run.records_waiting = links.filter(state__in=WAITING).count() + asked.count()
    engine.apply(Outcome(updates=[(work.run, ["conflicts", "records_waiting"])]), grip=work.grip)


# Each picks up what is left. The second round takes what turned out to have changed while the first one wrote.
PHASES: tuple[tuple[str, Callable[[Work], None]], ...] = (
    ("prepare", _prepare),
    ("read exact", reading.read_exact),
    ("read", reading.read_square),
    ("look", vanishing.look_up),
    ("create", creating.create_ordered),
    ("link", linking.link_mapped),
    ("follow", vanishing.look_up),
    ("appoint", linking.appoint),
    ("compare", judging.compare),
    ("to exact", sending.send_to_exact),
    ("to square", sending.send_to_square),
    ("terms", terms.show_terms),
    ("look again", vanishing.look_up),
    ("compare again", judging.compare_again),
    ("to exact again", sending.send_to_exact),
    ("to square again", sending.send_to_square),
    ("count", _count),
)


def summary(run: SyncRun) -> str:
    parts = [
        f"{run.records_read} read", f"{run.records_changed} new or changed", f"{run.sent_to_exact} sent to Exact",
        f"{run.sent_to_square} sent to Square",
    ]  # fmt: skip
    if run.conflicts:
        parts.append(f"{run.conflicts} in conflict")
    if run.records_waiting:
        parts.append(f"{run.records_waiting} waiting for a person")
    return ", ".join(parts) + "."
