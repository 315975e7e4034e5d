"""Accounts made in Exact for customers of Square, exactly once, and never beside one that is there already.

A mapping with the decision "to be created" is an order. The intent is committed before the request leaves, and carries
a reference of its own, which stands in the account's search code: an intent without an outcome is looked up by it, and
sent again only after two looks that found nothing. The check for duplicates asks by that reference too, so that a
restored database finds what it had made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreachable, Unreadable
from connections.providers.exact import customers
from connections.providers.exact.payloads import Account
from connections.providers.square.payloads import Customer
from mappings import proposals, reference
from mappings.bookkeeping.legs import ProblemKind
from mappings.bookkeeping.references import reference as reference_of
from mappings.customers import duplicates, fields, sides
from mappings.customers.duplicates import Answer, Hit, Judgement, Sought
from mappings.customers.fields import OF_ACCOUNT, Field
from mappings.customers.merging import Pair
from mappings.customers.sides import Held, Unfit
from mappings.models import CustomerMapping, DebtorAccount, Decision
from mappings.signals import mapping_changed
from mappings.suggestions import Directory, Party
from sync import engine, grip
from sync.customers import holding
from sync.engine import Move, Outcome
from sync.flows.base import Work
from sync.lifecycle import CreationState, LinkState
from sync.models import CustomerCreation, CustomerLink, CustomerPolicy
from sync.posting import SECOND_LOOK, backoff

CHUNK = 50


def create_ordered(work: Work) -> None:
    """Carry out every order: one check for duplicates, and one account where there is none."""
    settle_open(work)
    rows = CustomerMapping.objects.filter(
        division=work.lane.division, merchant=work.lane.source, status=Decision.CREATE
    ).select_related("division")
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        last = batch[-1].pk
        orders = [(mapping, order) for mapping in batch if (order := _intent(work, mapping))]
        found = work.square.customers([mapping.square_customer_id for mapping, _ in orders]) if orders else {}
        for mapping, order in orders:
            row = found.get(mapping.square_customer_id)
            _carry_out(work, mapping, order, holding.read(row) if row else None)
            work.breathe()


def _intent(work: Work, mapping: CustomerMapping) -> CustomerCreation | None:
    """The row of this order, in draft; None while its request may still be under way."""
    merchant = work.lane.source.account_id
    text = reference_of(
        division=work.lane.division.code, system="square", merchant=merchant, source_id=mapping.square_customer_id,
        kind="customer", ordinal=0,
    )  # fmt: skip
    defaults = {"lane": work.lane, "division": work.lane.division, "reference": text, "changed_at": clock.now()}
    order, _ = CustomerCreation.objects.get_or_create(mapping=mapping, defaults=defaults)
    state = CreationState(order.state)
    if state is CreationState.SENDING or (order.due_at and order.due_at > clock.now()):
        return None
    if state is not CreationState.DRAFT:
        _move(work, order, CreationState.DRAFT, sentence="", attempts=0, missing_since=None, due_at=None)
    return order


def _move(work: Work, order: CustomerCreation, after: CreationState, **changes: Any) -> None:
    changes = {**changes, "changed_at": clock.now()}
    fact = Fact(
        f"creation.{after}", "customercreation", order.pk, order.reference, order.mapping.square_customer_id,
        work.lane.division.code, {"remote_id": changes["remote_id"]} if changes.get("remote_id") else {},
    )  # fmt: skip
    move = Move(CustomerCreation, {"pk": order.pk}, CreationState(order.state), after, changes)
    engine.apply(Outcome(moves=[move], facts=[fact]), grip=work.grip)
    for name, value in {**changes, "state": after}.items():
        setattr(order, name, value)


def _carry_out(work: Work, mapping: CustomerMapping, order: CustomerCreation, customer: Customer | None) -> None:
    policy = holding.policy_of(work.lane)
    if customer is None or customer.id != mapping.square_customer_id:
        sentence = "Square has no such customer any more: it was deleted or merged. Nothing is created."
        return _stop(work, mapping, order, sentence)
    try:
        body = _body(work, policy, customer, order.reference)
    except Unfit as refusal:
        return _stop(work, mapping, order, f"{refusal} Nothing was created.")
    judged = _duplicates(work, mapping, body, order.reference)
    if judged.answer in {Answer.FOUND, Answer.LINK}:
        _move(work, order, CreationState.FOUND, sentence=judged.sentence, remote_id=judged.hits[0].id)
        return _matched(work, mapping, judged.hits[0].id, judged.sentence)
    if judged.answer is not Answer.CREATE:
        return _stop(work, mapping, order, judged.sentence, judged)
    return _send(work, mapping, order, body)


def _body(work: Work, policy: CustomerPolicy, customer: Customer, search_code: str) -> dict[str, Any]:
    """All that Square knows. One field that Exact would not take stops it: half an account is worse than none."""
    values, home = fields.of_square(customer), work.lane.division.country
    body: dict[str, Any] = {}
    for name in OF_ACCOUNT:
        if values[name] or name is Field.NAME:
            body |= sides.for_exact(name, values[name], Held(), home=home)
    more = {
        "ChamberOfCommerce": customer.reference_id if policy.registration_in_reference else "",
        "PaymentConditionSales": policy.new_condition, "Classification1": policy.new_classification,
    }  # fmt: skip
    return {**{name: text for name, text in {**body, **more}.items() if text}, "SearchCode": search_code}


def _duplicates(work: Work, mapping: CustomerMapping, body: Mapping[str, Any], search_code: str) -> Judgement:
    """By what is known here of the division's customers, and by one question to Exact about everybody else."""
    home = work.lane.division.country
    country = str(body.get("Country") or home)
    sought = Sought(
        search_code, body.get("VATNumber", ""), body.get("ChamberOfCommerce", ""), body.get("Email", ""), country
    )
    number = sought.vat_number
    written = [number, number[2:]] if number[:2].isalpha() else [number]
    asked = {
        "reference": search_code, "vat_number": written, "registration": sought.registration,
        "email": list(dict.fromkeys((sought.email, sought.email.lower()))),
    }  # fmt: skip
    hits = [_hit(row, home) for row in customers.find(work.exact, asked)]
    party = Party(name="", vat_number=number, registration=sought.registration, email=sought.email, country=country)
    known = [match.party.id for match in _directory(work).matches(party)]
    rows = DebtorAccount.objects.filter(division=work.lane.division, remote_id__in=known, gone_at=None)
    hits += [_known(row, home) for row in rows]
    seen = {candidate["id"] for candidate in mapping.candidates} if mapping.decided_by else set()
    return duplicates.judge(sought, hits, seen=frozenset(seen))


def _directory(work: Work) -> Directory:
    """Once per slice: accounts made meanwhile are found by the question to Exact."""
    if work.directory is None:
        work.directory = proposals.directory_of(work.lane.division)
    return work.directory


def _hit(row: Account, home: str) -> Hit:
    return Hit(
        row.id, row.code, row.name, row.status, row.is_blocked, row.search_code, row.vat_number,
        row.registration_number, row.email, row.country or home,
    )  # fmt: skip


def _known(row: DebtorAccount, home: str) -> Hit:
    return Hit(
        row.remote_id, row.code, row.name, row.status, row.is_blocked, "", row.vat_number, row.registration_number,
        row.email, row.country or home,
    )  # fmt: skip


def _send(work: Work, mapping: CustomerMapping, order: CustomerCreation, body: Mapping[str, Any]) -> None:
    """Commit that the request may be leaving, send, commit what came of it."""
    now, attempts = clock.now(), order.attempts + 1
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    _move(work, order, CreationState.SENDING, attempts=attempts, sent_at=now, due_at=None, digest=digest)
    try:
        account = customers.create(work.exact, body)
    except (Unreachable, Throttled, NotAuthorised) as error:
        _move(work, order, CreationState.DRAFT, sentence=error.sentence, due_at=None)
        raise
    except (NoAnswer, Unreadable) as error:
        until = now + grip.settle() + backoff(attempts)
        sentence = f"Sent, but no usable answer came ({error.sentence}). It is looked up before anything else is done."
        return _move(work, order, CreationState.SENDING, sentence=sentence, due_at=until)
    except Refused as error:
        sentence = f"{error.sentence} Nothing was created. Put it right in Square, then decide again."
        _move(work, order, CreationState.REFUSED, sentence=sentence)
        return _decide(work, mapping, Decision.PROPOSED, sentence)
    return _created(work, mapping, order, account)


def settle_open(work: Work) -> None:
    """Look up every account that may have been made and is due for a look."""
    now = clock.now()
    open_rows = CustomerCreation.objects.filter(division=work.lane.division, state=CreationState.SENDING)
    due = open_rows.filter(Q(due_at=None) | Q(due_at__lte=now), mapping__merchant=work.lane.source)
    for order in due.select_related("mapping").order_by("pk"):
        if order.due_at is None and order.sent_at and now < order.sent_at + grip.settle():
            _move(work, order, CreationState.SENDING, due_at=order.sent_at + grip.settle())
            continue
        found = customers.find(work.exact, {"reference": order.reference})
        if found:
            _created(work, order.mapping, order, found[0])
        elif order.missing_since is None:
            sentence = "Not found in Exact at the first look; a second look follows before it is sent again."
            _move(work, order, CreationState.SENDING, sentence=sentence, missing_since=now, due_at=now + SECOND_LOOK)
        else:
            _move(work, order, CreationState.DRAFT, sentence="", missing_since=None, due_at=None)
        work.breathe()


def _created(work: Work, mapping: CustomerMapping, order: CustomerCreation, account: Account) -> None:
    _move(work, order, CreationState.CREATED, sentence="Created in Exact.", remote_id=account.id, due_at=None)
    work.run.sent_to_exact += 1
    engine.apply(Outcome(updates=[(work.run, ["sent_to_exact"])]), grip=work.grip)
    debtor = _debtor(work, account)
    _matched(work, mapping, account.id, "Created in Exact from Square's customer.", is_new=True, debtor=debtor)


def _debtor(work: Work, account: Account) -> DebtorAccount:
    """Our copy at once: the next reading would bring it anyway."""
    columns = reference.debtor_columns(account) or {}
    row, _ = DebtorAccount.objects.update_or_create(
        division=work.lane.division, remote_id=account.id, defaults={**columns, "gone_at": None}
    )
    return row


def _matched(
    work: Work, mapping: CustomerMapping, account_id: str, reason: str, *, is_new: bool = False,
    debtor: DebtorAccount | None = None,
) -> None:  # fmt: skip
    """The order is carried out: the mapping says who it is, and what waited for it goes on."""
    debtor = debtor or DebtorAccount.objects.filter(division=work.lane.division, remote_id=account_id).first()
    if debtor is None:  # found in Exact a moment ago, and not read yet: the next reading brings it
        reference.refresh_customers(work.lane.division)
        debtor = DebtorAccount.objects.get(division=work.lane.division, remote_id=account_id)
    _decide(work, mapping, Decision.MATCHED, reason, debtor=debtor)
    if is_new:
        _begin(work, mapping, debtor)


def _begin(work: Work, mapping: CustomerMapping, debtor: DebtorAccount) -> None:
    """A new account holds what Square holds: in step from the start, but for its contact."""
    customer = holding.read(work.square.customer(mapping.square_customer_id))
    if customer is None:
        return
    seen, now = holding.seen(customer), clock.now()
    values, held = fields.of_square(customer), fields.of_exact(debtor)
    base = {name.value: holding.stored(Pair(values[name], held[name])) for name in OF_ACCOUNT}
    person = values[Field.CONTACT]
    link = CustomerLink(
        lane=work.lane, division=work.lane.division, merchant=work.lane.source, square_id=customer.id, debtor=debtor,
        state=LinkState.PENDING, leads=True, base=base, contact_due=bool(person) and all(person), looked_at=now,
        changed_at=now, **seen,
    )  # fmt: skip
    known = CustomerLink.objects.filter(division=link.division, merchant=link.merchant, square_id=link.square_id)
    if not known.exists():
        engine.apply(Outcome(created=[link], facts=[holding.fact(work, "created", link)]), grip=work.grip)


def _stop(
    work: Work, mapping: CustomerMapping, order: CustomerCreation, sentence: str, judged: Judgement | None = None
) -> None:
    """Back to a person, with what is in the way."""
    _move(work, order, CreationState.ASKED if judged else CreationState.REFUSED, sentence=sentence)
    status = Decision.CONFLICT if judged and judged.answer is Answer.CONFLICT else Decision.PROPOSED
    candidates = [_candidate(hit) for hit in judged.hits] if judged else mapping.candidates
    _decide(work, mapping, status, sentence, candidates=candidates)


def _candidate(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.id, "code": hit.code, "name": hit.name, "score": 0, "percent": 0, "agrees": ["found in Exact"],
        "differs": [],
    }  # fmt: skip


def _decide(work: Work, mapping: CustomerMapping, status: Decision, reason: str, **columns: Any) -> None:
    """Only while it is still to be created: a person who decided otherwise meanwhile has the last word."""
    now = clock.now()
    if mapping.decided_by and mapping.reason:
        reason = f"{mapping.reason} {reason}"  # why a person wanted it stays
    with transaction.atomic():
        work.grip.still_held(at=now)
        changes = {"status": status, "reason": reason, "decided_at": now, **columns}
        rows = CustomerMapping.objects.filter(pk=mapping.pk, status=Decision.CREATE)
        if rows.update(**changes) != 1:
            return
        detail = {"status": [Decision.CREATE.value, status.value]}
        who = mapping.square_customer_id
        fact = Fact("customermapping.changed", "customermapping", mapping.pk, who, who, work.lane.division.code, detail)
        trail.record([fact], at=now)
        if status is Decision.MATCHED:
            kinds = (ProblemKind.UNMAPPED_CUSTOMER.value,)
            mapping_changed.send(sender=CustomerMapping, division_id=mapping.division_id, kinds=kinds)
