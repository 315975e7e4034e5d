"""`make bench`: what booking a month costs, in calls, statements, memory and time. `--quick` measures 1,000 only."""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks import results, stage


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 payments only")
    quick = parser.parse_args().quick
    measured = {}
    for mode in stage.MODES:
        for payments in (1_000,) if quick else (1_000, 10_000):
            print(f"{payments:,} counter sales of {stage.DAYS} days, {mode.replace('_', ' ')} ...", flush=True)
            measured[mode, payments] = stage.measure(mode, payments)
    rows = results.rows(measured)
    results.show(rows)
    results.write(rows)
    return 0 if all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
