"""`make bench`: what booking a month costs, in calls, statements, memory and time, and what the trail's proof does.

`--quick` measures 1,000 payments, 10,000 lines to archive and 100,000 audit entries; `--audit-only` the trail alone,
`--archive-only` the archive beside dlt alone.
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks import audit, customers, history, quota, results, sheets, stage, suggested, webhooks, whole
from tests.benchmarks.archive import measuring as archive

SIZES = (1_000, 10_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 payments, 1,000 customers, 100,000 audit entries")
    parser.add_argument("--entries", type=int, default=0, help=f"audit entries, instead of {audit.ENTRIES:,}")
    parser.add_argument("--archive-only", action="store_true", help="the archive beside dlt and nothing else")
    parser.add_argument("--audit-only", action="store_true", help="the audit trail and nothing else")
    asked = parser.parse_args()
    entries = asked.entries or (audit.ENTRIES // 10 if asked.quick else audit.ENTRIES)
    rows: list[results.Row] = []
    if not (asked.audit_only or asked.archive_only):
        rows += _booking(is_quick=asked.quick)
    if not asked.audit_only:
        lines, many = archive.QUICK if asked.quick else archive.SIZES
        print(f"{lines:,} lines of the ledger archived beside dlt, {many:,} killed on the way", flush=True)
        rows += archive.rows(is_quick=asked.quick)
    if not asked.archive_only:
        print(f"{entries:,} audit entries sealed, verified and exported", flush=True)
        rows += audit.rows(entries)
    results.show(rows)
    results.write(rows)
    return 0 if all(row.met is not False for row in rows) else 1


def _booking(*, is_quick: bool) -> list[results.Row]:
    sizes = SIZES[: 1 if is_quick else 2]
    wanted = [(mode, payments) for payments in sizes for mode in stage.MODES]
    for mode, payments in wanted:
        print(f"{payments:,} counter sales of {stage.DAYS} days, {mode.replace('_', ' ')}")
    for payments in sizes:
        print(f"{payments:,} payments of {stage.DAYS} days, all kinds: booked in one run; planned, then posted")
    print("Customer mappings from a spreadsheet: checked, written, taken back")
    people = customers.QUICK if is_quick else customers.SIZE
    print(f"{people:,} customers kept in step in both directions")
    writes = quota.QUICK if is_quick else quota.WRITES
    print(f"{writes:,} writes of three lanes within Exact's limits")
    past = history.QUICK if is_quick else history.RECORDS
    print(f"{past:,} records of history read off peak, killed on the way, released and booked")
    print(f"{webhooks.RATE} webhooks a second beside a lane at work, on SQLite and on PostgreSQL")
    print("Each in a fresh data folder, the vendors in processes of their own. This takes minutes.", flush=True)
    measured = stage.measure_all(wanted)
    months = stage.measure_months(sizes)
    imported = sheets.rows(is_quick=is_quick)
    return [
        *results.rows(measured),
        *whole.rows(months),
        *imported,
        *suggested.rows(),
        *webhooks.rows(),
        *customers.rows(people),
        *quota.rows(writes),
        *history.rows(past),
    ]


if __name__ == "__main__":
    sys.exit(main())
