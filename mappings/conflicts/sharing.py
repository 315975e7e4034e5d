"""Several customers of Square on one account of Exact: rightly when they are one party, and said in any case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery

from connections import clock
from mappings.models import CustomerMapping, DebtorAccount, Decision

MOST = 200
NAMED = 3


def in_force() -> QuerySet[CustomerMapping]:
    """The version of each customer's mapping that counts today."""
    same = CustomerMapping.objects.filter(
        division=OuterRef("division"), merchant=OuterRef("merchant"),
        square_customer_id=OuterRef("square_customer_id"), effective_from__lte=clock.now().date(),
    )  # fmt: skip
    newest = Subquery(same.order_by("-effective_from").values("pk")[:1])
    return CustomerMapping.objects.annotate(newest=newest).filter(pk=F("newest"))


def customers_of(debtors: Iterable[int], *, but: CustomerMapping) -> Mapping[int, list[CustomerMapping]]:
    """Which other customers are booked on these accounts today, by the account's primary key."""
    found: dict[int, list[CustomerMapping]] = {}
    rows = in_force().filter(debtor__in=list(debtors), status=Decision.MATCHED)
    others = rows.exclude(merchant=but.merchant_id, square_customer_id=but.square_customer_id)
    for row in others.select_related("debtor")[:MOST]:
        if row.debtor_id is not None:
            found.setdefault(row.debtor_id, []).append(row)
    return found


def named(rows: Iterable[Any]) -> str:
    """'Jansen (C1) and Bos (C2)', three at most by name."""
    told = [f"{row.square_name} ({row.square_customer_id})" if row.square_name else str(row) for row in rows]
    shown, more = told[:NAMED], len(told) - NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def sentence(debtor: DebtorAccount, others: Iterable[CustomerMapping]) -> str:
    """What it means that the account is others' as well; "" when it is nobody's."""
    who = named(others)
    if not who:
        return ""
    return (
        f"{debtor} is the Exact account of Square customer {who} too: they share one debtor from then on, with one "
        "balance, one statement and one reminder. Right when they are the same party; if not, choose another account."
    )


def warnings(row: CustomerMapping) -> list[str]:
    """What a person should know who has just decided: the account is shared, or the decision said nothing new."""
    told = []
    if row.status == Decision.MATCHED and row.debtor:
        told.append(sentence(row.debtor, customers_of([row.debtor.pk], but=row).get(row.debtor.pk, ())))
    told.append(repeated(row))
    return [one for one in told if one]


def repeated(row: CustomerMapping) -> str:
    """A decision that says what the one before it says already."""
    versions = CustomerMapping.objects.filter(
        division=row.division_id, merchant=row.merchant_id, square_customer_id=row.square_customer_id,
        effective_from__lt=row.effective_from,
    )  # fmt: skip
    before = versions.order_by("-effective_from").first()
    if before is None or (before.status, before.debtor_id) != (row.status, row.debtor_id):
        return ""
    return (
        f"The mapping of this customer since {before.effective_from:%-d %B %Y} says the same already, so nothing is "
        "booked otherwise."
    )
