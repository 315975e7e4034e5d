"""How far a record has come, step by step: what was done, when, by whom, with which result and ids.

The rows say how far it is, the audit trail who did it and by which rules; a step without a fact (facts are kept as long
as retention lets them) still says what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from audit.adminkit import admin_url, number
from audit.models import AuditEntry
from mappings.models import GLMapping
from sync.admin import shown
from sync.lifecycle import ItemState, LegState, PostingState
from sync.models import ItemEdit, Leg, Posting, SyncItem

DONE, WAITS, FAILED, DOUBT, NOT_YET = "done", "waits", "failed", "in doubt", "not yet"
TONES = {DONE: "good", WAITS: "wait", FAILED: "bad", DOUBT: "wait", NOT_YET: "quiet"}
MOST = 400
BOOKED = (PostingState.POSTED, PostingState.CONFIRMED, PostingState.REVERSED)
UNBOOKED_LEGS = (LegState.WAITING, LegState.READY, LegState.REFUSED)


@dataclass(frozen=True, slots=True)
class Step:
    """`told`: what came of it, in words; `id`: Square's or Exact's; `rules`: GL mappings it was decided by."""

    name: str
    result: str
    told: str = ""
    id: str = ""
    at: datetime | None = None
    who: str = ""
    rules: Sequence[tuple[int, str]] = ()

    @property
    def tone(self) -> str:
        return TONES[self.result]


def of(item: SyncItem, legs: Sequence[Leg], edit: ItemEdit | None) -> list[Step]:
    """From Square to the ledger; each entry that the record stands in has its own steps."""
    postings = {leg.posting.pk: leg.posting for leg in legs if leg.posting}
    trail = _Trail([item.source_id, *(posting.reference for posting in postings.values())])
    found = [_read(item, trail)]
    if edit:
        told = f"{edit.get_state_display()}: {edit.reason}"
        result = DONE if edit.state == "in_force" else WAITS if edit.state in ("proposed", "overtaken") else NOT_YET
        found.append(Step("Edited by a person", result, told, at=edit.proposed_at, who=edit.proposed_by))
    found.append(_worked_out(item, legs, trail))
    for posting in postings.values():
        found += _of_entry(posting, trail)
    if any(leg.posting is None and leg.state in UNBOOKED_LEGS for leg in legs):
        found.append(Step("Sent to Exact", NOT_YET, _why_not(item, legs)))
    return found


class _Trail:
    """The newest fact of each verb and source reference."""

    def __init__(self, sources: Iterable[str]) -> None:
        rows = AuditEntry.objects.filter(source__in=set(sources)).order_by("-id")[:MOST]
        self.facts: dict[tuple[str, str], AuditEntry] = {}
        self.rules: set[int] = set()
        for row in rows:
            self.facts.setdefault((row.source, row.verb), row)
            if row.verb in ("leg.ready", "leg.waiting"):
                self.rules |= set(row.detail.get("rules", ()))

    def fact(self, source: str, *verbs: str) -> AuditEntry | None:
        found = [self.facts[source, verb] for verb in verbs if (source, verb) in self.facts]
        return max(found, key=lambda row: row.pk, default=None)

    def told(self, source: str, *verbs: str) -> Mapping[str, Any]:
        """When, and by whom or by what."""
        row = self.fact(source, *verbs)
        return {"at": row.at, "who": _who(row)} if row else {}


def _who(row: AuditEntry) -> str:
    return row.trigger if row.actor == "tillbridge" else f"{row.actor}, {row.trigger}"


def _read(item: SyncItem, trail: _Trail) -> Step:
    told = trail.told(item.source_id, "item.extracted", "item.changed") or {"at": item.created_at}
    changed = date_format(timezone.localtime(item.source_updated_at), "j M Y H:i:s")
    return Step("Read from Square", DONE, f"as Square changed it {changed}", item.source_id, **told)


def _worked_out(item: SyncItem, legs: Sequence[Leg], trail: _Trail) -> Step:
    told = trail.told(item.source_id, "item.resolved", "item.waiting", "item.done", "item.dismissed")
    rules = _rules(legs, trail)
    if item.state == ItemState.EXTRACTED:
        return Step("Worked out", NOT_YET, "with the next run of its lane")
    if item.state == ItemState.DISMISSED:
        return Step("Worked out", DONE, f"dismissed: {item.dismissed_reason}", **told)
    if item.state == ItemState.WAITING and not any(leg.state == LegState.REFUSED for leg in legs):
        found = shown.remedy(item.problem_kind)
        return Step("Worked out", WAITS, found.title if found else "", rules=rules, **told)
    kinds = ", ".join(dict.fromkeys(leg.get_kind_display() for leg in legs if leg.state != LegState.DISMISSED))
    return Step("Worked out", DONE, kinds or "owes the books nothing", rules=rules, **told)


def _rules(legs: Sequence[Leg], trail: _Trail) -> list[tuple[int, str]]:
    stored = {line.get("rule") for leg in legs for line in leg.content.get("lines", ())}
    known = sorted({int(rule) for rule in stored | trail.rules if rule})
    return [(rule, admin_url(GLMapping, rule)) for rule in known]


def _of_entry(posting: Posting, trail: _Trail) -> Iterator[Step]:
    """Drafted, sent, booked, confirmed: as far as this entry has come."""
    state, own = PostingState(posting.state), posting.reference
    yield Step("Put into an entry", DONE, own, at=posting.created_at, **_only_who(trail, own, "posting.draft"))
    yield _sent(posting, state, trail)
    if state not in BOOKED and state is not PostingState.CONFLICT:
        yield Step("Booked in Exact", NOT_YET)
        return
    booked = trail.told(own, "posting.posted", "posting.conflict")
    found = f"entry number {posting.remote_number}" if posting.remote_number else ""
    if state is PostingState.CONFLICT:
        yield Step("Booked in Exact", DOUBT, posting.problem, posting.remote_id, **booked)
        return
    yield Step("Booked in Exact", DONE, found, posting.remote_id, **booked)
    if state is PostingState.POSTED:
        yield Step("Confirmed in the ledger", NOT_YET, posting.problem)
        return
    yield Step("Confirmed in the ledger", DONE, **trail.told(own, "posting.confirmed"))
    if state is PostingState.REVERSED:
        yield Step("Taken back", DONE, **trail.told(own, "posting.reversed", "posting.undone", "posting.part_undone"))


def _only_who(trail: _Trail, source: str, verb: str) -> dict[str, Any]:
    row = trail.fact(source, verb)
    return {"who": _who(row)} if row else {}


def _sent(posting: Posting, state: PostingState, trail: _Trail) -> Step:
    tries = f"{number(posting.attempts)} attempt{'' if posting.attempts == 1 else 's'}"
    who = _only_who(trail, posting.reference, "posting.sending")
    told = ". ".join(filter(None, (tries, posting.problem))) if state not in BOOKED else tries
    if state in (PostingState.REFUSED, PostingState.SPLIT):
        return Step("Sent to Exact", FAILED, told, at=posting.sent_at, **who)
    if state is PostingState.SENDING:
        return Step("Sent to Exact", DOUBT, told, at=posting.sent_at, **who)
    if state is PostingState.DRAFT:
        return Step("Sent to Exact", NOT_YET, told, at=posting.sent_at, **who)
    if posting.is_adopted:
        return Step("Sent to Exact", DONE, "it stood there already", at=posting.sent_at, **who)
    return Step("Sent to Exact", DONE, told, at=posting.sent_at, **who)


def _why_not(item: SyncItem, legs: Sequence[Leg]) -> str:
    ready = any(leg.state == LegState.READY for leg in legs)
    return (
        "with the entry of its day" if ready and item.state != ItemState.WAITING else "what is in the way comes first"
    )
