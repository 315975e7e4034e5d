"""What people may do with lanes, runs, records and entries, as confirmed actions on their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import Model, QuerySet, Sum
from django.http import HttpRequest
from django.utils.text import capfirst
from django_q.tasks import async_task

from audit import adminkit
from audit.adminkit import CannotDo, ConfirmedAction, Outcome
from audit.models import AuditEntry
from sync import actions, approval, attachments, replays
from sync.admin import shown
from sync.engine import Overtaken
from sync.lifecycle import ItemState, PostingState, RunState
from sync.models import Posting, Replay, SyncItem, SyncLane, SyncRun

# A person waits for the page: each record is a transaction of its own.
AT_ONCE = 100
RUN = "sync.run_synclane"
REPLAY_ITEMS = "sync.replay_syncitem"
REPLAY_POSTINGS = "sync.replay_posting"
DISMISS = "sync.dismiss_syncitem"
RELEASE = "sync.golive_synclane"
# Facts that say that something did not get into the books.
FAILURES = frozenset({"item.waiting", "leg.waiting", "leg.refused", "posting.refused", "posting.conflict"})
Tallied = Callable[[HttpRequest, QuerySet[Any], str], actions.Tally]


def tallied(call: Tallied) -> Callable[[HttpRequest, QuerySet[Any], str], Outcome]:
    """The product's verb as the pages call one: what cannot be done is said to the person."""

    def run(request: HttpRequest, rows: QuerySet[Any], reason: str) -> Outcome:
        try:
            tally = call(request, rows, reason)
        except actions.Impossible as refusal:
            raise CannotDo(str(refusal)) from refusal
        return Outcome(done=tally.done, skipped=tally.skipped)

    return run


def by(request: HttpRequest) -> str:
    return request.user.get_username()


def stake_of(rows: QuerySet[Any], *, total: str) -> Sequence[tuple[str, Any]]:
    """Money and divisions that an action on these rows concerns."""
    sums = rows.order_by().values_list("currency").annotate(total=Sum(total))
    divisions = rows.order_by().values_list("lane__division__code", "lane__division__name").distinct()
    names = ", ".join(f"{code} {name}" for code, name in divisions)
    return (("Money", shown.sums(dict(sums))), ("Division", names))


def replay_items(request: HttpRequest, rows: QuerySet[SyncItem], reason: str) -> Outcome:
    """A few at once; many by a worker, whom one can follow."""
    if rows[: AT_ONCE + 1].count() <= AT_ONCE:
        return tallied(lambda request, rows, _reason: actions.replay_items(rows, by=by(request)))(request, rows, reason)
    try:
        replay = replays.begin(rows, what="chosen from the list of records", by=by(request))
    except actions.Impossible as refusal:
        raise CannotDo(str(refusal)) from refusal
    return Outcome(done=replay.total, goto=adminkit.admin_url(Replay, replay.pk))


def asked_of_lanes(
    rows: QuerySet[SyncLane], ask: Callable[[Sequence[SyncLane]], None], *, shown_in: type[Model], told: str
) -> Outcome:
    """Ask a worker to prove something of the lanes that book, and show the list of proofs; the others are named."""
    lanes = [lane for lane in rows if lane.books]
    skipped = [(str(lane), "it books nothing") for lane in rows if not lane.books]
    ask(lanes)
    only = {"lane__id__exact": lanes[0].pk} if len(lanes) == 1 else {}
    return Outcome(done=len(lanes), skipped=skipped, sentence=told, goto=adminkit.list_url(shown_in, **only))


# --- Records ------------------------------------------------------------------------------------
def is_waiting(item: SyncItem) -> bool:
    return item.state == ItemState.WAITING


ITEM_VERBS = (
    ConfirmedAction(
        name="replay",
        label="Replay",
        explains="Works these records out anew with the mappings as they are now, and books them with the next run. A "
        "reference never changes, and what may stand in Exact already is looked up first: nothing is booked twice.",
        permission=REPLAY_ITEMS,
        run=replay_items,
        done="on the way to be booked",
        reversible="Replaying changes nothing in Exact by itself; an entry that is booked then stays until it is "
        "reversed.",
        applies=is_waiting,
    ),
    ConfirmedAction(
        name="dismiss",
        label="Dismiss",
        explains="Says that these records are not to be booked by Tillbridge: it leaves them alone from now on. Do "
        "this when your books hold them already, or never should.",
        permission=DISMISS,
        run=tallied(lambda request, rows, reason: actions.dismiss(rows, reason=reason, by=by(request))),
        done="dismissed",
        reversible="Yes: a dismissed record can be taken up again.",
        asks_reason=True,
        applies=is_waiting,
    ),
    ConfirmedAction(
        name="reinstate",
        label="Take up again",
        explains="Takes dismissed records up again. They are worked out anew, and booked when nothing is in the way.",
        permission=DISMISS,
        run=tallied(lambda request, rows, _reason: actions.reinstate(rows, by=by(request))),
        done="taken up again",
        reversible="Yes, until they are booked: dismiss them again.",
        applies=lambda item: item.state == ItemState.DISMISSED,
    ),
    ConfirmedAction(
        name="release",
        label="Release for booking",
        explains="Lets records from before the lane's go-live date be booked. Make sure that your books do not hold "
        "them yet.",
        permission=RELEASE,
        run=tallied(lambda request, rows, _reason: actions.release(rows, by=by(request))),
        done="released for booking",
        reversible="No: once booked, an entry stays until it is reversed.",
        applies=lambda item: item.problem_kind == "before_go_live" and not item.released,
        is_grave=True,
    ),
)


def attach_lists(request: HttpRequest, rows: QuerySet[Posting], reason: str) -> Outcome:  # noqa: ARG001
    skipped = attachments.ask(rows.select_related("division", "lane"))
    return Outcome(done=rows.count() - len(skipped), skipped=skipped)


# --- Entries -------------------------------------------------------------------------------------
POSTING_VERBS = (
    ConfirmedAction(
        name="replay",
        label="Replay",
        explains="Makes these entries anew under the same reference and books them with the next run. Each is looked "
        "up in Exact first, so that it is never booked twice.",
        permission=REPLAY_POSTINGS,
        run=tallied(lambda request, rows, _reason: actions.replay_postings(rows, by=by(request))),
        done="on the way to be booked",
        reversible="Replaying changes nothing in Exact by itself; an entry that is booked then stays until it is "
        "reversed.",
        applies=lambda posting: posting.state in {PostingState.REFUSED, PostingState.CONFLICT},
    ),
    ConfirmedAction(
        name="attach",
        label="Attach list of sales",
        explains="Puts the list of sales behind these daily summaries beside their entries in Exact, with the next run "
        "of a lane whose switch for it is on. What is attached already is looked up first.",
        permission=REPLAY_POSTINGS,
        run=attach_lists,
        done="asked for",
        reversible="A document can be removed in Exact; the entry stays as it is.",
        applies=attachments.can_be_asked,
    ),
)


# --- Lanes and runs -----------------------------------------------------------------------------
def open_lanes(rows: QuerySet[SyncLane], open_one: Callable[[SyncLane], SyncRun], *, told: str) -> Outcome:
    """Opens each lane; from the page of one lane the person goes to its run. `told` follows the run's name."""
    opened: list[SyncRun] = []
    refused: list[tuple[str, str]] = []
    for lane in rows.select_related("division__connection", "source"):
        try:
            opened.append(open_one(lane))
        except actions.Impossible as refusal:
            refused.append((str(lane), str(refusal)))
    goto = adminkit.admin_url(SyncRun, opened[0].pk) if len(opened) == 1 and not refused else ""
    sentence = f"{capfirst(str(opened[0]))} {told}" if goto else ""
    return Outcome(done=len(opened), skipped=refused, sentence=sentence, goto=goto)


def run_now(request: HttpRequest, rows: QuerySet[SyncLane], reason: str) -> Outcome:  # noqa: ARG001
    told = "is open; a worker takes it up within seconds."
    return open_lanes(rows, lambda lane: actions.run_now(lane, by=by(request)), told=told)


def each(verb: Callable[[Any, str, str], object]) -> Callable[[HttpRequest, QuerySet[Any], str], Outcome]:
    """A verb for one row, on every row: verb(row, by, reason)."""

    def run(request: HttpRequest, rows: QuerySet[Any], reason: str) -> Outcome:
        done, refused = 0, []
        for row in rows:
            try:
                verb(row, by(request), reason)
                done += 1
            except (actions.Impossible, approval.Undecidable) as refusal:
                refused.append((str(row), str(refusal)))
            except Overtaken:
                refused.append((str(row), "it changed a moment ago; look at it again"))
        return Outcome(done=done, skipped=refused)

    return run


LANE_VERBS = (
    ConfirmedAction(
        name="run",
        label="Run now",
        explains="Opens the lane at once: reads what is new, and books or passes on what is ready.",
        permission=RUN,
        run=run_now,
        done="opened",
        reversible="A run can be cancelled; what it has booked by then stays booked.",
        confirms=False,
        applies=lambda lane: not lane.is_paused,
    ),
    ConfirmedAction(
        name="pause",
        label="Pause",
        explains="Stops the lane: no run begins, by schedule or by hand, until somebody resumes it. Nothing is lost; "
        "Square is read from where the lane left off.",
        permission=RUN,
        run=each(lambda lane, name, reason: actions.pause(lane, reason=reason, by=name)),
        done="paused",
        reversible="Yes: resume it.",
        asks_reason=True,
        applies=lambda lane: not lane.is_paused,
    ),
    ConfirmedAction(
        name="resume",
        label="Resume",
        explains="Lets the lane run again, by schedule and by hand.",
        permission=RUN,
        run=each(lambda lane, name, _reason: actions.resume(lane, by=name)),
        done="resumed",
        reversible="Yes: pause it again.",
        applies=lambda lane: lane.is_paused,
    ),
    ConfirmedAction(
        name="end_adopting",
        label="End adopt mode",
        explains="From now on new entries are sent without being looked up in Exact first. Do this once a run after "
        "the restore, or after go-live over existing bookings, has found everything.",
        permission=RUN,
        run=each(lambda lane, name, _reason: actions.end_adoption(lane, by=name)),
        done="out of adopt mode",
        reversible="Yes: switch adopt mode on again on the lane's form.",
        applies=lambda lane: lane.adopts,
    ),
)
RUN_VERBS = (
    ConfirmedAction(
        name="cancel",
        label="Cancel",
        explains="Ends a run that is queued or paused. What has been sent to Exact is still looked up by the next run.",
        permission=RUN,
        run=each(lambda run, name, _reason: actions.cancel(run, by=name)),
        done="cancelled",
        reversible="Start a new run: it goes on where this one left off.",
        applies=lambda run: run.state in {RunState.QUEUED, RunState.PAUSED},
    ),
)


# --- From the audit trail -----------------------------------------------------------------------
def replay_failures(request: HttpRequest, rows: QuerySet[AuditEntry], reason: str) -> Outcome:
    """Replays the records and entries that the chosen facts tell of, each once."""
    del reason
    facts = list(rows.values_list("verb", "subject_type", "subject_id", "subject", "source"))
    failed = [fact for fact in facts if fact[0] in FAILURES]
    postings = Posting.objects.filter(reference__in=[subject for _, kind, _, subject, _ in failed if kind == "posting"])
    items = SyncItem.objects.filter(
        source_id__in=[source for _, kind, _, _, source in failed if kind in {"item", "leg"}]
    )
    others = [
        (subject or kind, "it does not tell of a failure")
        for verb, kind, _, subject, _ in facts
        if verb not in FAILURES
    ]
    done, skipped = 0, list(others)
    for tally in _replays(request, postings, items):
        done += tally.done
        skipped += tally.skipped
    sentence = f"{done} on the way to be booked." if done else ""
    return Outcome(done=done, skipped=skipped, sentence=sentence)


def _replays(request: HttpRequest, postings: QuerySet[Posting], items: QuerySet[SyncItem]) -> Iterator[actions.Tally]:
    try:
        if postings.exists() and request.user.has_perm(REPLAY_POSTINGS):
            yield actions.replay_postings(postings, by=by(request))
        if items.exists():
            yield actions.replay_items(items, by=by(request))
    except actions.Impossible as refusal:
        raise CannotDo(str(refusal)) from refusal


def refresh_reference(request: HttpRequest, rows: QuerySet[Any], reason: str) -> Outcome:  # noqa: ARG001
    """A worker does it: it takes several calls to Exact."""
    for division in rows:
        async_task("sync.tasks.refresh_reference", division.pk, q_options={"task_name": f"reference-{division.pk}"})
    return Outcome(
        done=rows.count(), sentence="A worker reads them now; what was held for a closed period then goes on."
    )


DIVISION_VERB = ConfirmedAction(
    name="reference",
    label="Read accounts, codes and periods again",
    explains="Reads GL accounts, VAT codes, journals, customers and closed periods of the division from Exact; and its "
    "items where a lane writes orders.",
    permission=RUN,
    run=refresh_reference,
    done="asked for",
    confirms=False,
)


AUDIT_VERB = ConfirmedAction(
    name="replay",
    label="Replay what failed",
    explains="Replays the records and entries that these facts tell of, with the mappings as they are now. What may "
    "stand in Exact already is looked up first: nothing is booked twice.",
    permission=REPLAY_ITEMS,
    run=replay_failures,
    done="replayed",
    reversible="Replaying changes nothing in Exact by itself; an entry that is booked then stays until it is reversed.",
    applies=lambda entry: entry.verb in FAILURES,
)
