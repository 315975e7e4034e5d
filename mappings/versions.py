"""Every version of a rule, out of the audit trail: who, when, and each field before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from audit import adminkit, words
from audit.models import AuditEntry
from mappings.controls import ProposedChange
from mappings.models import GLMapping, LedgerAccount, VatCode

MOST = 100
NAMED: dict[str, Any] = {"account": LedgerAccount, "vat_code": VatCode}


def versions_of(row: GLMapping) -> SafeString:
    """The newest first. A rule that was set up before anybody kept a trail says when it was decided."""
    proposals = ProposedChange.objects.filter(model="glmapping", subject_id=row.pk).values("pk")
    of_rule = Q(subject_type="glmapping", subject_id=row.pk)
    facts = AuditEntry.objects.filter(of_rule | Q(subject_type="proposedchange", subject_id__in=proposals))
    steps = [_step(fact) for fact in facts.order_by("-id")[:MOST]]
    return SafeString(render_to_string("admin/mappings/versions.html", {"steps": steps, "row": row}))


def _step(fact: AuditEntry) -> dict[str, Any]:
    return {
        "at": fact.at,
        "actor": fact.actor,
        "words": words.say(fact.verb),
        "url": adminkit.admin_url(AuditEntry, fact.pk),
        "changes": list(_changes(fact.detail)),
    }


def _changes(detail: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(field, before, after), from a fact of a decision or of a proposal."""
    for name, before, after in detail.get("changes", ()):
        yield name, before, after
    for name, told in detail.items():
        if isinstance(told, list) and len(told) == 2 and name != "changes":  # noqa: PLR2004 - before and after
            before, after = (_named(name, value) for value in told)
            yield name.replace("_", " "), before, after


def _named(field: str, value: Any) -> str:
    """The trail keeps a related row by its number before the change, and by its words after it."""
    if field in NAMED and isinstance(value, int):
        return str(NAMED[field].objects.filter(pk=value).first() or value)
    return "" if value is None else str(value)
