"""The person at a company, kept as a contact of its account: read only when Square's person changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connections import clock
from connections.providers.errors import Refused
from connections.providers.exact import customers
from connections.providers.exact.customers import Contact
from mappings.customers import fields, merging, sides
from mappings.customers.fields import NOTHING, Field, Value
from mappings.customers.merging import Owner, Pair, Rules, Standing
from mappings.customers.sides import Unfit
from sync import engine
from sync.customers import holding
from sync.engine import Outcome, Overtaken
from sync.flows.base import Work
from sync.lifecycle import LIVE, LinkState
from sync.models import CustomerLink

CHUNK = 50


def write_due(work: Work) -> None:
    """Each is looked up first, so that a contact whose answer was lost is found and not made twice."""
    last = 0
    rows = CustomerLink.objects.filter(lane=work.lane, leads=True, state__in=LIVE, contact_due=True)
    while batch := list(rows.filter(pk__gt=last).select_related("debtor").order_by("pk")[:CHUNK]):
        for link in batch:
            _write(work, link)
            work.breathe()
        last = batch[-1].pk


def _write(work: Work, link: CustomerLink) -> None:
    person = holding.squares(link).get(Field.CONTACT, NOTHING)
    if link.debtor.gone_at or link.debtor.is_supplier:
        return _kept(work, link, {"contact_due": False})
    base = holding.base_of(link, Field.CONTACT)
    try:
        names = sides.contact(person)
        found = _found(link, base, customers.contacts_of(work.exact, link.debtor.remote_id), person)
        held = fields.contact(found.first_name, found.last_name) if found else NOTHING
        rules = Rules({Field.CONTACT: Owner.BOTH})
        known = base if found and base and base.exact is not None else Pair(None, held)
        if merging.merge(Field.CONTACT, person, held, rules=rules, base=known).standing is Standing.CONFLICT:
            return _conflict(work, link, person, held, base)
        return _sent(work, link, person, _send(work, link, found, held, names))
    except (Refused, Unfit) as refusal:
        sentence = refusal.sentence if isinstance(refusal, Refused) else str(refusal)
        told = f"The contact was not sent: {sentence}"
        return _kept(work, link, {"contact_due": False, "sentence": told}, state=_at_worst(link, LinkState.WAITING))


def _found(link: CustomerLink, base: Pair | None, contacts: Sequence[Contact], person: Value) -> Contact | None:
    """The one we wrote, else the one with this name, or with the name that Square's person had before."""
    by_id = {contact.id: contact for contact in contacts}
    if link.contact_id in by_id:
        return by_id[link.contact_id]
    named = {fields.contact(contact.first_name, contact.last_name): contact for contact in contacts}
    before = (base.square or NOTHING) if base else NOTHING
    return named.get(person) or named.get(before)


def _send(work: Work, link: CustomerLink, found: Contact | None, held: Value, names: dict[str, Any]) -> str:
    if found is None:
        values = holding.squares(link)
        reach = {"Email": Field.EMAIL, "Phone": Field.PHONE}
        more = {name: values[field][0] for name, field in reach.items() if values.get(field)}
        return customers.create_contact(work.exact, link.debtor.remote_id, {**names, **more}).id
    person = tuple(names[name] for name in ("FirstName", "LastName"))
    if person != held:
        changed = zip(names.items(), held, strict=True)
        changes = {name: text for (name, text), before in changed if text != before}
        customers.change_contact(work.exact, found.id, changes)
    return found.id


def _sent(work: Work, link: CustomerLink, person: Value, contact_id: str) -> None:
    base = {**link.base, Field.CONTACT.value: holding.stored(Pair(person, person))}
    conflicts = {name: held for name, held in link.conflicts.items() if name != Field.CONTACT}
    changes = {"contact_due": False, "contact_id": contact_id, "base": base, "conflicts": conflicts, "judged": ""}
    work.run.sent_to_exact += 1
    _kept(work, link, changes, verb="sent_to_exact")


def _conflict(work: Work, link: CustomerLink, person: Value, held: Value, base: Pair | None) -> None:
    before = list((base.square if base else None) or ())
    conflicts = {**link.conflicts, Field.CONTACT.value: {"square": list(person), "exact": list(held), "base": before}}
    sentence = "Changed in Square and in Exact: contact. Neither is sent until somebody chooses."
    changes = {"contact_due": False, "conflicts": conflicts, "sentence": sentence}
    _kept(work, link, changes, state=LinkState.CONFLICT, verb="conflict")


def _at_worst(link: CustomerLink, state: LinkState) -> LinkState:
    return LinkState.CONFLICT if link.state == LinkState.CONFLICT else state


def _kept(
    work: Work, link: CustomerLink, changes: dict[str, Any], *, state: LinkState | None = None, verb: str = ""
) -> None:
    outcome = Outcome(updates=[(work.run, ["sent_to_exact"])])
    if verb:
        outcome.facts.append(holding.fact(work, verb, link, fields=[Field.CONTACT.value]))
    outcome.moves.append(holding.move(link, state or LinkState(link.state), changes, at=clock.now()))
    try:
        engine.apply(outcome, grip=work.grip)
    except Overtaken:
        work.setbacks.append("Somebody decided about a customer meanwhile; it is looked at again with the next run.")
