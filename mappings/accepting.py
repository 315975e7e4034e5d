"""Suggestions that are sure enough, accepted many at once: each is checked as if it were saved by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from audit import trail
from audit.adminkit import ConfirmedAction, Outcome
from audit.trail import Fact
from connections import clock
from mappings import examples, foureyes, soundness, suggestions
from mappings.models import CustomerMapping, DebtorAccount, Decision, GLMapping, LedgerAccount, VatCode
from mappings.roles import Role
from mappings.signals import mapping_changed

OPEN = (Decision.PROPOSED, Decision.CONFLICT)
UNSURE = f"no candidate has {suggestions.THRESHOLD // 10} % and leads clearly; decide on its page"
DECIDED = "somebody has decided already"
PROPOSED = "four eyes are wanted here: it is proposed, and counts once somebody else has approved it"


def best(row: Any) -> dict[str, Any] | None:
    """The candidate that may be accepted without a look, if there is one."""
    scores = [candidate.get("score", 0) for candidate in row.candidates]
    return row.candidates[0] if suggestions.clear(scores) else None


def fill_customer(row: CustomerMapping, chosen: dict[str, Any]) -> str:
    """Returns why it cannot be; "" when it was filled in."""
    row.debtor = DebtorAccount.objects.filter(division=row.division_id, remote_id=chosen["id"]).first()
    if row.debtor is None:
        return f"{chosen['code']} {chosen['name']} is no longer known"
    wrong = soundness.debtor_trouble(row.debtor)
    return f"{row.debtor} {wrong}" if wrong else ""


def fill_rule(row: GLMapping, chosen: dict[str, Any]) -> str:
    """With the VAT code that lines on the account carry, where the role needs one."""
    row.account = LedgerAccount.objects.filter(division=row.division_id, remote_id=chosen["id"]).first()
    if row.account is None:
        return f"{chosen['code']} {chosen['name']} is no longer known"
    if chosen.get("vat_code"):
        codes = VatCode.objects.filter(division=row.division_id, code=chosen["vat_code"], gone_at=None)
        row.vat_code = codes.first()
    row.status = Decision.MATCHED
    wrong = soundness.rule_trouble(row)
    if wrong:
        return wrong
    return "its VAT code must be chosen" if Role(row.role).is_taxed and row.vat_code is None else ""


def offered(row: GLMapping) -> list[tuple[dict[str, Any], LedgerAccount]]:
    """The accounts that are suggested for a rule, as far as they can still be used."""
    ids = [candidate["id"] for candidate in row.candidates]
    rows = LedgerAccount.objects.filter(division=row.division_id, remote_id__in=ids, gone_at=None, is_blocked=False)
    held = {account.remote_id: account for account in rows}
    return [(candidate, held[candidate["id"]]) for candidate in row.candidates if candidate["id"] in held]


def _accept(
    request: HttpRequest,
    rows: QuerySet[Any],
    reason: str,
    *,
    fill: Callable[[Any, dict[str, Any]], str],
    kinds: Sequence[str],
) -> Outcome:
    skipped: list[tuple[str, str]] = []
    divisions: set[int] = set()
    done = 0
    with transaction.atomic():
        for row in rows.select_for_update(of=("self",)):
            refused = _accept_one(row, fill, by=request.user.get_username(), reason=reason)
            if refused:
                skipped.append((str(row), refused))
            else:
                done += 1
                divisions.add(row.division_id)
        for division in sorted(divisions):
            mapping_changed.send(sender=rows.model, division_id=division, kinds=tuple(kinds))
    return Outcome(done=done, skipped=skipped)


def _accept_one(row: Any, fill: Callable[[Any, dict[str, Any]], str], *, by: str, reason: str) -> str:
    if row.status not in OPEN:
        return DECIDED
    was, chosen = row.status, best(row)
    if chosen is None:
        return UNSURE
    if wrong := fill(row, chosen):
        return wrong
    row.status, row.decided_by, row.decided_at = Decision.MATCHED, by, clock.now()
    evidence = f"{chosen['score'] // 10} %: {', '.join(map(suggestions.unnamed, chosen['agrees']))}"
    row.reason = f"{reason} ({evidence})" if reason else f"Suggestion accepted, {evidence}"
    if wrong := _objection(row, by=by):
        return wrong
    row.save()
    detail = {"status": [was, row.status], "account": chosen["code"], "score": chosen["score"], "reason": row.reason}
    name = str(row._meta.model_name)
    trail.record(
        [Fact(f"{name}.changed", name, row.pk, str(row), division=row.division.code, detail=detail)], at=row.decided_at
    )
    return ""


def _objection(row: Any, *, by: str) -> str:
    """What saving it by hand would say; where four eyes are wanted it is proposed instead."""
    try:
        row.full_clean()
    except ValidationError as problem:
        return " ".join(problem.messages)
    if broken := examples.broken([row]) if isinstance(row, GLMapping) else []:
        return broken[0]
    if foureyes.are_wanted([row.division_id]):
        foureyes.propose(row, by=by)
        return PROPOSED
    return ""


def preview(rows: QuerySet[Any]) -> Sequence[tuple[str, Any]]:
    """How many would be accepted, how many are left, and the first of them with what they would become."""
    found = [(row, best(row) if row.status in OPEN else None) for row in rows]
    sure = [(row, chosen) for row, chosen in found if chosen]
    return [
        ("accepted", len(sure)),
        ("left for a person", len(found) - len(sure)),
        *[
            (str(row), f"{chosen['code']} {chosen['name']}, {chosen['score'] // 10} %: {', '.join(chosen['agrees'])}")
            for row, chosen in sure[:20]
        ],
    ]


def action(
    *, permission: str, fill: Callable[[Any, dict[str, Any]], str], kinds: Sequence[str], noun: str
) -> ConfirmedAction:
    sure = suggestions.THRESHOLD // 10
    return ConfirmedAction(
        name="accept",
        label=f"Accept suggestions of {sure} % and more",
        explains=f"Decides each {noun} whose best candidate has {sure} % or more and leads the next clearly. The "
        "others stay as they are. What waited for a decision goes on.",
        permission=permission,
        run=lambda request, rows, reason: _accept(request, rows, reason, fill=fill, kinds=kinds),
        done="accepted",
        reversible="A later decision takes it back; what was booked by then is corrected by a plan.",
        applies=lambda row: row.status in OPEN and best(row) is not None,
        preview=preview,
    )
