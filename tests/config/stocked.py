"""A shop with a row of everything that has pages, whatever is added to the product later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models

from audit import seals
from audit.models import AuditSeal
from audit.trail import Fact
from mappings.bookkeeping.legs import ProblemKind
from mappings.bookkeeping.proof import Proof
from sync import clearing_proof
from sync.models import Deposit, LateArrival, Leg
from tests.pages import NOW
from tests.till import Shop

CANARY = "planted-secret-canary"
Rows = dict[type[models.Model], models.Model]
BALANCED = Proof(currency="EUR", day=NOW.date(), opening=0, booked=1210, square=1210, ledger=1210)
# Fields whose emptiness or plain value would break the row's own rules.
KNOWN: dict[str, dict[str, Any]] = {
    "alert": {"kind": "errors", "subject": "x"},
    "alertchannel": {"way": "mail"},
    "customerlink": {"state": "in_step"},
    "clearingproof": {"currency": "EUR", "day": NOW.date(), "found": clearing_proof.plain(BALANCED)},
    "backfill": {"begins": NOW.date() - timedelta(days=30), "ends": NOW.date()},
    "booksproof": {"is_proven": False, "digest": "0" * 64, "begin": NOW.date().replace(day=1), "end": NOW.date()},
}


def stock(shop: Shop) -> Rows:
    shop.booked(1)
    shop.waiting(2, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    shop.call(1, shop.run(state="queued")).save()
    shop.month()
    shop.tell(Fact("run.done", "run", 1, "run 1"))
    seals.seal(now=NOW + timedelta(hours=1), everywhere=True)
    User.objects.create_superuser("root")
    late = Leg.objects.earliest("pk")
    late.is_late = True
    late.save()
    return {model: some(model) for model in admin.site._registry if model not in {AuditSeal, Deposit, LateArrival}}


def some(model: type[models.Model], depth: int = 0) -> models.Model:
    """A row of the model: one that is there, else one made of the plainest values that it takes."""
    found = model._default_manager.first()
    if found or depth > 4:
        assert found, f"no row of {model.__name__} could be made"
        return found
    values = dict(KNOWN.get(model._meta.model_name or "", {}))
    for field in model._meta.concrete_fields:
        is_needed = not (field.null or field.has_default() or field.primary_key or field.name in values)
        if is_needed:
            values[field.name] = _plain(field, depth)
    return model._default_manager.create(**values)


def _plain(field: Any, depth: int) -> Any:
    if isinstance(field, models.ForeignKey):
        return some(field.related_model, depth + 1)  # type: ignore[arg-type]
    if field.choices:
        return next(value for value, _ in field.flatchoices if value not in ("", None))
    for kind, value in (
        (models.DateTimeField, NOW), (models.DateField, NOW.date()), (models.BooleanField, False),
        (models.JSONField, {}), (models.IntegerField, 1), (models.DecimalField, 1), (models.BinaryField, b""),
    ):  # fmt: skip
        if isinstance(field, kind):
            return value
    return "x"
