"""The list of sales beside each summary entry in Exact, so that an accountant finds what a day's total is made of.

Two calls: a document that points at the entry, then the file in it. Each is made once: the intent is committed before,
and whoever finds it unfinished looks the document up by its subject, the file by its document. Nothing here holds an
entry up: what cannot be attached now is tried at a later run, and what Exact refuses waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet

from audit.trail import Fact
from connections import clock
from connections.providers.errors import (
    NoAnswer,
    NotAuthorised,
    Refused,
    Throttled,
    Unreachable,
    Unreadable,
    VendorError,
)
from connections.providers.exact import files
from mappings.bookkeeping.legs import Document
from sync import engine, grip, saleslist
from sync import posting as entries
from sync.engine import Move, Outcome
from sync.flows.base import Flow, Work
from sync.lifecycle import AttachmentState, PostingState
from sync.models import Attachment, Posting

BATCH = 50
# Entries drafted before the switch was on are left alone; so are those of runs that ended longer ago than this.
RECENT = timedelta(days=7)
# A missing right is not asked for again with every run: ten refused calls an hour would block the key.
LATER = timedelta(days=1)
# As base64 it grows by a third, and Exact takes bodies of up to 10 MB. Reference: exact-online.md 4.
LARGEST = 7_000_000


def subject_of(posting: Posting) -> str:
    """By which the document is found again."""
    return f"{posting.reference} list of sales"


def attach_sales_lists(work: Work, flow: Flow) -> None:  # noqa: ARG001 - every phase has the same form
    """Attach what is due, where the lane's switch says so. Never fails a run: what went wrong is told at its end."""
    if not work.lane.attaches_sales_list:
        return
    while batch := list(_without_list(work)[:BATCH]):
        _open(work, batch)
    try:
        for attachment in _due(work):
            _take_up(work, attachment)
            work.breathe()
    except VendorError as error:
        if isinstance(error, NotAuthorised):
            _let_all_wait(work, error)
        work.setbacks.append(f"Lists of sales were not all attached: {error.sentence}")


def _let_all_wait(work: Work, error: NotAuthorised) -> None:
    due = Attachment.objects.filter(lane=work.lane, state=AttachmentState.DUE)
    ids = list(due.values_list("pk", flat=True))
    changes = {"due_at": clock.now() + LATER, "problem": error.sentence, "changed_at": clock.now()}
    where = {"pk__in": ids}
    move = Move(Attachment, where, AttachmentState.DUE, AttachmentState.DUE, changes, count=len(ids))
    engine.apply(Outcome(moves=[move]), grip=work.grip)


def ask(postings: Iterable[Posting], *, looks_first: bool = True) -> list[tuple[str, str]]:
    """A person wants the lists of these entries attached, whatever the age; returns who was skipped and why."""
    skipped: list[tuple[str, str]] = []
    for posting in postings:
        held = Attachment.objects.filter(posting=posting).first()
        if not posting.lane.attaches_sales_list:
            skipped.append((posting.reference, "its lane does not attach lists of sales; switch that on first"))
        elif not _is_summary(posting):
            skipped.append((posting.reference, "only a booked daily summary has a list of sales to attach"))
        elif held is None:
            engine.apply(_opened([posting], looks_first=looks_first), grip=None)
        elif held.state == AttachmentState.REFUSED:
            changes = {"due_at": None, "problem": "", "attempts": 0, "looks_first": True, "changed_at": clock.now()}
            move = Move(Attachment, {"pk": held.pk}, AttachmentState.REFUSED, AttachmentState.DUE, changes)
            engine.apply(Outcome(moves=[move], facts=[_fact(held, "due")]), grip=None)
        else:
            skipped.append((posting.reference, f"its list is {held.get_state_display()} already"))
    return skipped


def can_be_asked(posting: Posting) -> bool:
    """Whether a person may ask for this entry's list: it has none, or Exact refused it."""
    held = Attachment.objects.filter(posting=posting).exclude(state=AttachmentState.REFUSED)
    return posting.lane.attaches_sales_list and _is_summary(posting) and not held.exists()


def _is_summary(posting: Posting) -> bool:
    is_booked = posting.state in {PostingState.POSTED, PostingState.CONFIRMED}
    return is_booked and posting.document == Document.SALES_ENTRY and posting.group != posting.reference


# --- Opening ------------------------------------------------------------------------------------
def _without_list(work: Work) -> QuerySet[Posting]:
    """Booked summaries: a sale on its own is its own list."""
    booked = Posting.objects.filter(lane=work.lane, document=Document.SALES_ENTRY, attachment=None)
    booked = booked.filter(state=PostingState.CONFIRMED, created_at__gte=clock.now() - RECENT)
    return booked.exclude(group=F("reference")).select_related("division").defer("body").order_by("id")


def _open(work: Work, postings: Sequence[Posting]) -> None:
    engine.apply(_opened(postings, looks_first=work.lane.adopts), grip=work.grip)


def _opened(postings: Sequence[Posting], *, looks_first: bool) -> Outcome:
    now = clock.now()
    rows = [
        Attachment(
            posting=posting, lane_id=posting.lane_id, looks_first=looks_first or posting.is_adopted,
            created_at=now, changed_at=now,
        )
        for posting in postings
    ]  # fmt: skip
    return Outcome(created=[*rows], facts=[_fact(row, "due") for row in rows])


# --- One list -----------------------------------------------------------------------------------
def _due(work: Work) -> Iterable[Attachment]:
    """Unfinished ones first: what is in doubt is settled before anything else is created."""
    now = clock.now()
    rows = Attachment.objects.filter(lane=work.lane).filter(Q(due_at=None) | Q(due_at__lte=now))
    open_states = [AttachmentState.SENDING, AttachmentState.DUE]
    keys = list(rows.filter(state__in=open_states).order_by("-state", "id").values_list("pk", flat=True))
    for key in keys:
        yield Attachment.objects.select_related("posting__division").get(pk=key)


def _take_up(work: Work, attachment: Attachment) -> None:
    """Both steps, each: look where there is doubt, commit the intent, create, commit the outcome."""
    while attachment.state in {AttachmentState.DUE, AttachmentState.SENDING}:
        if attachment.state == AttachmentState.SENDING or attachment.looks_first:
            if not _looked_up(work, attachment):
                return
            continue
        if not _create(work, attachment):
            return


def _looked_up(work: Work, attachment: Attachment) -> bool:
    """Whether the next step may be taken now: what was looked for is found, or is certainly not there."""
    before = AttachmentState(attachment.state)
    if before is AttachmentState.SENDING and attachment.due_at is None and _is_young(work, attachment):
        return False
    found = _find(work, attachment)
    if found:
        _keep(work, attachment, found[0])
        return True
    now = clock.now()
    if before is AttachmentState.SENDING and attachment.missing_since is None:
        later = {"missing_since": now, "due_at": now + entries.SECOND_LOOK}
        _move(work, attachment, AttachmentState.SENDING, **later)
        return False
    # One look is enough for what was never sent from here; the file of a document just made cannot be there.
    _move(work, attachment, AttachmentState.DUE, due_at=None, missing_since=None, looks_first=False)
    return True


def _is_young(work: Work, attachment: Attachment) -> bool:
    """Nobody recorded an outcome: the worker died, and its request may still be under way."""
    until = attachment.changed_at + grip.settle()
    if clock.now() >= until:
        return False
    _move(work, attachment, AttachmentState.SENDING, due_at=until)
    return True


def _find(work: Work, attachment: Attachment) -> tuple[str, ...]:
    if attachment.document_id:
        return files.files_of(work.exact, attachment.document_id)
    return files.documents_called(work.exact, subject_of(attachment.posting))


def _create(work: Work, attachment: Attachment) -> bool:
    """Make the document, or its file. Returns whether the next step may follow at once."""
    content = _content(attachment.posting) if attachment.document_id else b""
    if len(content) > LARGEST:
        return _refuse(work, attachment, "The list of sales is larger than Exact takes. Download it from the entry.")
    _move(work, attachment, AttachmentState.SENDING, due_at=None, attempts=attachment.attempts + 1)
    try:
        made = _made(work, attachment, content)
    except (NoAnswer, Unreadable) as error:
        until = clock.now() + grip.settle() + entries.backoff(attachment.attempts)
        return _move(work, attachment, AttachmentState.SENDING, due_at=until, problem=error.sentence)
    except Refused as error:
        return _refuse(work, attachment, f"Exact refused the list of sales: “{error.sentence}”. The entry is booked.")
    except (Unreachable, Throttled, NotAuthorised) as error:
        _move(work, attachment, AttachmentState.DUE, due_at=_later(error, attachment), problem=error.sentence)
        raise
    _keep(work, attachment, made)
    return True


def _made(work: Work, attachment: Attachment, content: bytes) -> str:
    posting = attachment.posting
    if attachment.document_id:
        name = f"{posting.reference}.csv"
        return files.attach_file(work.exact, document_id=attachment.document_id, name=name, content=content)
    return files.create_document(work.exact, subject=subject_of(posting), entry_id=posting.remote_id, day=posting.date)


def _content(posting: Posting) -> bytes:
    return b"".join(saleslist.lines(posting, saleslist.totals(posting)))


def _later(error: VendorError, attachment: Attachment) -> datetime:
    if isinstance(error, Throttled):
        return error.until
    if isinstance(error, NotAuthorised):
        return clock.now() + LATER
    return clock.now() + entries.backoff(attachment.attempts)


# --- Writing ------------------------------------------------------------------------------------
def _keep(work: Work, attachment: Attachment, remote_id: str) -> None:
    """The document is there: its file is next. The file is there: done."""
    done = {"due_at": None, "missing_since": None, "problem": ""}
    if attachment.document_id:
        _move(work, attachment, AttachmentState.ATTACHED, file_id=remote_id, **done)
    else:
        _move(work, attachment, AttachmentState.DUE, document_id=remote_id, **done)


def _refuse(work: Work, attachment: Attachment, sentence: str) -> bool:
    return _move(work, attachment, AttachmentState.REFUSED, due_at=None, problem=sentence)


def _move(work: Work, attachment: Attachment, after: AttachmentState, **changes: Any) -> bool:
    """Always False: nothing follows at once."""
    changes = {"changed_at": clock.now(), **changes}
    before = AttachmentState(attachment.state)
    detail = {name: changes[name] for name in ("document_id", "file_id", "problem") if changes.get(name)}
    move = Move(Attachment, {"pk": attachment.pk}, before, after, changes)
    engine.apply(Outcome(moves=[move], facts=[_fact(attachment, after, **detail)]), grip=work.grip)
    attachment.state = after
    for name, value in changes.items():
        setattr(attachment, name, value)
    return False


def _fact(attachment: Attachment, state: str, **detail: Any) -> Fact:
    posting = attachment.posting
    code = posting.division.code
    return Fact(f"attachment.{state}", "attachment", attachment.pk, str(attachment), posting.reference, code, detail)
