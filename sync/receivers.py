"""What happens below us and moves a lane: mappings decided, divisions confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django_q.tasks import async_task

from audit.models import AuditVerification
from audit.signals import verification_asked
from connections.signals import division_confirmed
from mappings.signals import conventions_changed, mapping_changed
from sync import actions, proofs, unbooked

# A person waits for the page: each record is a transaction of its own.
AT_ONCE = 100


@receiver(mapping_changed)
def release_what_waited(division_id: int, kinds: Sequence[str] = (), **_: Any) -> None:
    """Once the decision is stored, let the records that waited for it go on: a few at once, many by a worker."""
    transaction.on_commit(lambda: _release(division_id, list(kinds)))


def _release(division_id: int, kinds: list[str]) -> None:
    if actions.waiting_for_mapping(division_id, kinds)[: AT_ONCE + 1].count() <= AT_ONCE:
        actions.release_mapped(division_id, kinds)
    else:
        async_task("sync.tasks.release_mapped", division_id, kinds, q_options={"task_name": f"release-{division_id}"})


@receiver(conventions_changed)
def resolve_what_is_not_booked(division_id: int, **_: Any) -> None:
    """What is ready but in no entry yet follows the conventions of now."""
    transaction.on_commit(lambda: unbooked.resolve_again(division_id))


@receiver(division_confirmed)
def run_again(division: Any, by: str, **_: Any) -> None:
    """A person has confirmed the division: its lanes may run at once."""
    for lane in division.lanes.filter(is_enabled=True):
        try:
            actions.run_now(lane, by=by)
        except actions.Impossible:
            continue


@receiver(verification_asked)
def verify_the_trail(verification: AuditVerification, **_: Any) -> None:
    proofs.verify_soon(verification)
