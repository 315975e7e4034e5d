"""The cause is put right once, and the whole family is booked: counted first, followed, cancelled, taken up again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from connections import clock
from connections.sandbox.square import TenderSpec
from mappings.models import GLMapping
from sync import actions, issues, replays
from sync.models import Replay, SyncItem
from sync.models.issues import Issue
from tests.pages import confirm, text_of


@pytest.fixture
def family(till: Any) -> Any:
    """Five sales that wait for a rule which is there again, though nobody was told."""
    for _ in range(5):
        till.sell()
    rules = GLMapping.objects.filter(pk__in=list(GLMapping.objects.filter(role="revenue").values_list("pk", flat=True)))
    rules.update(status="conflict")
    till.next_morning()
    assert SyncItem.objects.filter(state="waiting").count() == 5
    rules.update(status="matched")
    issues.look(clock.now())
    return till


def worked() -> Replay:
    """What the worker does with it."""
    replay = Replay.objects.get()
    while replays.go_on(replay.pk) == "again":
        pass
    replay.refresh_from_db()
    return replay


def test_a_whole_issue_is_replayed_and_its_records_are_booked(family: Any, browser: Any) -> None:
    issue = Issue.objects.get()
    page = text_of(browser.get(f"/admin/sync/issue/{issue.pk}/do/replay/"))
    assert "Records 5" in page
    confirm(browser, f"/admin/sync/issue/{issue.pk}/do/replay/")
    assert "0 of 5 records are through." in text_of(
        browser.get(f"/admin/sync/replay/{Replay.objects.get().pk}/change/")
    )

    replay = worked()
    assert (replay.state, replay.done, replay.skipped) == ("done", 5, 0)
    family.world.run()
    assert family.ledger["8000"] == -5 * 2066
    assert issues.look(clock.now()) == 1
    assert Issue.objects.get().state == "resolved"
    told = AuditEntry.objects.filter(verb__startswith="replay.").order_by("id").values_list("verb", flat=True)
    assert list(told) == ["replay.asked", "replay.done"]
    assert "5 on their way" in text_of(browser.get(f"/admin/sync/issue/{issue.pk}/change/"))


def test_a_replay_that_is_cancelled_leaves_the_rest_waiting(
    family: Any, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "CHUNK", 2)
    issue = Issue.objects.get()
    replay = replays.begin(issues.records_of(issue), what="x", by="anna", issue=issue)
    replays._chunk(replay)
    assert "2 of 5 records are through." in text_of(browser.get(f"/admin/sync/replay/{replay.pk}/change/"))
    confirm(browser, f"/admin/sync/replay/{replay.pk}/do/cancel/")
    assert replays.go_on(replay.pk) == "cancelled"
    assert SyncItem.objects.filter(state="waiting").count() == 3
    again = confirm(browser, f"/admin/sync/replay/{replay.pk}/do/cancel/")
    assert "nothing to cancel" in text_of(again)


def test_a_replay_whose_worker_died_goes_on_from_there(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "CHUNK", 2)
    issue = Issue.objects.get()
    replay = replays.begin(issues.records_of(issue), what="x", by="anna")
    chunks = iter([None])

    def dying(row: Replay) -> None:
        next(chunks)  # the second one does not come back
        original(row)

    original = replays._chunk
    with monkeypatch.context() as killed:
        killed.setattr(replays, "_chunk", dying)
        with pytest.raises(StopIteration):
            replays.go_on(replay.pk)
    assert replays.ring_abandoned() == 0
    Replay.objects.update(touched_at=clock.now() - timedelta(minutes=4))
    assert replays.ring_abandoned() == 1
    assert worked().done == 5


def test_a_record_that_moved_meanwhile_is_skipped_with_its_reason(family: Any) -> None:
    replay = replays.begin(SyncItem.objects.filter(state="waiting"), what="x", by="anna")
    one = SyncItem.objects.filter(state="waiting").first()
    actions.dismiss([one], reason="booked by hand", by="bob")
    replay = worked()
    assert (replay.done, replay.skipped) == (4, 1)
    assert replay.reasons == [[one.source_id, "it is dismissed; only a waiting record can be replayed"]]


def test_what_another_needs_is_replayed_first(family: Any) -> None:
    rows = SyncItem.objects.order_by("pk")
    kinds = ["order", "refund", "payout", "payment", "invoice"]
    for item, kind in zip(rows, kinds, strict=True):
        SyncItem.objects.filter(pk=item.pk).update(kind=kind)
    replay = replays.begin(SyncItem.objects.all(), what="x", by="anna")
    by_pk = dict(SyncItem.objects.values_list("pk", "kind"))
    assert [by_pk[pk] for pk in replay.ids] == ["invoice", "payment", "refund", "payout", "order"]


def test_nothing_to_replay_is_said(family: Any) -> None:
    with pytest.raises(actions.Impossible, match="Nothing waits there"):
        replays.begin(SyncItem.objects.none(), what="x", by="anna")


def test_many_records_chosen_in_the_list_are_replayed_by_a_worker(
    family: Any, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.admin.verbs.AT_ONCE", 3)
    keys = list(SyncItem.objects.filter(state="waiting").values_list("pk", flat=True))
    data = {"action": "replay", "_selected_action": keys, "confirmed": "yes", "count": "5"}
    page = browser.post("/admin/sync/syncitem/", data, follow=True)
    assert "0 of 5 records are through." in text_of(page)
    assert worked().done == 5


MANY, PER_PAGE, SOME = 120, 50, 15


@pytest.fixture
def crowd(till: Any) -> Any:
    """More sales than stand on one page of the list wait for a rule, and one other record waits for something else."""
    for _ in range(MANY):
        till.sell(tenders=(TenderSpec("cash"),))
    rules = GLMapping.objects.filter(role="revenue", account__isnull=False)
    pks = list(rules.values_list("pk", flat=True))
    GLMapping.objects.filter(pk__in=pks).update(status="conflict")
    till.next_morning()
    GLMapping.objects.filter(pk__in=pks).update(status="matched")
    other = SyncItem.objects.filter(state="waiting").first()
    SyncItem.objects.filter(pk=other.pk).update(problem_kind="odd_amount")
    return till


@pytest.mark.accepts("S001-34", "S001-35")
def test_all_that_a_filter_shows_is_counted_replayed_followed_and_cancelled(
    crowd: Any, browser: Any, queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "CHUNK", SOME)
    kind = SyncItem.objects.exclude(problem_kind="odd_amount").values_list("problem_kind", flat=True).first()
    filtered = f"/admin/sync/syncitem/?state__exact=waiting&problem_kind__exact={kind}"
    shown = browser.get(filtered).context["cl"]
    assert (shown.result_count, len(shown.result_list)) == (MANY - 1, PER_PAGE)
    chosen = {"action": "replay", "_selected_action": [row.pk for row in shown.result_list], "select_across": "1"}

    page = browser.post(filtered, chosen)
    assert f"Concerns {MANY - 1} records" in text_of(page)
    assert "EUR 2,975.00" in text_of(page)
    with queue.listening():
        begun = browser.post(filtered, {**chosen, "confirmed": "yes", "count": str(MANY - 1)}, follow=True)
    assert f"0 of {MANY - 1} records are through." in text_of(begun)

    replay = Replay.objects.get()
    replays._chunk(replay)
    page = f"/admin/sync/replay/{replay.pk}/change/"
    assert f"{SOME} of {MANY - 1} records are through." in text_of(browser.get(page))
    confirm(browser, f"/admin/sync/replay/{replay.pk}/do/cancel/")
    queue.work()
    replay.refresh_from_db()
    assert (replay.state, replay.done) == ("cancelled", SOME)
    assert SyncItem.objects.filter(state="waiting").count() == MANY - SOME

    left = browser.get(filtered).context["cl"]
    chosen["_selected_action"] = [row.pk for row in left.result_list]
    with queue.listening():
        browser.post(filtered, {**chosen, "confirmed": "yes", "count": str(left.result_count)})
    queue.work()
    assert Replay.objects.first().done == MANY - 1 - SOME
    crowd.world.run()
    assert SyncItem.objects.filter(state="waiting").get().problem_kind == "odd_amount"
    assert crowd.ledger["1000"] == (MANY - 1) * 2500
