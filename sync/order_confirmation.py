"""Reading orders back: one counts once Exact shows it as we meant it. In bulk, two calls for thirty orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from audit.trail import Fact
from connections import clock
from connections.money import to_minor, written
from connections.providers.errors import NotAuthorised, Refused
from connections.providers.exact import standing
from connections.providers.exact.orders import Form
from connections.providers.exact.standing import Standing
from connections.providers.http import batches
from mappings.bookkeeping.legs import Document, LegKind, ProblemKind
from sync import engine
from sync.confirmation import GONE_AFTER, confirm
from sync.engine import Move, Outcome
from sync.flows import ordering
from sync.flows.base import Flow, Work
from sync.lifecycle import PostingState
from sync.models import ExactOrder, Leg, Posting, SyncItem

CHUNK = 30
# How old the state of an open order may grow on our pages before Exact is asked again.
STALE = timedelta(hours=24)
SHOWN = ("document", "remote_id", "number", "status", "is_over", "read_at")


def confirm_orders(work: Work, flow: Flow) -> None:  # noqa: ARG001 - every phase has the same form
    """Compare what was written with what stands there, and keep the state of orders that may still move."""
    try:
        for document, form in ordering.FORMS.items():
            _confirm_posted(work, document, form)
            _look_again(work, document, form)
    except (Refused, NotAuthorised) as error:
        work.setbacks.append(f"The orders could not be read back: {error.sentence}")


def _confirm_posted(work: Work, document: Document, form: Form) -> None:
    posted = Posting.objects.filter(lane=work.lane, state=PostingState.POSTED, document=document)
    last = 0
    while batch := list(posted.filter(pk__gt=last).select_related("division", "corrects").order_by("id")[:CHUNK]):
        found = standing.read(work.exact, form, sorted({posting.remote_id for posting in batch}))
        _store(work, form, batch, found)
        last = batch[-1].pk
        work.breathe()


def _store(work: Work, form: Form, batch: Sequence[Posting], found: Mapping[str, Standing]) -> None:
    outcome, agreed = Outcome(), []
    for posting in batch:
        stands = found.get(posting.remote_id)
        problem = difference(posting, form, stands)
        if not problem:
            agreed.append(posting)
        elif stands or posting.changed_at < clock.now() - GONE_AFTER:
            _conflict(outcome, posting, problem)
    if agreed:
        confirm(work, outcome, agreed)
        _mirror(outcome, form, _items_of(agreed), found)
    if outcome.moves:
        work.run.entries_confirmed += len(agreed)
        outcome.updates.append((work.run, ["entries_confirmed"]))
        engine.apply(outcome, grip=work.grip)


def difference(posting: Posting, form: Form, found: Standing | None) -> str:
    """Where the order is not what we meant, as a sentence part; empty when it agrees, to the cent."""
    if found is None:
        return "it is not there, although Exact said that it took it"
    if ordering.is_closing(posting):
        return "" if found.is_closed(form) else f"it is {found.head.status_words.lower() or 'not closed'}"
    told = list(standing.differences(form, ordering.body_of(posting), found))
    total = to_minor(found.total, posting.currency)
    if total != posting.total:
        told.append(f"{written(total, posting.currency)}, meant {written(posting.total, posting.currency)}")
    return "; ".join(told)


def _conflict(outcome: Outcome, posting: Posting, found: str) -> None:
    what = ordering.WORDS[Document(posting.document)]
    sentence = (
        f"The {what} in Exact is not what was written: {found}. Nothing is changed by Tillbridge. Put it right in "
        "Exact, then replay this entry: it is looked at again."
    )
    changes = {"problem_kind": ProblemKind.CONFLICT, "problem": sentence, "changed_at": clock.now()}
    outcome.moves.append(Move(Posting, {"pk": posting.pk}, PostingState.POSTED, PostingState.CONFLICT, changes))
    detail = {"problem": sentence}
    outcome.facts.append(
        Fact(
            "posting.conflict", "posting", posting.pk, posting.reference, posting.reference, posting.division.code,
            detail,
        )
    )  # fmt: skip


def _items_of(postings: Sequence[Posting]) -> dict[int, str]:
    """Record -> id of its order in Exact."""
    legs = Leg.objects.filter(posting__in=postings, kind=LegKind.ORDER)
    return dict(legs.values_list("item", "posting__remote_id"))


def _mirror(outcome: Outcome, form: Form, orders: Mapping[int, str], found: Mapping[str, Standing]) -> None:
    """What Exact says of each order, for our pages."""
    held = {row.item_id: row for row in ExactOrder.objects.filter(item__in=orders)}
    now = clock.now()
    for item, remote_id in orders.items():
        if remote_id not in found:
            continue
        row = held.get(item) or ExactOrder(item=SyncItem(pk=item))
        _fill(row, form, found[remote_id], at=now)
        if row.pk:
            outcome.updates.append((row, SHOWN))
        else:
            outcome.created.append(row)


def _fill(row: ExactOrder, form: Form, found: Standing, *, at: datetime) -> None:
    head = found.head
    row.document = next(document for document, known in ordering.FORMS.items() if known is form)
    row.remote_id, row.number, row.read_at = head.order_id, head.number, at
    row.status, row.is_over = head.status_words[:60] or str(head.status), head.status in form.over


def _look_again(work: Work, document: Document, form: Form) -> None:
    """Once a day for orders that are not over: people deliver and invoice them in Exact."""
    open_orders = ExactOrder.objects.filter(item__lane=work.lane, document=document, is_over=False)
    due = dict(open_orders.filter(read_at__lt=clock.now() - STALE).values_list("item", "remote_id"))
    for part in batches(due.items(), CHUNK):
        orders = dict(part)
        found = standing.read(work.exact, form, sorted(orders.values()))
        outcome = Outcome()
        _mirror(outcome, form, orders, found)
        _gone(outcome, (item for item, remote_id in orders.items() if remote_id not in found))
        engine.apply(outcome, grip=work.grip)
        work.breathe()


def _gone(outcome: Outcome, items: Iterable[int]) -> None:
    for row in ExactOrder.objects.filter(item__in=list(items)):
        row.status, row.is_over, row.read_at = "gone", True, clock.now()
        outcome.updates.append((row, SHOWN))
