"""From measurements to rows with a target, on the screen and in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.stage import Measured

FILE = Path(".bench") / "results.json"
MEGABYTE = 1024 * 1024
# 1,000 payments do not fill every batch yet, and the allocator never gives back all it took. A list of all records,
# which is what this must catch, shows as a factor.
FLAT = 1.3
# A reconciliation may ask Exact once for so many ledger lines.
LINES = 500
LARGE = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """`met` is None where there is no target."""

    name: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


def rows(measured: Mapping[tuple[str, int], Measured]) -> list[Row]:
    found = [row for (mode, _), one in measured.items() for row in _of_one(mode, one)]
    return found + [row for mode in dict.fromkeys(mode for mode, _ in measured) for row in _growth(mode, measured)]


def _of_one(mode: str, one: Measured) -> Iterator[Row]:
    name = f"{one.payments:,}, {mode.replace('_', ' ')}:"
    share = one.payments / 100
    is_large_day = mode == "daily_summary" and one.payments == 10_000
    yield Row(f"{name} payments a second", round(one.payments / one.seconds, 1), "1/s")
    yield at_most(
        f"{name} Exact calls", round(one.exact_calls / share, 2), "per 100", _exact_target(mode, is_large_day)
    )
    yield at_most(f"{name} Square calls", round(one.square_calls / share, 2), "per 100", 6 if is_large_day else None)
    yield Row(f"{name} database statements", round(one.statements / one.payments, 2), "per payment")
    yield Row(f"{name} peak memory", round(one.peak / MEGABYTE, 1), "MB")
    yield Row(f"{name} of which at rest", round(one.resting / MEGABYTE, 1), "MB")
    yield at_most(f"{name} difference, all accounts", one.difference / 100, "EUR", 0)
    yield at_most(f"{name} entries booked twice", one.doubled, "", 0)
    yield from _reconciled(name, one)


def _reconciled(name: str, one: Measured) -> Iterator[Row]:
    """The comparison of the month with the ledger, once it is booked."""
    found = one.reconciled
    yield at_most(f"{name} reconcile", round(found.seconds, 1), "s", 10 if one.payments == LARGE else None)
    per_part = round(found.exact_calls / max(1, found.lines / LINES), 2)
    yield at_most(f"{name} reconcile, Exact calls", per_part, f"per {LINES} lines", 1)
    yield at_most(f"{name} reconcile, unexplained", found.unexplained, "cents", 0)
    yield Row(f"{name} reconcile, memory on top", round((found.peak - found.resting) / MEGABYTE, 1), "MB")


def _exact_target(mode: str, is_large_day: bool) -> float | None:
    if mode == "per_payment":
        return 110
    return 2 if is_large_day else None


def _growth(mode: str, measured: Mapping[tuple[str, int], Measured]) -> Iterator[Row]:
    sizes = sorted(payments for found, payments in measured if found == mode)
    if len(sizes) > 1:
        small, large = (measured[mode, size] for size in (sizes[0], sizes[-1]))
        name = f"{mode.replace('_', ' ')}: memory at {large.payments:,} against {small.payments:,}"
        yield at_most(name, round(large.peak / small.peak, 2), "x", FLAT)
        more = (large.statements / large.payments) / (small.statements / small.payments)
        yield at_most(f"{mode.replace('_', ' ')}: statements per payment, same", round(more, 2), "x", 1.1)


def at_most(name: str, value: float, unit: str, target: float | None) -> Row:
    return Row(name, value, unit) if target is None else Row(name, value, unit, f"<= {target:g}", value <= target)


def show(found: Iterable[Row]) -> None:
    found = list(found)
    widths = [max(len(text(row)) for row in found) for text in COLUMNS]
    print()
    for row in found:
        name, value, unit, target, met = (text(row) for text in COLUMNS)
        print(f"{name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {target:<{widths[3]}}  {met}".rstrip())


COLUMNS: tuple[Callable[[Row], str], ...] = (
    lambda row: row.name,
    lambda row: f"{row.value:,.2f}".removesuffix(".00"),
    lambda row: row.unit,
    lambda row: row.target,
    lambda row: {True: "met", False: "NOT MET", None: ""}[row.met],
)


def write(found: Iterable[Row]) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps([asdict(row) for row in found], indent=2) + "\n")
    print(f"\nWritten to {FILE}.")
