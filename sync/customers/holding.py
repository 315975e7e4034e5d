"""A link as the pure core sees it: values, base and choices in and out of its columns, and what is kept together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audit.trail import Fact
from connections.providers.errors import Unreadable
from connections.providers.square import payloads
from connections.providers.square.payloads import Customer
from mappings.customers import fields
from mappings.customers.fields import OF_ACCOUNT, Field, Value
from mappings.customers.merging import Chosen, Direction, Owner, Pair, Rules
from sync.engine import Move
from sync.flows.base import Work
from sync.lifecycle import LinkState
from sync.models import CustomerLink, CustomerPolicy, SyncLane

NAME_LENGTH = 300


def policy_of(lane: SyncLane) -> CustomerPolicy:
    """The lane's choices; a lane that was never given any has the defaults."""
    row, _ = CustomerPolicy.objects.get_or_create(lane=lane)
    return row


def rules_of(policy: CustomerPolicy) -> Rules:
    owners = {field: Owner(getattr(policy, f"owner_{field.value}")) for field in Field}
    return Rules(owners, Direction(policy.direction), policy.lane.division.country)


def squares(link: CustomerLink) -> dict[Field, Value]:
    return {Field(name): tuple(value) for name, value in link.square.items()}


def exacts(link: CustomerLink) -> dict[Field, Value]:
    return fields.of_exact(link.debtor)


def base_of(link: CustomerLink, field: Field) -> Pair | None:
    held = link.base.get(field)
    return None if held is None else Pair(*(None if value is None else tuple(value) for value in held))


def chosen_of(link: CustomerLink, field: Field) -> Chosen | None:
    held = link.chosen.get(field)
    return None if held is None else Chosen(*(tuple(value) for value in held))


def stored(pair: Pair) -> list[list[str] | None]:
    return [None if value is None else list(value) for value in (pair.square, pair.exact)]


def seen(customer: Customer) -> dict[str, Any]:
    """The columns that say what Square holds."""
    values = fields.of_square(customer)
    return {
        "square": {field.value: list(value) for field, value in values.items()}, "square_version": customer.version,
        "is_company": bool(customer.company_name) or not customer.given_name + customer.family_name,
        "name": fields.shown(values[Field.NAME] or values[Field.EMAIL])[:NAME_LENGTH], "is_stale": False,
    }  # fmt: skip


def read(row: Mapping[str, Any]) -> Customer | None:
    """None for a profile that cannot be read: it is left as it is."""
    try:
        return payloads.customer(row)
    except Unreadable:
        return None


def digest(link: CustomerLink, rules: Rules) -> str:
    """Of everything that decides what is to become of a link."""
    told = [
        link.square, [list(exacts(link)[field]) for field in OF_ACCOUNT], link.base, link.chosen, link.leads,
        sorted(rules.owners.items()), rules.direction, rules.home, link.debtor.is_blocked, link.debtor.is_supplier,
        link.debtor.gone_at is None, link.is_stale,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def move(link: CustomerLink, after: LinkState, changes: Mapping[str, Any], *, at: datetime) -> Move:
    """The link as it was read, and no other: whoever acted on it meanwhile is not written over."""
    where = {"pk": link.pk, "revision": link.revision}
    return Move(CustomerLink, where, LinkState(link.state), after, {
        **changes, "revision": link.revision + 1, "changed_at": at,
    })  # fmt: skip


def fact(work: Work, verb: str, link: CustomerLink, **detail: Any) -> Fact:
    """Names of fields, never what stands in them."""
    return Fact(
        f"customer.{verb}", "customerlink", link.pk, link.square_id, link.square_id, work.lane.division.code, detail
    )


def named(names: Sequence[Field]) -> str:
    return ", ".join(fields.WORDS[name] for name in names)
