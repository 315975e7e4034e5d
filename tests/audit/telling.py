"""A trail for tests of its proof: facts, some of which a spreadsheet would run, sealed a few at a time."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from audit import context, seals, trail
from audit.models import AuditEntry
from audit.trail import Fact
from tests.pages import NOW

TEXTS = ("TB-0001", "=HYPERLINK(1)", "'=1", 'Café ‘Zon’, "3"\r\nline two', "", "-12.50", "'quoted'")


def tell(count: int, *, start: int = 0, minutes: int = 0) -> None:
    at = NOW + timedelta(minutes=minutes, microseconds=start)
    facts = [
        Fact(
            "leg.posted", "leg", n or None, TEXTS[n % len(TEXTS)], f"PAY{n}", 123456 if n % 2 else None,
            {"n": n, "text": TEXTS[n % len(TEXTS)], "share": 0.1, "many": [1, None, True], "e": {"é": "ü"}},
        )
        for n in range(start, start + count)
    ]  # fmt: skip
    with context.acting(run_id=7 if start % 2 else None, lane_id=3), transaction.atomic():
        trail.record(facts, at=at)


def sealed(*counts: int) -> list[int]:
    """So many facts under each seal, a minute apart. Returns the ids, in order."""
    start = AuditEntry.objects.count()
    for minute, count in enumerate(counts):
        tell(count, start=start, minutes=minute)
        start += count
        assert seals.seal(now=NOW + timedelta(minutes=minute, seconds=30)) == count
    return ids()


def ids() -> list[int]:
    return list(AuditEntry.objects.order_by("id").values_list("id", flat=True))


def nobody(manifest: str, signature: str) -> bool:
    """Trusts no signature: for trails without archives."""
    return False
