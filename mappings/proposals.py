"""Square customers that nobody has mapped yet, laid before finance with what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.models import Connection, Division
from connections.providers.square.payloads import Customer
from mappings import profiles, suggestions
from mappings.belongings import DebtorContact
from mappings.models import CustomerMapping, DebtorAccount, Decision
from mappings.suggestions import Directory, Match, Party, Person

SHOWN = 5
UNDECIDED = (Decision.PROPOSED, Decision.CONFLICT)


ON_A_PAYMENT = "Seen in Square on a payment; nobody has decided yet."


def propose(
    division: Division,
    merchant: Connection,
    found: Mapping[str, Customer | None],
    *,
    since: date,
    directory: Directory | None = None,
    reason: str = ON_A_PAYMENT,
) -> int:
    """One proposed mapping per customer that has none; two Exact accounts that fit make a conflict. Returns how many.

    Nothing is booked by a proposal: a person accepts it, chooses, or lets the collective debtor be used. `directory`:
    who is known in Exact, for whoever proposes many times.
    """
    held = CustomerMapping.objects.filter(division=division, merchant=merchant, square_customer_id__in=found)
    known = set(held.values_list("square_customer_id", flat=True))
    unmet = {customer_id: customer for customer_id, customer in found.items() if customer_id not in known}
    if directory is None:
        directory = directory_of(division) if unmet else Directory([])
    rows = [
        CustomerMapping(
            division=division,
            merchant=merchant,
            square_customer_id=customer_id,
            effective_from=since,
            reason=reason,
            **_met(customer, directory, division),
        )
        for customer_id, customer in unmet.items()
    ]
    with transaction.atomic():
        CustomerMapping.objects.bulk_create(rows, batch_size=200, ignore_conflicts=True)
        trail.record([_fact(row) for row in rows], at=clock.now())
    return len(rows)


def weigh_again(division: Division, rows: Sequence[CustomerMapping], found: Mapping[str, Customer | None]) -> None:
    """Of customers on whom nobody has decided yet: what Square tells now, held against Exact as it is now.

    Whoever decided meanwhile is left alone. Whom Square no longer tells of keeps what it told before.
    """
    directory = directory_of(division)
    facts = []
    with transaction.atomic():
        for row in rows:
            customer = found.get(row.square_customer_id)
            met: dict[str, Any] = {"square_read_at": clock.now()}
            if customer:
                met = _met(customer, directory, division)
            same = CustomerMapping.objects.filter(pk=row.pk, status__in=UNDECIDED)
            if same.update(**met) and met.get("status", row.status) != row.status:
                row.status, row.candidates = met["status"], met["candidates"]
                facts.append(_fact(row))
        trail.record(facts, at=clock.now())


def _met(customer: Customer | None, directory: Directory, division: Division) -> dict[str, Any]:
    """What is kept of a customer that was asked for; Square may know nobody of that id any more."""
    profile = profiles.of(customer) if customer else {}
    matches = directory.matches(profiles.party(profile, division.country)) if profile else []
    return {
        "square_name": profiles.name(profile)[:300], "square_profile": profile, "square_read_at": clock.now(),
        **_weighed(matches),
    }  # fmt: skip


def directory_of(division: Division) -> Directory:
    """Everybody in Exact who can be sold to. Of accounts that finance called the same party, the one to be used."""
    rows = DebtorAccount.objects.filter(division=division, gone_at=None, is_blocked=False)
    is_double = Q(same_as__isnull=False, same_as__gone_at=None, same_as__is_blocked=False)
    return Directory(exact_party(row, division.country) for row in with_people(rows.filter(~is_double)).iterator(1_000))


def with_people(rows: QuerySet[DebtorAccount]) -> QuerySet[DebtorAccount]:
    """With their contacts that are still there, in one statement more: what `exact_party` compares too."""
    still_there = DebtorContact.objects.filter(Q(ends=None) | Q(ends__gte=clock.now().date()))
    return rows.prefetch_related(Prefetch("contacts", still_there, to_attr="people"))


def exact_party(row: DebtorAccount, home: str) -> Party:
    """`home`: the division's country, for customers that name none. Its people where they were read `with_people`."""
    people: Iterable[DebtorContact] = getattr(row, "people", ())
    return Party(
        id=row.remote_id, code=row.code, name=row.name, vat_number=row.vat_number, email=row.email, phone=row.phone,
        registration=row.registration_number, street=row.address, postcode=row.postcode, country=row.country or home,
        contacts=tuple(Person(person.name, person.emails, tuple(person.phones)) for person in people),
    )  # fmt: skip


def _weighed(matches: list[Match]) -> dict[str, Any]:
    """Nobody chooses between several by a hair: then it is a conflict, unless one leads by far."""
    scores = [match.score for match in matches]
    is_open = sum(score >= suggestions.POSSIBLE for score in scores) > 1 and not suggestions.clear(scores)
    return {
        "status": Decision.CONFLICT if is_open else Decision.PROPOSED,
        "candidates": [evidence(match) for match in matches[:SHOWN]],
    }


def evidence(match: Match) -> dict[str, Any]:
    """As it is kept on the mapping. `score`: per mille."""
    return {
        "id": match.party.id, "code": match.party.code, "name": match.party.name, "score": match.score,
        "percent": match.score // 10,
        "agrees": list(match.agrees), "differs": list(match.differs),
    }  # fmt: skip


def _fact(row: CustomerMapping) -> Fact:
    detail = {"status": row.status, "candidates": len(row.candidates)}
    return Fact(
        "customer_mapping.proposed", "customer_mapping", None, row.square_customer_id, row.square_customer_id,
        row.division.code, detail,
    )  # fmt: skip
