"""What an entry was made of, as hashes: a plan posts only what is still made of the same.

Four kinds, compared one by one so that a refusal can name what changed: the source records, the decisions of finance
staff (as the lines they lead to), the reference data that the entry uses, and its body. Numbers that Exact assigns
(`OurRef`) are no part of the body here: they are known only once the entry before it is booked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from connections.models import Division
from mappings.models import (
    ClosedPeriod,
    CustomerMapping,
    DebtorAccount,
    Decision,
    GLMapping,
    Journal,
    LedgerAccount,
    VatCode,
)
from sync.flows.base import Draft
from sync.models import SyncLane

KINDS = ("source", "mappings", "reference", "body")
# What of a lane decides when and whether it runs, but not what is booked.
TIMING = frozenset({
    "label", "is_enabled", "paused_reason", "cadence_minutes", "due_at", "adopts", "needs_approval", "four_eyes",
    "lease_until", "fence", "edit_limit",
})  # fmt: skip


def sha(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, cls=DjangoJSONEncoder).encode()).hexdigest()


def of_decisions(lane: SyncLane) -> str:
    """Over every mapping and all reference data of the division, and the lane's choices: while it stays the same, so
    does what any record of the lane leads to.
    """
    division = lane.division_id
    rules = GLMapping.objects.filter(division=division, status=Decision.MATCHED).order_by("id")
    customers = CustomerMapping.objects.filter(division=division, merchant=lane.source_id).order_by("id")
    known = DebtorAccount.objects.filter(Q(mappings__in=customers) | Q(pk=lane.collective_debtor_id))
    debtors = known.order_by("id").distinct()
    used = ("remote_id", "is_blocked", "gone_at", "vat_number", "receivables_account")
    parts = [
        [getattr(lane, field.attname) for field in SyncLane._meta.concrete_fields if field.name not in TIMING],
        list(rules.values_list("id", *(field.attname for field in GLMapping._meta.concrete_fields[2:]))),
        list(customers.values_list("id", "square_customer_id", "status", "debtor", "effective_from")),
        list(debtors.values_list(*used)),
        sorted(Reference(lane.division).rows.items()),
        list(ClosedPeriod.objects.filter(division=division).order_by("id").values_list("journal", "starts", "ends")),
    ]
    return sha(parts)


class Reference:
    """The reference data of a division as entries use it."""

    def __init__(self, division: Division) -> None:
        self.division = division

    @cached_property
    def rows(self) -> dict[str, list[Any]]:
        """Kind and code -> what of the row matters to an entry."""
        own = {"division": self.division}
        accounts = LedgerAccount.objects.filter(**own).values_list("code", "remote_id", "type", "is_blocked", "gone_at")
        codes = VatCode.objects.filter(**own).values_list(
            "code", "percentage", "type", "account", "is_blocked", "gone_at"
        )
        journals = Journal.objects.filter(**own).values_list("code", "type", "account", "is_blocked", "gone_at")
        named = (("account", accounts), ("code", codes), ("journal", journals))
        return {f"{kind} {row[0]}": [*row[1:]] for kind, rows in named for row in rows}

    @cached_property
    def closed(self) -> Sequence[ClosedPeriod]:
        return list(ClosedPeriod.objects.filter(division=self.division))

    def of(self, draft: Draft) -> str:
        """Over the accounts, VAT codes, journal and period that the entry uses."""
        names = {f"journal {draft.journal}", *(f"account {code}" for code in draft.expected)}
        for line in draft.lines:
            names |= {f"account {line.account.code}", f"code {line.vat_code}"}
        is_closed = any(row.journal == draft.journal and row.starts <= draft.date <= row.ends for row in self.closed)
        return sha([[name, self.rows.get(name)] for name in sorted(names)] + [is_closed])


class Part(NamedTuple):
    """A leg of an entry, with its record: `digest` over the lines that it leads to, `source` over the record."""

    item: int
    reference: str
    digest: str
    source: str


def of_entry(draft: Draft, parts: Sequence[Part], reference: Reference) -> dict[str, str]:
    """The four hashes of an entry made of these legs."""
    rules = sorted({line.rule or 0 for line in draft.lines})
    return {
        "source": sha(sorted({(part.item, part.source) for part in parts})),
        "mappings": sha([[(part.reference, part.digest) for part in parts], rules]),
        "reference": reference.of(draft),
        "body": sha(without_numbers(draft.body)),
    }


def without_numbers(body: str) -> Any:
    """The body but for what Exact numbered."""
    return _without(json.loads(body, parse_float=str))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(item) for name, item in value.items() if name != "OurRef"}
    return [_without(item) for item in value] if isinstance(value, list) else value


def digest(hashes: Mapping[str, str]) -> str:
    return sha([hashes[kind] for kind in KINDS])


def over(digests: Iterable[str]) -> str:
    return sha(list(digests))


def line_texts(body: str) -> list[str]:
    """The descriptions of the lines, in the order of the body."""
    lines = next(value for name, value in json.loads(body, parse_float=str).items() if name.endswith("Lines"))
    return [str(line.get("Description") or "") for line in lines]
