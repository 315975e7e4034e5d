"""A source that is silent for too long, in words: for the work list and for alerts."""

from __future__ import annotations

from datetime import datetime

from audit.adminkit import ago
from sync.health import Silence


def title(row: Silence) -> str:
    return f"{row.connection.full_name} is silent"


def sentence(row: Silence, now: datetime) -> str:
    usual = ago(now - row.usual, now).removesuffix(" ago")
    told = f"Its last webhook came {ago(row.since, now)}; it is usually silent for {usual} at most. "
    if not row.is_deaf:
        return f"{told}Lanes found nothing either: perhaps nobody works there."
    return (
        f"{told}Lanes found changes meanwhile, so its webhooks do not arrive: read its subscriptions, and look whether "
        "PUBLIC_URL can be reached from outside. Nothing is lost, lanes look at their own times."
    )
