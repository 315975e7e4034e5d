"""A worker dies anywhere, the wire breaks anywhere: each payment stands in the books once, to the cent."""

from __future__ import annotations

import pytest

from sync import runs
from sync.models import Posting, SyncRun
from tests import crashing
from tests.crashing import dying, recover, shop, undone, work_once, wrongs

GROUPINGS = ("daily_summary", "per_payment")


def boundaries(world, counts):
    with undone(world), dying(0, counts=counts) as crash:
        work_once(world)
    return crash.passed


def aftermath(world, counts, at):
    """What is wrong after a crash at that boundary and a recovery."""
    with undone(world):
        with dying(at, counts=counts) as crash:
            work_once(world)
        assert crash.is_dead
        recover(world)
        return wrongs(world)


@pytest.mark.parametrize("counts", [crashing.before_commits, crashing.around_calls])
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_a_worker_may_die_at_any_boundary_and_each_payment_is_booked_once(db, grouping, counts):
    with shop(sales_grouping=grouping) as world:
        steps = boundaries(world, counts)
        broken = {at: found for at in range(1, steps + 1) if (found := aftermath(world, counts, at))}
    assert steps > 15
    assert broken == {}
