"""Why a leg looks as it does, in sentences for the person who asks where a number comes from."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.bookkeeping.context import written
from mappings.bookkeeping.legs import Document, LegKind, LegPlan, Line
from mappings.bookkeeping.periods import vat_note

ENTRIES = {
    Document.SALES_ENTRY: "a sales entry",
    Document.BANK_ENTRY: "a bank entry",
    Document.CASH_ENTRY: "a cash entry",
}


def explain(leg: LegPlan) -> list[str]:
    """What is booked where, then one sentence a line: amount, account, VAT, and the rule that chose it."""
    return list(_sentences(leg))


def _sentences(leg: LegPlan) -> Iterator[str]:
    if leg.problem:
        yield f"This {_kind(leg)} waits: {leg.problem.sentence}"
        return
    yield _head(leg)
    yield from moved(leg)
    for line in leg.lines:
        yield _line(leg, line)
    if leg.after_sale:
        awaited = "the credit" if leg.kind is LegKind.REFUND_MONEY else "the sale of its order"
        yield f"It waits until {awaited} is booked, whose number it carries."
    if leg.stands_alone:
        yield "It is an entry of its own and never part of a daily summary."


def moved(leg: LegPlan) -> list[str]:
    """Why a leg is not booked on its own day, and what that does to its VAT; empty for one that is."""
    if leg.moved_from is None:
        return []
    told = f"It belongs to {leg.moved_from}, whose period is closed in Exact, and is booked on {leg.date}."
    later = vat_note(leg.moved_from, leg.date) if any(line.vat for line in leg.lines) else ""
    return [told, later] if later else [told]


def _kind(leg: LegPlan) -> str:
    return leg.kind.value.replace("_", " ")


def _head(leg: LegPlan) -> str:
    account = leg.main_account
    main = f", which moves {account.code} by {written(leg.total, leg.currency)}" if account else ""
    owing = f", on customer {leg.debtor.name}" if leg.debtor else ""
    return f"The {_kind(leg)} of {leg.date} is booked in {ENTRIES[leg.document]} of journal {leg.journal}{owing}{main}."


def _line(leg: LegPlan, line: Line) -> str:
    vat = ""
    if line.vat_code:
        vat = f" with VAT code {line.vat_code} and {written(line.vat, leg.currency)} of VAT"
    center = f", cost centre {line.cost_center}" if line.cost_center else ""
    unit = f", cost unit {line.cost_unit}" if line.cost_unit else ""
    why = "; ".join(line.note.split("\n"))
    where = f"{line.role.words}, GL account {line.account.code}{center}{unit}"
    return f"{written(line.amount, leg.currency)}{vat} on {where}: {why}."
