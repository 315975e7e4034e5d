"""What is to become of each customer: judged again only when something that decides has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connections import clock
from mappings import soundness
from mappings.customers import fields, merging, sides
from mappings.customers.fields import OF_ACCOUNT, Field, Value
from mappings.customers.merging import Owner, Pair, Rules, Standing, Verdict
from mappings.customers.sides import Held, Unfit
from sync import engine
from sync.customers import holding
from sync.engine import Outcome, Overtaken
from sync.flows.base import Work
from sync.lifecycle import LIVE, LinkState
from sync.models import CustomerLink

CHUNK = 200
Changes = dict[str, Any]


@dataclass(slots=True)
class Judged:
    """`to_exact` and `to_square`: field -> the value to send; `exact_body` and `square_body` what it becomes there."""

    to_exact: dict[Field, Value] = field(default_factory=dict)
    to_square: dict[Field, Value] = field(default_factory=dict)
    exact_body: Changes = field(default_factory=dict)
    square_body: Changes = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    conflicts: dict[str, Any] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)

    @property
    def state(self) -> LinkState:
        if self.conflicts:
            return LinkState.CONFLICT
        if self.sentences:
            return LinkState.WAITING
        return LinkState.PENDING if self.to_exact or self.to_square else LinkState.IN_STEP

    @property
    def sentence(self) -> str:
        if not self.conflicts:
            return " ".join(self.sentences)
        names = holding.named([Field(name) for name in self.conflicts])
        told = f"Changed in Square and in Exact: {names}. Neither is sent until somebody chooses; other fields go on."
        return " ".join([told, *self.sentences])


def judge(link: CustomerLink, rules: Rules) -> Judged:
    """Of one customer, by what both sides hold now. Pure, but for reading the link."""
    found = Judged(base=dict(link.base), chosen={}, conflicts={})
    square, exact = holding.squares(link), holding.exacts(link)
    for name in OF_ACCOUNT:
        here, there = square.get(name, ()), exact[name]
        base, chosen = holding.base_of(link, name), holding.chosen_of(link, name)
        verdict = merging.merge(name, here, there, rules=rules, base=base, chosen=chosen)
        _weigh(found, name, verdict, Pair(here, there), base)
        if chosen and verdict.standing in {Standing.TO_BOTH, Standing.TO_EXACT, Standing.TO_SQUARE}:
            found.chosen[name.value] = link.chosen[name.value]
    _bodies(found, link, square, exact, rules)
    if contact := link.conflicts.get(Field.CONTACT):
        found.conflicts[Field.CONTACT.value] = contact
    return found


def _weigh(found: Judged, name: Field, verdict: Verdict, now: Pair, base: Pair | None) -> None:
    if verdict.standing is Standing.AGREED:
        found.base[name.value] = holding.stored(now)
    if verdict.standing is Standing.CONFLICT:
        known = base.square if base and base.square is not None else base.exact if base else None
        found.conflicts[name.value] = {
            "square": list(now.square or ()), "exact": list(now.exact or ()), "base": list(known or ()),
        }  # fmt: skip
    if verdict.to_exact is not None:
        found.to_exact[name] = verdict.to_exact
    if verdict.to_square is not None:
        found.to_square[name] = verdict.to_square


def _bodies(
    found: Judged, link: CustomerLink, square: Mapping[Field, Value], exact: Mapping[Field, Value], rules: Rules
) -> None:
    """A field that a side does not take waits with its sentence; the others go on."""
    for name, value in list(found.to_exact.items()):
        try:
            found.exact_body |= sides.for_exact(name, value, Held(exact[name]), home=rules.home)
        except Unfit as refusal:
            del found.to_exact[name]
            found.sentences.append(str(refusal))
    for name, value in list(found.to_square.items()):
        held = Held(square.get(name, ()), link.is_company)
        try:
            found.square_body |= sides.for_square(name, value, held, home=rules.home)
        except Unfit as refusal:
            del found.to_square[name]
            found.sentences.append(str(refusal))
    if found.to_exact and (obstacle := _obstacle(link)):
        found.sentences.insert(0, f"{obstacle} Not sent: {holding.named(list(found.to_exact))}.")
        found.to_exact, found.exact_body = {}, {}


def _obstacle(link: CustomerLink) -> str:
    debtor = link.debtor
    if debtor.gone_at:
        return (
            f"Exact account {debtor} was deleted, or is no customer any more. Map the customer to another account, or "
            "put it right in Exact."
        )
    if debtor.is_supplier:
        return f"Exact account {debtor} is a supplier too, and suppliers are never written from Square's data."
    if wrong := soundness.debtor_trouble(debtor):
        return f"Exact account {debtor} {wrong}."
    return ""


def compare(work: Work) -> None:
    """Judge every link of which something that decides has changed; what is settled by that is settled at once."""
    rules = holding.rules_of(holding.policy_of(work.lane))
    for batch in _batches(work):
        fresh = [link for link in batch if holding.digest(link, rules) != link.judged]
        settle(work, fresh, rules)
        work.breathe()


def compare_again(work: Work) -> None:
    """Those that turned out to have changed while the others were written."""
    rules = holding.rules_of(holding.policy_of(work.lane))
    for batch in _batches(work, judged=""):
        settle(work, batch, rules)
        work.breathe()


def _batches(work: Work, **which: str) -> Iterator[list[CustomerLink]]:
    """In memory a few hundred at a time, however many there are."""
    rows = CustomerLink.objects.filter(lane=work.lane, leads=True, state__in=LIVE, **which).select_related("debtor")
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield batch
        last = batch[-1].pk


def settle(work: Work, links: Iterable[CustomerLink], rules: Rules) -> None:
    outcome, now = Outcome(), clock.now()
    for link in links:
        found = judge(link, rules)
        state, changes = verdict_columns(link, found, rules, now=now)
        if state == LinkState.CONFLICT and link.conflicts != found.conflicts:
            outcome.facts.append(holding.fact(work, "conflict", link, fields=sorted(found.conflicts)))
        elif state == LinkState.WAITING and link.sentence != found.sentence:
            outcome.facts.append(holding.fact(work, "waiting", link))
        outcome.moves.append(holding.move(link, state, changes, at=now))
    if not outcome.moves:
        return
    try:
        engine.apply(outcome, grip=work.grip)
    except Overtaken:
        work.setbacks.append("Somebody decided about a customer meanwhile; it is judged again with the next run.")


def verdict_columns(link: CustomerLink, found: Judged, rules: Rules, *, now: Any) -> tuple[LinkState, Changes]:
    """The columns of a judgement, with the digest of what it was made of."""
    changes: Changes = {
        "base": found.base, "chosen": found.chosen, "conflicts": found.conflicts, "sentence": found.sentence,
        "to_exact": bool(found.exact_body), "to_square": bool(found.square_body),
        "contact_due": link.contact_due or _contact_is_due(link, rules, found),
    }  # fmt: skip
    if found.state == LinkState.IN_STEP:
        changes["synced_at"] = now
    judged = CustomerLink(**{**_as_columns(link), **{name: changes[name] for name in ("base", "chosen")}})
    judged.debtor = link.debtor
    changes["judged"] = holding.digest(judged, rules)
    return found.state, changes


def _as_columns(link: CustomerLink) -> Changes:
    return {"square": link.square, "leads": link.leads, "is_stale": link.is_stale}


def _contact_is_due(link: CustomerLink, rules: Rules, found: Judged) -> bool:
    """A contact that stands in Exact is left alone until Square's person changes."""
    if rules.owner(Field.CONTACT) is not Owner.SQUARE or rules.direction is merging.Direction.TO_SQUARE:
        return False
    person = holding.squares(link).get(Field.CONTACT, ())
    base = holding.base_of(link, Field.CONTACT)
    if base is None:
        found.base[Field.CONTACT.value] = holding.stored(Pair(person, None))
        return False
    return bool(person) and all(person) and not fields.same(Field.CONTACT, person, base.square or (), home="")
