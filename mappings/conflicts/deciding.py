"""The decisions a person may take about what nobody has decided yet: choose, merge, create, set aside.

Each takes a row that still waits for a decision and stores it by a conditional update: of two people who decide at the
same moment the second is told by whom and what. Where four eyes are wanted nothing is stored but a proposal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from mappings import accepting, examples, foureyes, objections, profiles, soundness
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import CustomerMapping, DebtorAccount, Decision, GLMapping, ItemMapping, LedgerAccount, VatCode
from mappings.roles import Role
from mappings.signals import mapping_changed

Mapped = CustomerMapping | ItemMapping | GLMapping
TARGETS: dict[type[Any], str] = {CustomerMapping: "debtor", ItemMapping: "item", GLMapping: "account"}
OBJECTIONS = {
    CustomerMapping: objections.to_customer, ItemMapping: objections.to_item, GLMapping: objections.to_rule,
}  # fmt: skip
SOLVES = {
    CustomerMapping: (ProblemKind.UNMAPPED_CUSTOMER, ProblemKind.UNUSABLE),
    ItemMapping: (ProblemKind.UNMAPPED_ITEM,),
    GLMapping: (
        ProblemKind.UNMAPPED_ACCOUNT, ProblemKind.UNMAPPED_TAX, ProblemKind.AMBIGUOUS_TAX, ProblemKind.UNUSABLE,
    ),
}  # fmt: skip
# Nobody has decided, or what was decided is not carried out yet.
UNSETTLED = (*accepting.OPEN, Decision.CREATE)


class Verb(StrEnum):
    CHOOSE = "choose"
    MERGE = "merge"
    CREATE = "create"
    COLLECTIVE = "collective"
    IGNORE = "ignore"


BECOMES = {
    Verb.CHOOSE: Decision.MATCHED, Verb.MERGE: Decision.MATCHED, Verb.CREATE: Decision.CREATE,
    Verb.COLLECTIVE: Decision.IGNORED, Verb.IGNORE: Decision.IGNORED,
}  # fmt: skip


class Refused(Exception):
    """The decision cannot be taken; the sentence is for the person who asked."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants. `target`: the row of Exact; `since`: from which day on, the mapping's own day if None."""

    verb: Verb
    by: str
    reason: str
    target: Any = None
    since: date | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """`proposed`: how many wait for a second pair of eyes instead of counting. `facts`: what the trail is to say."""

    decided: int = 0
    proposed: int = 0
    facts: tuple[Fact, ...] = ()


def _together(done: Iterable[Done]) -> Done:
    """Their sum, with its facts written in one go."""
    each = list(done)
    facts = tuple(fact for one in each for fact in one.facts)
    trail.record(facts, at=clock.now())
    return Done(sum(one.decided for one in each), sum(one.proposed for one in each), facts)


def token(row: Mapped) -> str:
    """What a page shows of a row's standing, so that a decision is only taken on what its reader saw."""
    is_open = row.status in accepting.OPEN
    return "open" if is_open else f"{row.status} {row.decided_at.isoformat() if row.decided_at else ''}"


def target_of(row: Mapped) -> Any:
    return getattr(row, TARGETS[type(row)])


def said(row: Mapped) -> str:
    """What was decided of a row, as the end of 'Anna decided: ...'."""
    if row.status == Decision.MATCHED:
        return f"it is {target_of(row)} in Exact" if isinstance(row, ItemMapping) else f"it goes to {target_of(row)}"
    if row.status == Decision.CREATE:
        return "an account of its own is to be created in Exact"
    if row.status != Decision.IGNORED:
        return "nothing yet"
    if isinstance(row, CustomerMapping):
        return "it is booked on the collective debtor"
    return "orders name the lane's item for the rest" if isinstance(row, ItemMapping) else "the rule is not used"


def settled(row: Mapped) -> str:
    """'Anna decided: it goes to 1002 Jansen.', with her reason."""
    because = f" Reason: {row.reason}" if row.reason else ""
    return ended(f"{row.decided_by or 'Somebody'} decided: {said(row)}") + (ended(because) if because else "")


def ended(sentence: str) -> str:
    """With one full stop, also after 'Bos B.V.'."""
    return f"{sentence.removesuffix('.')}."


# --- What a row would become ---------------------------------------------------------------------
def fill(row: Mapped, wish: Wish) -> None:
    """Make the row what is wished for, without storing it. Raises `Refused`."""
    if wish.verb is Verb.CREATE:
        _can_be_created(row)
    if BECOMES[wish.verb] == Decision.MATCHED and wish.target is None:
        raise Refused("Choose one of the candidates, or search for another.")
    setattr(row, TARGETS[type(row)], wish.target)
    row.status, row.reason = BECOMES[wish.verb], wish.reason
    row.decided_by, row.decided_at = wish.by, clock.now()
    row.effective_from = wish.since or row.effective_from
    if isinstance(row, GLMapping) and isinstance(wish.target, LedgerAccount):
        _with_vat_code(row, wish.target)
    values = {name.name: getattr(row, name.name) for name in row._meta.concrete_fields if name.name != "id"}
    told = [sentence for _, sentence in OBJECTIONS[type(row)](values)]
    if told:
        raise Refused(" ".join(told))


def _can_be_created(row: Mapped) -> None:
    if not isinstance(row, CustomerMapping):
        raise Refused("Only customers are created in Exact from here; GL accounts and items are made there by hand.")
    if not profiles.name(row.square_profile):
        raise Refused(
            "Square tells no name of this customer, and an account in Exact needs one. Fill it in in Square; it is "
            "read again within a day. Or choose another way."
        )


def _with_vat_code(row: GLMapping, account: LedgerAccount) -> None:
    """The code that earlier lines on the account carry, else its default in Exact, else the one the rule has."""
    evidence: dict[str, Any] = next((one for one in row.candidates if one["id"] == account.remote_id), {})
    code = evidence.get("vat_code") or account.vat_code
    if Role(row.role).is_taxed and code:
        found = VatCode.objects.filter(division=row.division_id, code=code, gone_at=None, is_blocked=False).first()
        row.vat_code = found or row.vat_code
    if wrong := soundness.rule_trouble(row):
        raise Refused(f"{wrong[0].upper()}{wrong[1:]} in Exact.")
    if Role(row.role).is_taxed and row.vat_code is None:
        raise Refused(f"{account} has no VAT code in Exact, and this rule needs one: choose it on the rule's own page.")


# --- Deciding ------------------------------------------------------------------------------------
def decide(row: Mapped, wish: Wish, *, first_waiting: date | None = None) -> Done:
    """One row. Raises `Refused`, and then nothing is stored."""
    _from_the_first_day(wish.since, first_waiting)
    with transaction.atomic():
        done = _together([_one(row, wish, four_eyes=foureyes.are_wanted([row.division_id]))])
        _let_go_on([row])
    return done


def _from_the_first_day(since: date | None, first_waiting: date | None) -> None:
    if since and first_waiting and since > first_waiting:
        raise Refused(
            f"Records since {first_waiting:%-d %B %Y} wait for this, and those before {since:%-d %B %Y} would go on "
            f"waiting. Let it count from {first_waiting:%-d %B %Y} or earlier; a later change is a mapping of its own."
        )


def _one(row: Mapped, wish: Wish, *, four_eyes: bool) -> Done:
    was, decided_at, since = row.status, row.decided_at, row.effective_from
    if was not in UNSETTLED:
        raise Refused(f"{settled(row)} Nothing of yours was saved.")
    fill(row, wish)
    if since != row.effective_from:
        _valid(row)
    if isinstance(row, GLMapping) and row.status == Decision.MATCHED and (broken := examples.broken([row])):
        raise Refused(broken[0])
    if four_eyes:
        foureyes.propose(row, by=wish.by)
        return Done(proposed=1)
    _take(row, was, decided_at)
    return Done(decided=1, facts=(_fact(row, wish, status=[was, row.status], since=[since, row.effective_from]),))


def _valid(row: Mapped) -> None:
    try:
        row.full_clean()
    except ValidationError as problem:
        raise Refused(" ".join(problem.messages)) from problem


def _take(row: Mapped, was: str, decided_at: Any) -> None:
    """Store the decision if nobody was quicker."""
    names = (TARGETS[type(row)], *(("vat_code",) if isinstance(row, GLMapping) else ()), "status", "reason",
             "effective_from", "decided_by", "decided_at")  # fmt: skip
    rows: Any = type(row)._default_manager.filter(pk=row.pk)
    same = rows.filter(status__in=accepting.OPEN) if was in accepting.OPEN else rows.filter(
        status=was, decided_at=decided_at
    )  # fmt: skip
    if not same.update(**{name: getattr(row, name) for name in names}):
        raise Refused(f"{settled(rows.get())} Nothing of yours was saved.")


def _fact(row: Mapped, wish: Wish, *, status: list[str], since: list[date]) -> Fact:
    target = target_of(row)
    detail = {
        "verb": str(wish.verb), "status": status, "reason": wish.reason,
        **({TARGETS[type(row)]: target.code} if target else {}),
        **({"effective_from": [str(day) for day in since]} if since[0] != since[1] else {}), **wish.detail,
    }  # fmt: skip
    name = str(row._meta.model_name)
    return Fact(f"{name}.changed", name, row.pk, _label(row), division=row.division.code, detail=detail)


def _label(row: Mapped) -> str:
    """A customer by its id in Square: the trail names no persons."""
    return row.square_customer_id if isinstance(row, CustomerMapping) else str(row)


def _let_go_on(rows: Iterable[Mapped]) -> None:
    """What waited for these decisions is resolved again, once a division."""
    for model, division in {(type(row), row.division_id) for row in rows}:
        kinds = tuple(kind.value for kind in SOLVES[model])
        mapping_changed.send(sender=model, division_id=division, kinds=kinds)


def decide_each(pairs: Sequence[tuple[Mapped, Wish]]) -> tuple[Done, list[tuple[str, str]]]:
    """Many at once: what cannot be is named with its reason, and the others are decided all the same."""
    eyed = {division for division in {row.division_id for row, _ in pairs} if foureyes.are_wanted([division])}
    done: list[Done] = []
    taken: list[Mapped] = []
    refused: list[tuple[str, str]] = []
    with transaction.atomic():
        for row, wish in pairs:
            try:
                done.append(_one(row, wish, four_eyes=row.division_id in eyed))
            except Refused as why:
                refused.append((str(row), str(why)))
                continue
            taken.append(row)
        told = _together(done)
        _let_go_on(taken)
    return told, refused


# --- Several Square customers, one party ---------------------------------------------------------
def merge(
    row: CustomerMapping,
    wish: Wish,
    others: Sequence[CustomerMapping],
    doubles: Sequence[DebtorAccount],
    *,
    first_waiting: date | None = None,
) -> Done:
    """All of them on one Exact account in one decision; all or none. Raises `Refused`.

    Others that nobody has decided yet are decided as `row` is. Others that stand on another account keep what is booked
    and get a version of their own from today on. `doubles` are accounts that are the same party in Exact: they stay
    there, and are proposed for no customer any more.
    """
    _from_the_first_day(wish.since, first_waiting)
    if not others and not doubles:
        raise Refused("Tick who else is the same party. For this customer alone, choose the account.")
    together = Wish(
        wish.verb, wish.by, wish.reason, wish.target, detail={"merged_with": [one.square_customer_id for one in others]}
    )  # fmt: skip
    four_eyes = foureyes.are_wanted([row.division_id])
    mine = Wish(wish.verb, wish.by, wish.reason, wish.target, wish.since, together.detail)
    with transaction.atomic():
        done = [_one(row, mine, four_eyes=four_eyes)]
        done += [_other(other, together, four_eyes=four_eyes) for other in others]
        if not four_eyes:
            done.append(_doubled(wish, doubles))
        told = _together(done)
        _let_go_on([row])
    return told


def _other(row: CustomerMapping, wish: Wish, *, four_eyes: bool) -> Done:
    if row.status in UNSETTLED:
        try:
            return _one(row, wish, four_eyes=four_eyes)
        except Refused as why:
            raise Refused(f"{row}: {why}") from why
    if row.debtor_id == wish.target.pk:
        return Done()
    today = clock.now().date()
    version = CustomerMapping(
        division=row.division, merchant=row.merchant, square_customer_id=row.square_customer_id,
        square_name=row.square_name, square_profile=row.square_profile, square_read_at=row.square_read_at,
        effective_from=today,
    )  # fmt: skip
    fill(version, wish)
    _valid(version)
    if four_eyes:
        foureyes.propose(version, by=wish.by)
        return Done(proposed=1)
    version.save()
    former = row.debtor.code if row.debtor else ""
    detail = {"debtor": [former, wish.target.code], "reason": wish.reason, "effective_from": [None, str(today)]}
    fact = Fact("customermapping.added", "customermapping", version.pk, row.square_customer_id,
                division=row.division.code, detail={**detail, **wish.detail})  # fmt: skip
    return Done(decided=1, facts=(fact,))


def _doubled(wish: Wish, doubles: Sequence[DebtorAccount]) -> Done:
    ids = [double.pk for double in doubles if double.pk != wish.target.pk]
    DebtorAccount.objects.filter(pk__in=ids).update(same_as=wish.target)
    DebtorAccount.objects.filter(pk=wish.target.pk).update(same_as=None)
    facts = (
        Fact("debtoraccount.same_party", "debtoraccount", double.pk, double.code, division=double.division.code,
             detail={"same_as": wish.target.code, "reason": wish.reason})
        for double in doubles
        if double.pk in ids
    )  # fmt: skip
    return Done(facts=tuple(facts))
