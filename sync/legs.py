"""A leg as it is frozen: the plan of the pure core on its way into a row, and back."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, fields, is_dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from mappings.bookkeeping.conventions import kept, restored
from mappings.bookkeeping.legs import Account, Debtor, Document, LegKind, LegPlan, Line, OrderedItem, Terms
from mappings.bookkeeping.periods import as_owed
from mappings.roles import Role
from sync.models import Leg

WRITTEN = DjangoJSONEncoder()


def fields_of(plan: LegPlan) -> dict[str, Any]:
    """The columns of a leg that follow from its plan."""
    problem = plan.problem
    return {
        "order_id": plan.order_id,
        "document": plan.document,
        "journal": plan.journal,
        "date": plan.date,
        "moved_from": plan.moved_from,
        "currency": plan.currency,
        "amount": plan.total,
        "debtor": plan.debtor.id if plan.debtor else "",
        "owed": plan.owed,
        "stands_alone": plan.stands_alone,
        "after_sale": plan.after_sale,
        "content": content_of(plan),
        "digest": digest_of(plan),
        "problem_kind": problem.kind if problem else "",
        "problem_subject": problem.subject if problem else "",
        "problem": problem.sentence if problem else "",
    }


def content_of(plan: LegPlan) -> dict[str, Any]:
    """What the leg freezes beside its columns: lines, accounts and debtor, as JSON."""
    frozen: dict[str, Any] = {
        "main_account": plan.main_account,
        "debtor": plan.debtor,
        "lines": plan.lines,
        "source_id": plan.source_id,
    }
    frozen |= {"location": plan.location, "tender": plan.tender, "receipt_number": plan.receipt_number}
    if plan.kind is LegKind.SALE:
        frozen["customer"] = plan.customer
    if plan.conventions:
        frozen["conventions"] = kept(plan.conventions)
    if plan.terms:
        frozen["terms"] = plan.terms
    if plan.invoice:
        frozen |= {"invoice": plan.invoice, "due": plan.due.isoformat() if plan.due else None}
    return {name: _plain(value) for name, value in frozen.items()}


def _plain(value: Any) -> Any:
    """Records as dicts, all the way down. Nothing is copied: what the core made does not change any more."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    names = field_names(value.__class__)
    return {name: _plain(getattr(value, name)) for name in names} if names else value


@cache
def field_names(kind: type) -> tuple[str, ...]:
    """Of a dataclass, in their order; none of anything else."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def digest_of(plan: LegPlan) -> str:
    """SHA-256 over everything that ends up in the ledger: not over notes and rule numbers, which explain it."""
    lines = [
        [
            line.role,
            line.account.code,
            line.amount,
            line.vat_code,
            line.vat,
            line.cost_center,
            line.cost_unit,
            line.debtor,
        ]
        for line in plan.lines
    ]
    main = plan.main_account.code if plan.main_account else ""
    parts = [
        plan.document,
        plan.journal,
        plan.date.isoformat(),
        plan.currency,
        main,
        plan.debtor and plan.debtor.id,
        lines,
        *([asdict(plan.terms), [line.item and asdict(line.item) for line in plan.lines]] if plan.terms else []),
        *([plan.due.isoformat()] if plan.due else []),
    ]
    return hashlib.sha256(WRITTEN.encode(parts).encode()).hexdigest()


def plan_of(leg: Leg) -> LegPlan:
    """The plan as it was frozen into the leg."""
    content = leg.content
    main, debtor = content.get("main_account"), content.get("debtor")
    return LegPlan(
        kind=LegKind(leg.kind),
        source_id=content.get("source_id", ""),
        ordinal=leg.ordinal,
        document=Document(leg.document),
        journal=leg.journal,
        date=leg.date if isinstance(leg.date, date) else date.fromisoformat(leg.date),
        currency=leg.currency,
        main_account=Account(**main) if main else None,
        debtor=debtor_of(debtor) if debtor else None,
        lines=tuple(_line(line) for line in content.get("lines", [])),
        order_id=leg.order_id,
        stands_alone=leg.stands_alone,
        is_reversal=leg.is_reversal,
        after_sale=leg.after_sale,
        conventions=restored(content["conventions"]) if "conventions" in content else None,
        moved_from=leg.moved_from,
        terms=_terms(content["terms"]) if content.get("terms") else None,
        due=date.fromisoformat(content["due"]) if content.get("due") else None,
        **{name: content.get(name, "") for name in ("location", "tender", "receipt_number", "invoice", "customer")},
    )


def owe_the_same(leg: Leg, plan: LegPlan) -> bool:
    """Whether a frozen leg and a new plan are the same debt, whatever period either was moved to."""
    return leg.digest == digest_of(plan) or digest_of(as_owed(plan_of(leg))) == digest_of(as_owed(plan))


def debtor_of(content: dict[str, Any]) -> Debtor:
    """The debtor as it was frozen into a leg."""
    own = content.get("receivables")
    return Debtor(**{**content, "receivables": Account(**own) if own else None})


def _line(content: dict[str, Any]) -> Line:
    rate = Decimal(content["rate"]) if content.get("rate") is not None else None
    other = content.get("instead_of")
    known: dict[str, Any] = {"rate": rate, "role": Role(content["role"]), "account": Account(**content["account"])}
    known["instead_of"] = Account(**other) if other else None
    known["item"] = _item(content["item"]) if content.get("item") else None
    return Line(**{**content, **known})


def _item(content: dict[str, Any]) -> OrderedItem:
    return OrderedItem(**{**content, "quantity": Decimal(content["quantity"]), "price": Decimal(content["price"])})


def _terms(content: dict[str, Any]) -> Terms:
    due = content.get("delivery_date")
    return Terms(**{**content, "delivery_date": date.fromisoformat(due) if isinstance(due, str) else due})
