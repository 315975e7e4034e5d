"""The text that makes a document in Exact ours, and findable."""

from __future__ import annotations

import hashlib
from datetime import date

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U
LENGTH = 16


def reference(*, division: int, system: str, merchant: str, source_id: str, kind: str, ordinal: int) -> str:
    """`TB-` and 16 characters, the same for the same event in every run, process and restore.

    80 bits of SHA-256 over `division|system|merchant|source id|kind|ordinal`.
    """
    text = f"{division}|{system}|{merchant}|{source_id}|{kind}|{ordinal}"
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:10], "big")
    return "TB-" + "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def summary_source(*, location: str, day: date, currency: str) -> str:
    """The source id of a daily summary. `location` is Square's id, which a renaming does not change."""
    return f"{location}/{day.isoformat()}/{currency}"
