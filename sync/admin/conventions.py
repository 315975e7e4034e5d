"""Which of the division's choices an entry was booked by, as sentences for an auditor."""

from __future__ import annotations

from mappings.bookkeeping.conventions import CHOICES, restored
from mappings.bookkeeping.legs import Document
from sync.models import Posting

OF_MONEY = ("fee_vat",)
OF_SALES = tuple(name for name in CHOICES if name not in OF_MONEY)


def used_by(posting: Posting) -> list[str]:
    """'tips kept since 2026-03-02', ...; nothing for an entry that no choice bears on."""
    names = OF_SALES if posting.document == Document.SALES_ENTRY else OF_MONEY
    rows = posting.legs.order_by().values_list("content__conventions", flat=True).distinct()
    stored = [restored(row) for row in rows if row]
    return sorted({chosen.words(name) for chosen in stored for name in names})
