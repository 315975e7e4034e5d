"""Rules that records wait for, laid before finance where other divisions or the ledger speak for an account."""

from __future__ import annotations

from django.db.models import Min

from connections.providers.errors import VendorError
from mappings import history, openings
from mappings.bookkeeping.legs import ProblemKind
from sync.flows.base import Flow, Work
from sync.lifecycle import ItemState
from sync.models import SyncItem

KINDS = (ProblemKind.UNMAPPED_TAX, ProblemKind.UNMAPPED_ACCOUNT)


def introduce_rules(work: Work, flow: Flow) -> None:  # noqa: ARG001 - every phase has the same form
    """Propose one rule for each cause that records wait for. The ledger is asked once a month, and only when needed."""
    waiting = SyncItem.objects.filter(lane=work.lane, state=ItemState.WAITING, problem_kind__in=KINDS)
    causes = waiting.exclude(problem_subject="").values("problem_subject").annotate(first=Min("local_day"))
    missing = {row["problem_subject"]: row["first"] for row in causes.order_by("problem_subject")}
    if not missing:
        return
    try:
        history.read_if_stale(work.lane.division)
    except VendorError:  # suggestions can wait, the books cannot; the request ledger says what went wrong
        return
    openings.propose(work.lane.division, missing)
    work.breathe()
