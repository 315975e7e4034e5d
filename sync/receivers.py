"""What happens below us and moves a lane: mappings decided, divisions confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from connections.signals import division_confirmed
from mappings.signals import mapping_changed
from sync import actions


@receiver(mapping_changed)
def release_what_waited(division_id: int, kinds: Sequence[str] = (), **_: Any) -> None:
    """Once the decision is stored, let the records that waited for it go on."""
    transaction.on_commit(lambda: actions.release_mapped(division_id, kinds))


@receiver(division_confirmed)
def run_again(division: Any, by: str, **_: Any) -> None:
    """A person has confirmed the division: its lanes may run at once."""
    for lane in division.lanes.filter(is_enabled=True):
        try:
            actions.run_now(lane, by=by)
        except actions.Impossible:
            continue
