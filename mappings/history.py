"""What the division's own ledger says about its accounts: counts, read in bulk once a month at most."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction

from connections import clients, clock
from connections.models import Division
from connections.providers.exact import odata, resources
from connections.providers.exact.client import Row
from mappings.models import Journal, LedgerCount
from mappings.suggestions import Counted

STALE, SPAN = timedelta(days=30), timedelta(days=365)
# A thousand lines each. Exact answers in the order of GUIDs, which is none: what is read is a fair sample.
MOST_PAGES = 10
OURS = "TB-"
SELECT = ("ID", "GLAccountCode", "VATCode", "JournalCode", "YourRef", "Description")


def read_if_stale(division: Division) -> None:
    """Raises the errors of the providers; then the counts stay as they were."""
    last = LedgerCount.objects.filter(division=division).order_by("-read_at").values_list("read_at", flat=True).first()
    if last is None or clock.now() - last > STALE:
        read(division)


def read(division: Division) -> None:
    now = clock.now()
    since = datetime.combine((now - SPAN).date(), datetime.min.time())
    pages = clients.exact_client(division).pages(
        resources.TRANSACTION_LINES.path, select=SELECT, where=odata.ge("Date", since)
    )
    types = dict(Journal.objects.filter(division=division).values_list("code", "type"))
    counts: Counter[tuple[str, str, int]] = Counter()
    for page in islice(pages, MOST_PAGES):
        counts.update(key for row in page if (key := _key(row, types)))
    # A ledger without lines is known to be empty, and not asked again for a month.
    rows = counts or Counter({("", "", 0): 0})
    with transaction.atomic():
        LedgerCount.objects.filter(division=division).delete()
        LedgerCount.objects.bulk_create(
            [
                LedgerCount(
                    division=division, account=account, vat_code=code, journal_type=kind, lines=lines, read_at=now
                )
                for (account, code, kind), lines in rows.items()
            ],
            batch_size=200,
        )


def _key(row: Row, types: dict[str, int]) -> tuple[str, str, int] | None:
    """(account, VAT code, type of journal); None for a line of ours, which would prove a mapping by itself."""
    account, code, journal, *texts = (
        str(row.get(name) or "").strip()
        for name in ("GLAccountCode", "VATCode", "JournalCode", "YourRef", "Description")
    )
    if not account or journal not in types or any(OURS in text for text in texts):
        return None
    return account, code, types[journal]


def counted(division: Division) -> list[Counted]:
    rows = LedgerCount.objects.filter(division=division, lines__gt=0).order_by("account", "vat_code", "journal_type")
    return [Counted(row.account, row.vat_code, row.journal_type, row.lines) for row in rows]
