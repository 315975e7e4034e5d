"""Square customers that nobody has mapped yet, laid before finance with what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections import clock
from connections.models import Connection, Division
from connections.providers.square.payloads import Customer
from mappings.models import CustomerMapping, DebtorAccount, Decision


def propose(division: Division, merchant: Connection, found: Mapping[str, Customer | None], *, since: date) -> int:
    """One proposed mapping per customer that has none; two Exact accounts that fit make a conflict. Returns how many.

    Nothing is booked by a proposal: a person accepts it, chooses, or lets the collective debtor be used.
    """
    held = CustomerMapping.objects.filter(division=division, merchant=merchant, square_customer_id__in=found)
    known = set(held.values_list("square_customer_id", flat=True))
    debtors = list(DebtorAccount.objects.filter(division=division, gone_at=None, is_blocked=False))
    rows = [
        _proposal(
            division=division,
            merchant=merchant,
            customer_id=customer_id,
            customer=customer,
            debtors=debtors,
            since=since,
        )
        for customer_id, customer in found.items()
        if customer_id not in known
    ]
    now = clock.now()
    with transaction.atomic():
        CustomerMapping.objects.bulk_create(rows, batch_size=200, ignore_conflicts=True)
        trail.record([_fact(row) for row in rows], at=now)
    return len(rows)


def _proposal(
    *,
    division: Division,
    merchant: Connection,
    customer_id: str,
    customer: Customer | None,
    debtors: Iterable[DebtorAccount],
    since: date,
) -> CustomerMapping:
    candidates = [evidence for debtor in debtors if customer and (evidence := compare(customer, debtor))["agrees"]]
    return CustomerMapping(
        division=division,
        merchant=merchant,
        square_customer_id=customer_id,
        square_name=name_of(customer)[:300] if customer else "",
        status=Decision.CONFLICT if len(candidates) > 1 else Decision.PROPOSED,
        candidates=candidates,
        effective_from=since,
        reason="Seen in Square on a payment; nobody has decided yet.",
    )


def name_of(customer: Customer) -> str:
    person = " ".join(filter(None, [customer.given_name, customer.family_name]))
    return customer.company_name or person or customer.email


def compare(customer: Customer, debtor: DebtorAccount) -> dict[str, Any]:
    """What agrees and what differs between the two, by the names finance uses."""
    sides = {
        "VAT number": (customer.vat_number, debtor.vat_number, _bare),
        "e-mail": (customer.email, debtor.email, str.casefold),
        "name": (name_of(customer), debtor.name, _bare),
    }
    agrees = [word for word, (theirs, ours, form) in sides.items() if theirs and ours and form(theirs) == form(ours)]
    differs = [word for word, (theirs, ours, form) in sides.items() if theirs and ours and form(theirs) != form(ours)]
    return {"id": debtor.remote_id, "code": debtor.code, "name": debtor.name, "agrees": agrees, "differs": differs}


def _bare(text: str) -> str:
    """Letters and digits alone: 'De Molen B.V.' and 'de molen bv' are one name."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _fact(row: CustomerMapping) -> Fact:
    detail = {"status": row.status, "candidates": len(row.candidates)}
    return Fact(
        "customer_mapping.proposed", "customer_mapping", None, row.square_customer_id, row.square_customer_id,
        row.division.code, detail,
    )  # fmt: skip
