"""Payment terms: kept in Exact, and shown at Square as an attribute that only we write.

Square has no field for them. Customer groups would do too, at a call per customer; an attribute takes 25 a call and is
shown with its name on the customer's page. # Reference: Square docs, customer-custom-attributes-api/overview.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connections import clock
from connections.providers.errors import Refused
from connections.providers.square.client import ATTRIBUTES_BATCH
from mappings.customers.merging import Direction, Owner
from mappings.models import PaymentCondition
from sync import engine
from sync.customers import holding
from sync.engine import Outcome, Overtaken
from sync.flows.base import Work
from sync.lifecycle import LIVE, LinkState
from sync.models import CustomerLink, CustomerPolicy

KEY, NAME = "tillbridge-payment-terms", "Payment terms"
DESCRIPTION = "As agreed in the books (Exact Online). Kept up to date by Tillbridge; change it there."
NONE = "none"
LONGEST = 255
PAGE = 500


def show_terms(work: Work) -> None:
    """Write the terms of each customer whose account has others than Square shows."""
    policy = holding.policy_of(work.lane)
    if policy.owner_terms != Owner.EXACT or policy.direction == Direction.TO_EXACT:
        return
    named = _named(work)
    for batch in _differing(work, named):
        _define(work, policy)
        _set(work, batch)
        work.breathe()


def _named(work: Work) -> Mapping[str, str]:
    """Code -> how it is shown: '30 · 30 days'."""
    rows = PaymentCondition.objects.filter(division=work.lane.division, gone_at=None).values_list("code", "name")
    return {code: f"{code} · {name}"[:LONGEST] for code, name in rows}


def text(code: str, named: Mapping[str, str], shown: str) -> str:
    """Nothing where there is nothing to say; "none" where something was said before."""
    if code:
        return named.get(code, code)
    return NONE if shown else ""


def _differing(work: Work, named: Mapping[str, str]) -> Iterator[list[tuple[CustomerLink, str]]]:
    rows = CustomerLink.objects.filter(lane=work.lane, leads=True, state__in=LIVE, debtor__gone_at=None)
    columns = ("pk", "terms", "debtor__payment_condition")
    due = [
        pk for pk, shown, code in rows.order_by("pk").values_list(*columns).iterator(PAGE)
        if text(code, named, shown) != shown
    ]  # fmt: skip
    for start in range(0, len(due), ATTRIBUTES_BATCH):
        links = CustomerLink.objects.filter(pk__in=due[start : start + ATTRIBUTES_BATCH]).select_related("debtor")
        yield [(link, text(link.debtor.payment_condition, named, link.terms)) for link in links]


def _define(work: Work, policy: CustomerPolicy) -> None:
    """Once per Square account. A definition that is there already is found, whoever made it."""
    if policy.has_attribute:
        return
    if KEY not in work.square.attribute_keys():
        work.square.define_attribute(KEY, name=NAME, description=DESCRIPTION)
    policy.has_attribute = True
    engine.apply(Outcome(updates=[(policy, ["has_attribute"])]), grip=work.grip)


def _set(work: Work, batch: list[tuple[CustomerLink, str]]) -> None:
    answers = work.square.set_attribute(KEY, {link.square_id: terms for link, terms in batch})
    outcome, now = Outcome(updates=[(work.run, ["sent_to_square"])]), clock.now()
    for link, terms in batch:
        answer = answers[link.square_id]
        if isinstance(answer, Refused):
            work.setbacks.append(f"Square did not take the payment terms of a customer: {answer.sentence}")
            columns: dict[str, Any] = {"is_stale": True}
        else:
            work.run.sent_to_square += 1
            columns = {"terms": terms}
            outcome.facts.append(holding.fact(work, "sent_to_square", link, fields=["payment_terms"]))
        outcome.moves.append(holding.move(link, LinkState(link.state), columns, at=now))
    try:
        engine.apply(outcome, grip=work.grip)
    except Overtaken:  # written again with the next run: the same value
        work.setbacks.append("Somebody decided about a customer meanwhile; its terms are written with the next run.")
