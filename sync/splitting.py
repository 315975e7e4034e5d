"""A refused entry: the records at fault wait with the cause, all others are booked.

1. What would be refused is found before it is sent, as far as the body and the reference data show it.
2. Where Exact's answer names what is wrong, the entry is planned again without the records behind it.
3. A bank or cash entry whose answer names nothing is cut in two between records, and each half is an entry of its own
   with the next ordinal of the group, until the bad record stands alone. The refused entry stays as the trace.
4. Anything else waits whole.
Only a certain refusal comes here: an entry in doubt is looked up, never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from audit.trail import Fact
from connections import clock
from connections.providers.errors import Refused
from connections.providers.exact import culprits, messages
from connections.providers.exact.culprits import Culprit, Part
from connections.providers.exact.messages import Explanation, RefusalKind
from mappings.bookkeeping import clearing
from mappings.bookkeeping.legs import ORDERS, Document, ProblemKind
from mappings.models import DebtorAccount, LedgerAccount
from sync import engine, precheck
from sync import posting as entries
from sync.engine import Move, Outcome
from sync.flows.base import Draft, Flow, LeftAlone, Work
from sync.legs import plan_of
from sync.lifecycle import ItemState, LegState, PostingState
from sync.models import Leg, Posting, SyncItem
from sync.precheck import Line

CODES = {Part.VAT_CODE: "VATCode", Part.COST_CENTER: "CostCenter", Part.COST_UNIT: "CostUnit"}
REFUSALS = (ProblemKind.REFUSED, ProblemKind.UNSENDABLE, ProblemKind.PERIOD_CLOSED)
MONEY = (Document.BANK_ENTRY, Document.CASH_ENTRY)
Writer = Callable[[Work, Posting, Sequence[Leg], int | None], Draft]
Record = Sequence[Leg]  # what one source record has in the entry: its legs stay together


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an entry cannot be booked as it is. `lines`: the body lines at fault, None when nobody can tell.

    `is_of_whole`: no part of it would fare better. `is_guess`: the lines are tried on their own, not condemned.
    """

    kind: ProblemKind
    subject: str
    sentence: str
    lines: Sequence[Line] | None = None
    is_of_whole: bool = False
    is_guess: bool = False

    @property
    def problem(self) -> dict[str, str]:
        return {"problem_kind": self.kind, "problem_subject": self.subject, "problem": self.sentence}


def stopped(work: Work, flow: Flow, posting: Posting) -> bool:
    """Whether the entry must not leave as it is; what is at fault is then settled, and the rest sent."""
    objection = None if posting.document in ORDERS else _foreseen(work, posting)
    if objection is None:
        return False
    if again := _settle(work, flow, posting, objection):
        entries.deliver(work, flow, again)
    return True


def refused(work: Work, flow: Flow, posting: Posting, error: Refused) -> None:
    """Exact said no and booked nothing. Reference data that should have shown it are read again, once a run."""
    explanation = messages.explain(error.sentence)
    if posting.document in ORDERS:
        return _order_refused(work, posting, error, explanation)
    again = _settle(work, flow, posting, _answered(posting, error, explanation))
    read_at = work.lane.division.reference_read_at
    is_first = work.run.entries_refused == 1 or read_at is None or read_at < work.run.created_at
    if is_first and explanation.kind in culprits.OUTDATED:
        work.read_reference_again()
    if again:
        entries.deliver(work, flow, again)
    return None


def _order_refused(work: Work, posting: Posting, error: Refused, explanation: Explanation) -> None:
    """An order is one record: there is nothing to cut. What was not even tried says why in our own words."""
    kind, subject, sentence = ProblemKind.CHANGED_AFTER_POSTING, error.code, error.sentence
    if not isinstance(error, LeftAlone):
        kind, subject = ProblemKind.REFUSED, str(explanation.kind)
        sentence = f"Exact refused {posting.reference}: “{error.sentence}”. Nothing was written. {explanation.remedy}"
    entries.give_back(work, posting, kind=kind, subject=subject, sentence=sentence)


def awaits_news(work: Work) -> bool:
    """Whether somebody replays what Exact refused or would refuse: its cause is looked at anew, once a run."""
    read_at = work.lane.division.reference_read_at
    if read_at is not None and read_at > work.run.created_at:
        return False
    replayed = SyncItem.objects.filter(lane=work.lane, state=ItemState.EXTRACTED, problem_kind__in=REFUSALS)
    return replayed.exists()


# --- What is wrong ------------------------------------------------------------------------------
def _foreseen(work: Work, posting: Posting) -> Objection | None:
    closed = work.calendar.closing([posting.journal], posting.date)
    if closed:
        what = f"period {closed.year}-{closed.period:02} of journal {closed.journal} is closed in Exact"
        todo = "Open the period in Exact, then replay."
        return Objection(ProblemKind.PERIOD_CLOSED, closed.label, _unsent(posting, what, todo), is_of_whole=True)
    found = list(precheck.flaws(posting, barred=work.barred))
    if not found:
        return None
    first, lines = found[0], [line for flaw in found for line in flaw.lines or ()]
    is_of_whole = any(flaw.lines is None for flaw in found)
    sentence = _unsent(posting, "; ".join(flaw.sentence for flaw in found[:3]), "Put that right, then replay.")
    return Objection(first.kind, first.subject, sentence, None if is_of_whole else lines, is_of_whole=is_of_whole)


def _unsent(posting: Posting, what: str, todo: str) -> str:
    return f"Entry {posting.reference} was not sent to Exact: {what}. Nothing was booked. {todo}"


def _answered(posting: Posting, error: Refused, explanation: Explanation) -> Objection:
    is_closed = explanation.kind is RefusalKind.PERIOD_CLOSED
    sentence = f"Exact refused entry {posting.reference}: “{error.sentence}”. Nothing was booked. {explanation.remedy}"
    culprit = culprits.named(error.sentence)
    lines = _named_lines(posting, culprit) if culprit else []
    # A request that Exact does not even read (4xx) reads no better in two; these are the errors Exact counts.
    is_unread = error.status is not None and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    own = culprit is not None and culprit.part is Part.GL_ACCOUNT and culprit.value == _main_account(posting)
    return Objection(
        ProblemKind.PERIOD_CLOSED if is_closed else ProblemKind.REFUSED, str(explanation.kind), sentence, lines or None,
        is_of_whole=own or is_unread or explanation.kind in culprits.OF_THE_WHOLE,
        is_guess=culprit is not None and culprit.part is Part.LINE,
    )  # fmt: skip


def _main_account(posting: Posting) -> str:
    leg = posting.legs.first()
    main = plan_of(leg).main_account if leg else None
    return main.code if main else ""


def _named_lines(posting: Posting, culprit: Culprit) -> list[Line]:
    """The body lines that Exact's answer is about."""
    _, lines = precheck.body_of(posting)
    if culprit.part is Part.LINE:
        # The halves of an entry that was cut are cut on: had the number been right, they would not be refused.
        return [] if posting.split_from_id else lines[int(culprit.value) - 1 : int(culprit.value)]
    name, values = _as_sent(posting, culprit)
    return [line for line in lines if str(line.get(name) or "").strip() in values]


def _as_sent(posting: Posting, culprit: Culprit) -> tuple[str, set[str]]:
    """The property of a line, and what it holds for the code that Exact names."""
    of_division = {"division": posting.division_id, "code": culprit.value}
    match culprit.part:
        case Part.GL_ACCOUNT:
            return "GLAccount", set(LedgerAccount.objects.filter(**of_division).values_list("remote_id", flat=True))
        case Part.CUSTOMER:
            return "Account", set(DebtorAccount.objects.filter(**of_division).values_list("remote_id", flat=True))
        case _:
            return CODES[culprit.part], {culprit.value}


# --- What becomes of it -------------------------------------------------------------------------
def _settle(work: Work, flow: Flow, posting: Posting, objection: Objection) -> Posting | None:
    """Keep back what is at fault and let the rest go on. Returns the entry, when it was planned again without it."""
    records = _records(posting)
    guilty = _guilty(posting, records, objection.lines or ())
    suspects = [record for record in records if record[0].item_id in guilty]
    others = [record for record in records if record[0].item_id not in guilty]
    may_part = len(records) > 1 and not objection.is_of_whole
    is_money, was_sent = posting.document in MONEY, posting.state == PostingState.SENDING
    if flow.part and may_part and suspects and others and not (is_money and objection.is_guess):
        return _go_on_without(work, flow.part, posting, (suspects, others), objection)
    if flow.part and may_part and is_money and was_sent and (objection.is_guess or not suspects):
        parts = (suspects, others) if suspects and others else clearing.halves(records)
        _cut(work, flow.part, posting, parts, objection)
        return None
    entries.give_back(work, posting, kind=objection.kind, subject=objection.subject, sentence=objection.sentence)
    return None


def _records(posting: Posting) -> list[Record]:
    """The entry's legs by source record, in the order in which they were frozen."""
    records: dict[int, list[Leg]] = {}
    frozen = posting.legs.filter(state=LegState.POSTING).select_related("location").order_by("id")
    for leg in frozen:
        records.setdefault(leg.item_id, []).append(leg)
    return list(records.values())


def _guilty(posting: Posting, records: Iterable[Record], lines: Sequence[Line]) -> set[int]:
    """The items behind the lines. A money line opens with its leg's reference; a summary's line sums up many legs."""
    if posting.document == Document.SALES_ENTRY:
        keys = {_key(line) for line in lines}
        return {leg.item_id for record in records for leg in record if keys & _keys(leg)}
    texts = [line.get("Description", "") for line in lines]
    return {
        leg.item_id for record in records for leg in record if any(text.startswith(leg.reference) for text in texts)
    }


def _key(line: Line) -> tuple[str, ...]:
    return tuple(str(line.get(name) or "") for name in ("GLAccount", "VATCode", "CostCenter", "CostUnit"))


def _keys(leg: Leg) -> set[tuple[str, ...]]:
    return {(line.account.id, line.vat_code, line.cost_center, line.cost_unit) for line in plan_of(leg).lines}


def _go_on_without(
    work: Work, write: Writer, posting: Posting, parts: tuple[Sequence[Record], Sequence[Record]], objection: Objection
) -> Posting:
    """The same entry without the records at fault, under the same reference: nothing of it was booked. `parts`: what
    waits, what goes on.
    """
    out, legs, now = _legs(parts[0]), _legs(parts[1]), clock.now()
    plan = write(work, posting, legs, None)
    refusal = {"problem": objection.sentence, "problem_kind": objection.kind, "changed_at": now}
    anew = {
        **entries.frozen(plan), "problem": "", "problem_kind": "", "due_at": None, "missing_since": None,
        "looks_first": _looks_first(work, posting), "attempts": 0,
    }  # fmt: skip
    where = {"pk": posting.pk}
    outcome = Outcome(facts=[_fact(posting, "refused", problem=objection.sentence, digest=posting.digest)])
    outcome.moves.append(Move(Posting, where, PostingState(posting.state), PostingState.REFUSED, refusal))
    outcome.moves.append(Move(Posting, where, PostingState.REFUSED, PostingState.DRAFT, anew))
    outcome.facts.append(_fact(posting, "draft", legs=len(legs), without=len(out)))
    _keep_back(outcome, posting, out, objection)
    work.run.entries_refused += 1
    outcome.updates.append((work.run, ["entries_refused"]))
    engine.apply(outcome, grip=work.grip)
    return Posting.objects.select_related("division").get(pk=posting.pk)


def _legs(records: Iterable[Record]) -> list[Leg]:
    return [leg for record in records for leg in record]


def _keep_back(outcome: Outcome, posting: Posting, legs: Sequence[Leg], objection: Objection) -> None:
    """Legs that wait with the cause, free of the entry: replayed, they become a supplement."""
    where = {"pk__in": [leg.pk for leg in legs], "posting": posting.pk}
    changes = {**objection.problem, "posting": None}
    outcome.moves.append(Move(Leg, where, LegState.POSTING, LegState.REFUSED, changes, count=len(legs)))
    outcome.touched |= {leg.item_id for leg in legs}
    detail = {"entry": posting.reference, "problem": objection.sentence}
    outcome.facts += _leg_facts(posting, legs, LegState.REFUSED, detail)


def _cut(work: Work, write: Writer, posting: Posting, parts: Sequence[Sequence[Record]], objection: Objection) -> None:
    """Two entries in place of one that was refused, in one transaction."""
    following = Posting.objects.filter(lane=work.lane, document=posting.document, group=posting.group).count()
    outcome = Outcome()
    for ordinal, records in enumerate(parts, following):
        legs = _legs(records)
        _half(work, outcome, posting, legs, write(work, posting, legs, ordinal))
    changes = {"problem_kind": objection.kind, "problem": objection.sentence, "due_at": None, "changed_at": clock.now()}
    outcome.moves.append(Move(Posting, {"pk": posting.pk}, PostingState.SENDING, PostingState.SPLIT, changes))
    into = [row.reference for row in outcome.created if isinstance(row, Posting)]
    outcome.facts.append(_fact(posting, "split", problem=objection.sentence, digest=posting.digest, into=into))
    work.run.entries_planned += len(parts)
    work.run.entries_refused += 1
    outcome.updates.append((work.run, ["entries_planned", "entries_refused"]))
    engine.apply(outcome, grip=work.grip)


def _half(work: Work, outcome: Outcome, posting: Posting, legs: Sequence[Leg], plan: Draft) -> None:
    row = entries.row_of(work, plan)
    row.split_from, row.looks_first = posting, _looks_first(work, posting)
    outcome.created.append(row)
    where = {"pk__in": [leg.pk for leg in legs], "posting": posting.pk}
    outcome.moves.append(Move(Leg, where, LegState.POSTING, LegState.POSTING, {"posting": row}, count=len(legs)))
    detail = {"document": plan.document, "group": plan.group, "legs": len(legs), "half_of": posting.reference}
    code = posting.division.code
    outcome.facts.append(Fact("posting.draft", "posting", None, row.reference, row.reference, code, detail))
    outcome.facts += _leg_facts(posting, legs, LegState.POSTING, {"entry": row.reference})


def _looks_first(work: Work, posting: Posting) -> bool:
    """An earlier attempt without an answer was absent twice; a look more costs a call, a doubled entry more."""
    return work.lane.adopts or posting.looks_first or posting.attempts > 1


def _leg_facts(posting: Posting, legs: Sequence[Leg], state: LegState, detail: Mapping[str, Any]) -> list[Fact]:
    ids = [leg.pk for leg in legs]
    sources = dict(Leg.objects.filter(pk__in=ids).values_list("pk", "item__source_id"))
    code = posting.division.code
    return [Fact(f"leg.{state}", "leg", leg.pk, leg.reference, sources[leg.pk], code, detail) for leg in legs]


def _fact(posting: Posting, state: str, **detail: Any) -> Fact:
    code = posting.division.code
    return Fact(f"posting.{state}", "posting", posting.pk, posting.reference, posting.reference, code, detail)
