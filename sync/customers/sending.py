"""What is to be sent: to Exact one call a customer with what changed, to Square a hundred customers a call.

Right before a batch goes to Exact its changes are asked once more, since Exact has no versions to write against:
whoever edits meanwhile makes a conflict, not a loss. Square is sent the version each change was made in sight of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from connections import clock
from connections.providers.errors import Refused
from connections.providers.exact import customers
from connections.providers.square.client import STALE
from mappings import reference
from mappings.customers.fields import Field
from mappings.customers.merging import Pair, Rules
from sync import engine
from sync.customers import contacts, holding, judging
from sync.customers.judging import Judged
from sync.engine import Move, Outcome, Overtaken
from sync.flows.base import Work
from sync.lifecycle import LIVE, LinkState
from sync.models import CustomerLink

# So few that little time passes between the last look at Exact and the last of them; four calls more for each batch.
TO_EXACT = 40
TO_SQUARE = 100
# The columns of our copy of an account that a write to Exact changes.
COLUMNS = {
    "Name": "name", "Email": "email", "Phone": "phone", "VATNumber": "vat_number", "AddressLine1": "address",
    "AddressLine2": "address2", "Postcode": "postcode", "City": "city", "Country": "country",
}  # fmt: skip


def send_to_exact(work: Work) -> None:
    rules = holding.rules_of(holding.policy_of(work.lane))
    last = 0
    while batch := _due(work, TO_EXACT, last, to_exact=True):
        last = batch[-1].pk
        reference.refresh_customers(work.lane.division)
        judging.settle(work, _again(batch), rules)
        for link in [link for link in _again(batch) if link.to_exact and link.state in LIVE]:
            _to_exact(work, link, rules)
            work.breathe()
    contacts.write_due(work)


def _due(work: Work, size: int, last: int, **flags: bool) -> list[CustomerLink]:
    rows = CustomerLink.objects.filter(lane=work.lane, leads=True, state__in=LIVE, pk__gt=last, **flags)
    return list(rows.select_related("debtor").order_by("pk")[:size])


def _again(batch: Sequence[CustomerLink]) -> list[CustomerLink]:
    """As they are now: our copy of Exact was just read again."""
    return list(CustomerLink.objects.filter(pk__in=[link.pk for link in batch]).select_related("debtor").order_by("pk"))


def _to_exact(work: Work, link: CustomerLink, rules: Rules) -> None:
    found = judging.judge(link, rules)
    if not found.exact_body:
        return None
    debtor = link.debtor
    try:
        customers.change(work.exact, debtor.remote_id, found.exact_body, is_supplier=debtor.is_supplier)
    except Refused as refusal:
        return _refused(work, link, found, _said(link, refusal), found.exact_body, side="to_exact")
    columns = {COLUMNS[name]: value or "" for name, value in found.exact_body.items()}
    for name, value in columns.items():
        setattr(debtor, name, value)
    held = holding.exacts(link)
    agreed = {
        name: Pair(holding.squares(link).get(name, ()), held[name])
        for name in found.to_exact if name not in found.to_square
    }  # fmt: skip
    work.run.sent_to_exact += 1
    outcome = Outcome(updates=[(debtor, list(columns)), (work.run, ["sent_to_exact"])])
    outcome.facts.append(holding.fact(work, "sent_to_exact", link, fields=sorted(found.to_exact)))
    return _agreed(work, outcome, link, agreed, rules)


def _said(link: CustomerLink, refusal: Refused) -> str:
    if refusal.status == HTTPStatus.NOT_FOUND:
        return (
            f"Exact account {link.debtor} was deleted. Nothing was sent; what Square holds is kept. Map the customer "
            "to another account."
        )
    return f"{refusal.sentence} Nothing of it was changed. Put it right where it was written; it is then sent again."


def _agreed(
    work: Work, outcome: Outcome, link: CustomerLink, agreed: Mapping[Field, Pair], rules: Rules, **seen: Any
) -> None:
    """Both sides hold these now; what is left to do is judged anew."""
    base = {**link.base, **{name.value: holding.stored(pair) for name, pair in agreed.items()}}
    before, state = _copy(link), LinkState(link.state)
    for name, value in {**seen, "base": base}.items():
        setattr(link, name, value)
    found = judging.judge(link, rules)
    now = clock.now()
    after, changes = judging.verdict_columns(link, found, rules, now=now)
    outcome.moves.append(_move(before, state, after, {**seen, **changes}, now))
    _apply(work, outcome)


def _copy(link: CustomerLink) -> tuple[int, int]:
    return link.pk, link.revision


def _move(which: tuple[int, int], before: LinkState, after: LinkState, changes: Mapping[str, Any], now: Any) -> Move:
    pk, revision = which
    columns = {**changes, "revision": revision + 1, "changed_at": now}
    return Move(CustomerLink, {"pk": pk, "revision": revision}, before, after, columns)


def _refused(
    work: Work, link: CustomerLink, found: Judged, sentence: str, body: Mapping[str, Any], *, side: str
) -> None:
    """It waits, and the same is not sent again: refusals cost Exact's error budget."""
    now = clock.now()
    after = LinkState.CONFLICT if found.conflicts else LinkState.WAITING
    told = " ".join(filter(None, [sentence, found.sentence]))
    changes = {"sentence": told, side: False}
    outcome = Outcome(facts=[holding.fact(work, "refused", link, side=side, fields=sorted(body), problem=sentence)])
    outcome.moves.append(_move(_copy(link), LinkState(link.state), after, changes, now))
    _apply(work, outcome)


def _apply(work: Work, outcome: Outcome) -> None:
    """Somebody was faster: what was sent is found as equal on both sides with the next run."""
    try:
        engine.apply(outcome, grip=work.grip)
    except Overtaken:
        work.setbacks.append("Somebody decided about a customer meanwhile; it is looked at again with the next run.")


def send_to_square(work: Work) -> None:
    rules = holding.rules_of(holding.policy_of(work.lane))
    last = 0
    while batch := _due(work, TO_SQUARE, last, to_square=True):
        last = batch[-1].pk
        judged = {link.square_id: (link, judging.judge(link, rules)) for link in batch}
        changes = {
            key: {**found.square_body, "version": link.square_version}
            for key, (link, found) in judged.items() if found.square_body
        }  # fmt: skip
        answers = work.square.update_customers(changes) if changes else {}
        for key, answer in answers.items():
            _answered(work, *judged[key], answer, rules)
        work.breathe()


def _answered(work: Work, link: CustomerLink, found: Judged, answer: Any, rules: Rules) -> None:
    customer = None if isinstance(answer, Refused) else holding.read(answer)
    if isinstance(answer, Refused) and answer.code not in {*STALE, "NOT_FOUND"}:
        sentence = f"{answer.sentence} Put it right in Exact; it is then sent again."
        return _refused(work, link, found, sentence, found.square_body, side="to_square")
    if customer is None:  # it changed meanwhile, or went: it is read again, and judged by what it holds then
        columns = {"is_stale": True, "judged": ""}
        move = _move(_copy(link), LinkState(link.state), LinkState(link.state), columns, clock.now())
        return _apply(work, Outcome(moves=[move]))
    seen = holding.seen(customer)
    values = {Field(name): tuple(value) for name, value in seen["square"].items()}
    held = holding.exacts(link)
    agreed = {name: Pair(values[name], held[name]) for name in found.to_square if name not in found.to_exact}
    work.run.sent_to_square += 1
    outcome = Outcome(updates=[(work.run, ["sent_to_square"])])
    outcome.facts.append(holding.fact(work, "sent_to_square", link, fields=sorted(found.to_square)))
    return _agreed(work, outcome, link, agreed, rules, **seen)
