"""The rows of a whole month: refunds, invoices, payouts and known customers, planned and posted in daily summaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import floor

from tests.benchmarks.results import FLAT, LARGE, LINES, MEGABYTE, Row, at_most
from tests.benchmarks.stage import Month, Ran

# Exact calls that a month may cost: per document that must stand alone, and per other payment.
PER_DOCUMENT, PER_OTHER = 1.05, 0.025
SLOW_PAGE = 300  # milliseconds


def rows(months: Mapping[int, Month]) -> list[Row]:
    found = [row for month in months.values() for row in (*_costs(month), *_books(month), *_pages(month))]
    if len(months) > 1:
        small, large = months[min(months)], months[max(months)]
        name = f"whole month: memory at {large.payments:,} against {small.payments:,}"
        found.append(at_most(name, round(large.peak / small.peak, 2), "x", FLAT))
    return found


def _costs(month: Month) -> Iterator[Row]:
    name, is_large = _name(month), month.payments == LARGE
    yield from _run(f"{name} booked in one run:", month.booked, 60 if is_large else None)
    yield from _run(f"{name} plan, with reading and resolving:", month.plan, None)
    yield from _run(f"{name} plan of records held, nothing sent:", month.again, 10 if is_large else None)
    yield from _run(f"{name} approved and posted:", month.posted, None)
    both = month.plan.seconds + month.posted.seconds
    yield at_most(f"{name} planned and posted", round(both, 1), "s", 60 if is_large else None)
    yield Row(f"{name} planned and posted, our own CPU", round(month.plan.cpu + month.posted.cpu, 1), "s")
    alone, others = month.documents["alone"], month.documents["others"]
    allowed = floor(PER_DOCUMENT * alone + PER_OTHER * others)
    told = f"for {alone:,} alone, {others:,} others"
    yield at_most(f"{name} Exact calls", month.exact_calls, told, allowed if is_large else None)
    yield Row(f"{name} Square calls", month.plan.square_calls + month.posted.square_calls, "")
    yield Row(f"{name} peak memory", round(month.peak / MEGABYTE, 1), "MB")


def _run(name: str, ran: Ran, target: float | None) -> Iterator[Row]:
    yield at_most(name, round(ran.seconds, 1), "s", target)
    yield Row(f"{name} our own CPU", round(ran.cpu, 1), "s")
    yield Row(f"{name} statements", ran.statements, "")
    yield Row(f"{name} load of the machine before", round(ran.load, 1), "")
    yield Row(f"{name} taken by the machine's host meanwhile", ran.stolen, "%")


def _books(month: Month) -> Iterator[Row]:
    name, found = _name(month), month.reconciled
    yield at_most(f"{name} difference from what was generated, all roles", month.tied["difference"] / 100, "EUR", 0)
    yield at_most(f"{name} clearing against the Square balance", abs(month.tied["clearing"]) / 100, "EUR", 0)
    yield at_most(f"{name} entries booked twice", month.tied["doubled"], "", 0)
    yield at_most(f"{name} records not done", month.documents["waiting"], "", 0)
    yield at_most(f"{name} reconcile", round(found.seconds, 1), "s", 10 if month.payments == LARGE else None)
    yield Row(f"{name} reconcile, our own CPU", round(found.cpu, 1), "s")
    yield at_most(f"{name} reconcile, Exact calls", round(_calls_per_part(month), 2), f"per {LINES} lines", 1)
    yield at_most(f"{name} reconcile, unexplained", found.unexplained, "cents", 0)


def _calls_per_part(month: Month) -> float:
    return month.reconciled.exact_calls / max(1, month.reconciled.lines / LINES)


def _pages(month: Month) -> Iterator[Row]:
    """The slowest pages by name; all others are quicker."""
    slowest = sorted(month.pages, key=lambda page: -page[1])
    name = f"{_name(month)} slowest of {len(slowest)} pages, our own CPU"
    yield at_most(name, slowest[0][1], "ms", SLOW_PAGE if month.payments == LARGE else None)
    for address, spent, statements in slowest[:5]:
        yield Row(f"{_name(month)} {address}, {statements} statements", spent, "ms")


def _name(month: Month) -> str:
    return f"{month.payments:,}, whole month:"
