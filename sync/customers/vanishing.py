"""Customers that Square deleted or merged: in no list, so each link is looked up by its id once a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Q

from audit.trail import Fact
from connections import clock
from connections.providers.square.payloads import Customer
from mappings import profiles
from mappings.models import CustomerMapping, DebtorAccount, Decision
from sync import engine
from sync.customers import holding
from sync.customers.reading import born, linked
from sync.engine import Outcome, Overtaken
from sync.flows.base import Work
from sync.lifecycle import LinkState
from sync.models import CustomerLink

LOOK_AGAIN = timedelta(hours=24)
CHUNK = 100


def look_up(work: Work) -> None:
    """Ask by id for those that are stale or were not asked for a day: who was deleted or merged is in no list."""
    due = Q(is_stale=True) | Q(looked_at__lte=clock.now() - LOOK_AGAIN)
    rows = CustomerLink.objects.filter(due, lane=work.lane).exclude(state__in=[LinkState.MERGED, LinkState.ENDED])
    while batch := list(rows.select_related("debtor").order_by("looked_at", "pk")[:CHUNK]):
        found = work.square.customers([link.square_id for link in batch])
        for link in batch:
            _met(work, link, found.get(link.square_id))
        work.breathe()


def _met(work: Work, link: CustomerLink, row: Mapping[str, Any] | None) -> None:
    customer = holding.read(row) if row else None
    outcome, now = Outcome(updates=[(work.run, ["records_changed"])]), clock.now()
    looked = {"looked_at": now, "is_stale": False}
    if customer and customer.id != link.square_id:
        return merge(work, link, customer)
    if customer:
        is_news = customer.version > link.square_version or link.is_stale
        changes = {**(holding.seen(customer) if is_news else {}), **looked}
        back = link.state == LinkState.GONE
        work.run.records_changed += changes.get("square", link.square) != link.square
        outcome.moves.append(holding.move(link, LinkState.PENDING if back else LinkState(link.state), changes, at=now))
    elif link.state == LinkState.GONE:
        outcome.moves.append(holding.move(link, LinkState.GONE, looked, at=now))
    else:
        sentence = (
            f"Deleted in Square. Exact account {link.debtor} stays as it is, and so does what was booked. If the "
            "customer comes back, it is kept in step again."
        )
        changes = {**looked, "sentence": sentence, "leads": False, "to_exact": False, "to_square": False}
        outcome.moves.append(holding.move(link, LinkState.GONE, changes, at=now))
        outcome.facts.append(holding.fact(work, "deleted", link))
    return _tried(work, outcome)


def _tried(work: Work, outcome: Outcome) -> None:
    try:
        engine.apply(outcome, grip=work.grip)
    except Overtaken:
        work.setbacks.append("Somebody decided about a customer meanwhile; it is looked at again with the next run.")


def merge(work: Work, link: CustomerLink, into: Customer) -> None:
    """Square made one profile of several. The old ids stay on what was paid; the new one takes the link's place.

    It is the account that the merged ones were. Were they several, a person says which: nothing is guessed.
    """
    lane, now = work.lane, clock.now()
    outcome = Outcome()
    over = {
        "merged_into": into.id, "leads": False, "to_exact": False, "to_square": False, "looked_at": now,
        "is_stale": False, "sentence": f"Square merged it into {profiles.name(profiles.of(into)) or into.id}.",
    }  # fmt: skip
    outcome.moves.append(holding.move(link, LinkState.MERGED, over, at=now))
    outcome.facts.append(holding.fact(work, "merged", link, into=into.id))
    mapping = _mapping_of(work, into)
    if mapping is None:
        outcome.created.append(_mapped_like(work, link, into))
    elif mapping.status == Decision.PROPOSED:  # nobody has decided: the merged ones say who it is
        mapping.status, mapping.debtor, mapping.reason = Decision.MATCHED, link.debtor, _because(link)
        outcome.updates.append((mapping, ["status", "debtor", "reason"]))
    elif mapping.debtor_id != link.debtor_id and mapping.status == Decision.MATCHED and mapping.decided_by == "":
        outcome.updates.append((_in_conflict(mapping, link.debtor), ["status", "candidates", "reason", "debtor"]))
    status = mapping.status if mapping else Decision.MATCHED
    detail = {"status": str(status), "merged": link.square_id}
    outcome.facts.append(
        Fact("customermapping.changed" if mapping else "customermapping.added", "customermapping",
             mapping.pk if mapping else None, into.id, into.id, lane.division.code, detail)
    )  # fmt: skip
    is_new = into.id not in linked(work, [into.id])
    if is_new and (mapping is None or mapping.debtor_id == link.debtor_id):
        outcome.created.append(
            CustomerLink(
                lane=lane, division=lane.division, merchant=lane.source, square_id=into.id, debtor=link.debtor,
                base=link.base, terms="", contact_id=link.contact_id, looked_at=now, changed_at=now,
                **holding.seen(into),
            )
        )  # fmt: skip
    _tried(work, outcome)


def _mapping_of(work: Work, customer: Customer) -> CustomerMapping | None:
    rows = CustomerMapping.objects.filter(
        division=work.lane.division, merchant=work.lane.source, square_customer_id=customer.id
    )
    return rows.select_related("debtor").order_by("-effective_from").first()


def _because(link: CustomerLink) -> str:
    return f"Square merged {link} into it."


def _mapped_like(work: Work, link: CustomerLink, into: Customer) -> CustomerMapping:
    return CustomerMapping(
        division=work.lane.division, merchant=work.lane.source, square_customer_id=into.id,
        square_name=profiles.name(profiles.of(into))[: holding.NAME_LENGTH], status=Decision.MATCHED,
        debtor=link.debtor, square_profile=profiles.of(into), square_read_at=clock.now(), effective_from=born(into),
        reason=_because(link), decided_at=clock.now(),
    )  # fmt: skip


def _in_conflict(mapping: CustomerMapping, other: DebtorAccount) -> CustomerMapping:
    both = [row for row in (mapping.debtor, other) if row]
    mapping.candidates = [
        {"id": row.remote_id, "code": row.code, "name": row.name, "score": 0, "percent": 0, "agrees": ["merged"],
         "differs": []} for row in both
    ]  # fmt: skip
    names = " and ".join(str(row) for row in both)
    mapping.reason = f"Square merged customers that were {names}. Choose the account it is; what waited then goes on."
    mapping.status, mapping.debtor = Decision.CONFLICT, None
    return mapping
