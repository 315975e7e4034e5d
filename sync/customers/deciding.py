"""What a person decides about a customer: whose value counts where both sides changed, and who leads an account.

Nothing is sent here. A decision is stored with who made it and why, and the lane's next run carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from audit.trail import Fact
from connections import clock
from mappings.customers import merging, sides
from mappings.customers.fields import ADDRESS_PARTS, WORDS, Field, Value
from mappings.customers.merging import Chosen, Pair
from mappings.customers.sides import Held, Unfit
from sync import actions, engine
from sync.actions import Impossible, Tally
from sync.customers import holding
from sync.engine import Outcome, Overtaken
from sync.lifecycle import LinkState
from sync.models import CustomerLink

SQUARE, EXACT, OWN = "square", "exact", "own"
TAKES = (SQUARE, EXACT, OWN)
CHANGED = "somebody changed it while you were looking; look at it again"


def resolve(link: CustomerLink, field: Field, *, take: str, reason: str, by: str, value: Value = ()) -> None:
    """Decide a conflict of one field: Square's value, Exact's, or `value` for both. Raises `Impossible`."""
    if not reason.strip():
        raise Impossible("Say why: a colleague will want to know which value was right, and how you knew.")
    held = link.conflicts.get(field)
    if held is None:
        raise Impossible(f"The {WORDS[field]} is in conflict no more. Look at the customer again.")
    if take not in TAKES or (take == OWN and field is Field.CONTACT):
        raise Impossible("Choose Square's value or Exact's.")
    square, exact = tuple(held["square"]), tuple(held["exact"])
    changes = _own(link, field, Chosen(value, square, exact)) if take == OWN else _taken(link, field, take, held)
    conflicts = {name: one for name, one in link.conflicts.items() if name != field}
    _decided(link, {**changes, "conflicts": conflicts}, by=by, verb="resolved", fields=[field.value], take=take,
             reason=reason.strip())  # fmt: skip


def _taken(link: CustomerLink, field: Field, take: str, held: dict[str, Any]) -> dict[str, Any]:
    """The other side's value counts as heard: only the one that was taken is news."""
    square, exact = tuple(held["square"]), tuple(held["exact"])
    if field is Field.CONTACT:
        pair = merging.take_square(exact) if take == SQUARE else Pair(square, exact)
        return {"base": {**link.base, field.value: holding.stored(pair)}, "contact_due": take == SQUARE}
    pair = merging.take_square(exact) if take == SQUARE else merging.take_exact(square)
    return {"base": {**link.base, field.value: holding.stored(pair)}}


def _own(link: CustomerLink, field: Field, chosen: Chosen) -> dict[str, Any]:
    home = link.division.country
    try:
        sides.for_exact(field, chosen.value, Held(), home=home)
        sides.for_square(field, chosen.value, Held(is_company=link.is_company), home=home)
    except Unfit as refusal:
        raise Impossible(str(refusal)) from None
    stored = [list(value) for value in (chosen.value, chosen.square, chosen.exact)]
    return {"chosen": {**link.chosen, field.value: stored}}


def own_value(field: Field, texts: Sequence[str]) -> Value:
    """From a form: the five parts of an address, one text for every other field."""
    parts = [" ".join(text.split()) for text in texts]
    if field is Field.ADDRESS:
        parts = (parts + [""] * len(ADDRESS_PARTS))[: len(ADDRESS_PARTS)]
        return (*parts[:-1], parts[-1].upper()) if any(parts[:-1]) else ()
    return (parts[0],) if parts and parts[0] else ()


def resolve_all(links: Iterable[CustomerLink], *, take: str, reason: str, by: str) -> Tally:
    """Every conflict of each: Square's value or Exact's."""
    return _each(links, lambda link: _resolve_all(link, take, reason, by), by=by)


def _resolve_all(link: CustomerLink, take: str, reason: str, by: str) -> str:
    if link.state != LinkState.CONFLICT or not link.conflicts:
        return "it is in no conflict"
    names = sorted(link.conflicts)
    changes: dict[str, Any] = {"base": link.base}
    for name in names:
        found = _taken(link, Field(name), take, link.conflicts[name])
        changes |= {**found, "base": {**changes["base"], name: found["base"][name]}}
    _decided(link, {**changes, "conflicts": {}}, by=by, verb="resolved", fields=names, take=take, reason=reason)
    return ""


def lead(links: Iterable[CustomerLink], *, reason: str, by: str) -> Tally:
    """Of several Square customers that are one account, this is the one that is kept in step with it."""
    return _each(links, lambda link: _lead(link, reason, by), by=by)


def _lead(link: CustomerLink, reason: str, by: str) -> str:
    if link.state != LinkState.SHARED:
        return "it shares its account with no other customer"
    leader = CustomerLink.objects.filter(division=link.division_id, debtor=link.debtor_id, leads=True).first()
    outcome = Outcome()
    if leader:
        sentence = f"{link} leads Exact account {link.debtor} now. Nothing of this one is sent."
        step_back = {"leads": False, "sentence": sentence, "to_exact": False, "to_square": False, "judged": ""}
        outcome.moves.append(holding.move(leader, LinkState.SHARED, step_back, at=clock.now()))
    # What both agreed on with another customer is no agreement with this one.
    fresh = {"leads": True, "sentence": "", "base": {}, "chosen": {}, "judged": ""}
    _decided(link, fresh, by=by, verb="leads", after=LinkState.PENDING, outcome=outcome, reason=reason)
    return ""


def look_again(links: Iterable[CustomerLink], *, by: str) -> Tally:
    """Read at Square again and judged anew, also where a side had refused."""
    return _each(links, lambda link: _look_again(link, by), by=by)


def _look_again(link: CustomerLink, by: str) -> str:
    if link.state in {LinkState.MERGED, LinkState.ENDED}:
        return f"it is {link.get_state_display()}"
    _decided(link, {"is_stale": True, "judged": ""}, by=by, verb="looked_again")
    return ""


def _decided(
    link: CustomerLink, changes: dict[str, Any], *, by: str, verb: str, after: LinkState | None = None,
    outcome: Outcome | None = None, **detail: Any,
) -> None:  # fmt: skip
    """Raises `Overtaken` when the link is not as it was read."""
    outcome = outcome or Outcome()
    state = LinkState(link.state)
    after = after or (LinkState.PENDING if state is LinkState.CONFLICT and not changes.get("conflicts") else state)
    told = {"sentence": ""} if after is LinkState.PENDING else {}
    outcome.moves.append(holding.move(link, after, {"judged": "", **told, **changes}, at=clock.now()))
    outcome.facts.append(
        Fact(f"customer.{verb}", "customerlink", link.pk, link.square_id, link.square_id, link.division.code,
             {"by": by, **detail})
    )  # fmt: skip
    engine.apply(outcome, grip=None)


def _each(links: Iterable[CustomerLink], act: Callable[[CustomerLink], str], *, by: str) -> Tally:
    tally, lanes = Tally(), {}
    for link in links:
        try:
            refusal = act(link)
        except Overtaken:
            refusal = CHANGED
        if refusal:
            tally.skip(link, refusal)
            continue
        tally.done += 1
        lanes[link.lane_id] = link.lane
    for lane in lanes.values():
        ring(lane, by=by, tally=tally)
    return tally


def ring(lane: Any, *, by: str, tally: Tally | None = None) -> str:
    """Open the lane, so that what was decided is carried out. Returns why it does not run now, if it does not."""
    try:
        actions.run_now(lane, by=by)
    except Impossible as standing:
        if tally:
            tally.skip(lane, f"what you decided is kept, but it does not run now: {standing}")
        return str(standing)
    return ""
