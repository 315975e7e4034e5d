"""`make bench`: what booking a month costs, in calls, statements, memory and time. `--quick` measures 1,000 only."""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks import results, stage

SIZES = (1_000, 10_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 payments only")
    quick = parser.parse_args().quick
    wanted = [(mode, payments) for payments in SIZES[: 1 if quick else 2] for mode in stage.MODES]
    for mode, payments in wanted:
        print(f"{payments:,} counter sales of {stage.DAYS} days, {mode.replace('_', ' ')}")
    print("Each in a fresh data folder, the vendors in processes of their own. This takes minutes.", flush=True)
    measured = stage.measure_all(wanted)
    rows = results.rows(measured)
    results.show(rows)
    results.write(rows)
    return 0 if all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
