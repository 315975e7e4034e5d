"""Nothing leaves the building unrecorded: the vendors' logs, the request ledger and the trail tell of the same."""

from __future__ import annotations

from collections import Counter

import pytest

from audit import seals, words
from audit.models import AuditEntry
from audit.verification import verify
from connections import signing
from connections.models import VendorCall
from connections.sandbox.faults import Fault
from sync.models import Posting, SyncLane, SyncRun
from tests.journeys.shop import Till
from tests.journeys.test_a_month import a_month
from tests.world import World

SALES = "*/salesentry/SalesEntries"
# A token is no entry in the books: what became of it stands on its connection, with facts of its own.
TOKENS = "oauth2/token"


def told() -> Counter[str]:
    """Request ids that facts name, and how many facts do."""
    details = AuditEntry.objects.values_list("detail", flat=True)
    return Counter(call for detail in details for call in detail.get("calls", ()))


def assert_joined(world: World) -> None:
    """Request by request: what the vendors saw, what we say we sent, and what the trail tells came of it."""
    seen = {entry.request_id: entry for entry in world.sandbox.log.entries}
    sent = {call.request_id: call for call in VendorCall.objects.all()}
    assert len(seen) == len(world.sandbox.log.entries), "each request has an id of its own"
    assert seen.keys() == sent.keys()
    writes = {key for key, entry in seen.items() if entry.system == "exact" and entry.method != "GET"}
    writes = {key for key in writes if TOKENS not in seen[key].path}
    runs = set(SyncRun.objects.values_list("pk", flat=True))
    for request_id, entry in seen.items():
        call = sent[request_id]
        assert (call.system, call.method) == (entry.system, entry.method)
        assert call.trigger in words.TRIGGERS
        assert call.division == entry.division
        # Setting up a connection belongs to no run.
        assert call.run_id in runs or (call.run_id is None and request_id not in writes)
    assert writes
    assert told() == dict.fromkeys(writes, 1)


@pytest.mark.accepts("S001-54")
def test_each_request_of_a_month_has_one_row_and_each_write_one_fact(world: World) -> None:
    a_month(world, 60, days=3)
    assert_joined(world)
    posted = {fact.subject: fact.detail for fact in AuditEntry.objects.filter(verb="posting.posted")}
    for posting in Posting.objects.all():
        (call,) = posted[posting.reference]["calls"]
        assert VendorCall.objects.get(request_id=call).status == 201

    seals.seal(now=world.timeline.now())
    *_, last = verify(trusts=signing.trusts)
    assert (last.entries, last.unsealed) == (AuditEntry.objects.count(), 0)


@pytest.mark.accepts("S001-54")
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "503", "500_after", "429", "late_commit"])
def test_a_write_whose_answer_went_wrong_is_told_all_the_same(till: Till, fault: str) -> None:
    till.sell()
    till.world.sandbox.faults.add(Fault(fault, "exact", "POST", SALES, seconds=75))
    till.next_morning()
    for _ in range(4):
        till.run_after(minutes=5)
    assert Posting.objects.filter(state="confirmed").count() == Posting.objects.count() > 0
    assert_joined(till.world)


def test_a_list_of_sales_attached_in_exact_is_told_with_its_requests(till: Till) -> None:
    SyncLane.objects.update(attaches_sales_list=True)
    till.sell()
    till.sell()
    till.next_morning()
    assert till.calls("exact", "POST", "Document") == 2
    assert_joined(till.world)
