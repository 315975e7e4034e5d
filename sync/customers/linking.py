"""Which Square customer is which account: as finance decided, one leading each account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError

from connections import clock
from mappings.models import CustomerMapping, Decision
from sync import engine
from sync.customers import holding
from sync.customers.reading import linked
from sync.engine import Outcome
from sync.flows.base import Work
from sync.lifecycle import LinkState
from sync.models import CustomerLink

CHUNK = 100
NOT_THERE = "Square knows no customer by this id. The mapping stays; correct it if the id is wrong."


def link_mapped(work: Work) -> None:
    """One link for each customer that finance has matched to an account; none any more for the others."""
    wanted = _matched(work)
    links = CustomerLink.objects.filter(division=work.lane.division, merchant=work.lane.source)
    held = {row[0]: row[1:] for row in links.values_list("square_id", "debtor_id", "state").iterator(2_000)}
    strangers = sorted(wanted.keys() - held.keys())
    for start in range(0, len(strangers), CHUNK):
        _begin(work, {key: wanted[key] for key in strangers[start : start + CHUNK]})
        work.breathe()
    over = (LinkState.MERGED.value, LinkState.ENDED.value, LinkState.GONE.value)
    changed = [
        key for key, (debtor, state) in held.items()
        if (state not in over and wanted.get(key) != debtor) or (state == LinkState.ENDED and key in wanted)
    ]  # fmt: skip
    for start in range(0, len(changed), CHUNK):
        _follow(work, changed[start : start + CHUNK], wanted)


def _matched(work: Work) -> dict[str, int]:
    """Square id -> Exact account, by the newest decision that counts today."""
    rows = CustomerMapping.objects.filter(
        division=work.lane.division, merchant=work.lane.source, effective_from__lte=clock.now().date()
    ).order_by("effective_from")
    found: dict[str, int | None] = {}
    for key, status, debtor in rows.values_list("square_customer_id", "status", "debtor_id").iterator(2_000):
        found[key] = debtor if status == Decision.MATCHED else None
    return {key: debtor for key, debtor in found.items() if debtor}


def _begin(work: Work, wanted: Mapping[str, int]) -> None:
    """New links, with what Square holds. Who was merged is followed by the next look; who is not there waits."""
    outcome, now = Outcome(), clock.now()
    found = work.square.customers(list(wanted))
    for asked, debtor in wanted.items():
        customer = holding.read(found[asked]) if asked in found else None
        is_there = customer is not None and customer.id == asked
        link = CustomerLink(
            lane=work.lane, division=work.lane.division, merchant=work.lane.source, square_id=asked, debtor_id=debtor,
            state=LinkState.PENDING if is_there else LinkState.GONE, sentence="" if is_there else NOT_THERE,
            looked_at=now, changed_at=now, **(holding.seen(customer) if customer else {}),
        )  # fmt: skip
        link.is_stale = customer is not None and not is_there
        outcome.created.append(link)
        outcome.facts.append(holding.fact(work, "linked", link))
    try:
        engine.apply(outcome, grip=work.grip)
    except IntegrityError:  # another lane of the division has just linked one of them
        work.setbacks.append("Customers were linked by another lane meanwhile; they are looked at with the next run.")


def _follow(work: Work, keys: Sequence[str], wanted: Mapping[str, int]) -> None:
    """A mapping was decided otherwise: the link begins anew with the other account, or ends."""
    outcome, now = Outcome(), clock.now()
    fresh: dict[str, Any] = {
        "base": {}, "chosen": {}, "conflicts": {}, "leads": False, "to_exact": False, "to_square": False, "judged": "",
        "contact_id": "", "contact_due": False, "sentence": "", "is_stale": True,
    }  # fmt: skip
    for link in linked(work, keys).values():
        debtor = wanted.get(link.square_id)
        after = LinkState.PENDING if debtor else LinkState.ENDED
        changes = {**fresh, "debtor_id": debtor} if debtor else {**fresh, "sentence": "It is no longer mapped."}
        outcome.moves.append(holding.move(link, after, changes, at=now))
        outcome.facts.append(holding.fact(work, "relinked" if debtor else "unlinked", link))
    engine.apply(outcome, grip=work.grip)


def appoint(work: Work) -> None:
    """Of the customers that are one account, the one that leads. With several and no leader a person says which."""
    live = [state.value for state in LinkState if state not in {LinkState.MERGED, LinkState.GONE, LinkState.ENDED}]
    rows = CustomerLink.objects.filter(division=work.lane.division, state__in=live)
    held: dict[int, list[tuple[int, bool]]] = {}
    for pk, debtor, leads in rows.values_list("pk", "debtor_id", "leads").iterator(2_000):
        held.setdefault(debtor, []).append((pk, leads))
    alone = [pk for found in held.values() if len(found) == 1 for pk, leads in found if not leads]
    shared = [pk for found in held.values() if len(found) > 1 for pk, leads in found if not leads]
    for start in range(0, len(alone), CHUNK):
        _lead(work, alone[start : start + CHUNK])
    _share(work, shared)


def _lead(work: Work, keys: Sequence[int]) -> None:
    outcome, now = Outcome(), clock.now()
    for link in CustomerLink.objects.filter(pk__in=keys, lane=work.lane).select_related("debtor"):
        outcome.moves.append(holding.move(link, LinkState.PENDING, {"leads": True, "sentence": ""}, at=now))
    engine.apply(outcome, grip=work.grip)


def _share(work: Work, keys: Sequence[int]) -> None:
    outcome, now = Outcome(), clock.now()
    rows = CustomerLink.objects.filter(pk__in=keys, lane=work.lane).exclude(state=LinkState.SHARED)
    for link in rows.select_related("debtor"):
        others = CustomerLink.objects.filter(division=link.division_id, debtor=link.debtor_id).exclude(pk=link.pk)
        names = ", ".join(f"{other} ({other.square_id})" for other in others[:3])
        sentence = (
            f"{names} is Exact account {link.debtor} too. Only one Square customer can be kept in step with one: "
            "say which leads, or map this one elsewhere. Nothing of it is sent until then."
        )
        changes = {"sentence": sentence, "to_exact": False, "to_square": False, "judged": ""}
        outcome.moves.append(holding.move(link, LinkState.SHARED, changes, at=now))
        outcome.facts.append(holding.fact(work, "shared", link))
    if outcome.moves:
        engine.apply(outcome, grip=work.grip)
