"""`make bench`: what booking a month costs, in calls, statements, memory and time. `--quick` measures 1,000 only."""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks import results, sheets, stage, suggested, webhooks, whole

SIZES = (1_000, 10_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 payments only")
    quick: bool = parser.parse_args().quick
    sizes = SIZES[: 1 if quick else 2]
    wanted = [(mode, payments) for payments in sizes for mode in stage.MODES]
    for mode, payments in wanted:
        print(f"{payments:,} counter sales of {stage.DAYS} days, {mode.replace('_', ' ')}")
    for payments in sizes:
        print(f"{payments:,} payments of {stage.DAYS} days, all kinds: booked in one run; planned, then posted")
    print("Customer mappings from a spreadsheet: checked, written, taken back")
    print("Each in a fresh data folder, the vendors in processes of their own. This takes minutes.", flush=True)
    measured = stage.measure_all(wanted)
    months = stage.measure_months(sizes)
    imported = sheets.rows(is_quick=quick)
    rows = [*results.rows(measured), *whole.rows(months), *imported, *suggested.rows(), *webhooks.rows()]
    results.show(rows)
    results.write(rows)
    return 0 if all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
