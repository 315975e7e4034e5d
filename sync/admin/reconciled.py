"""A reconciliation ready for a template: figures per role, days, VAT, customers, and each difference with its links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.adminkit import admin_url, badge, link, list_url, number
from mappings.models import DebtorAccount, VatCode
from sync.admin import naming, shown
from sync.models import LateArrival, Posting, SyncItem
from sync.models.reconciliation import Difference, Reconciliation
from sync.reconciliation import months, sheet
from sync.reconciliation.kinds import EXPLAINED, MEANINGS, TITLES, Kind, inside

# Differences shown on the page; the CSV holds them all.
MOST = 100
# The checks of `months.reds` that are not well, in a few words.
LEFT = {
    "over": "it is not over yet", "unposted": "unposted records", "unmatched": "unmatched orders or customers",
    "clearing": "clearing differs", "vat": "VAT differs", "unexplained": "unexplained differences",
}  # fmt: skip
CELL, HEIGHT, FOOT = 26, 34, 18


def context(row: Reconciliation, *, at: datetime) -> dict[str, Any]:
    """Everything the table of a reconciliation shows."""
    return {
        "row": row,
        "checks": list(_checks(row, at)),
        "totals": [_total(total) for total in sheet.totals(row)],
        "days": _days(row),
        "findings": list(_findings(row, is_explained=False)),
        "explained": list(_findings(row, is_explained=True)),
        "more": max(0, row.differences.count() - 2 * MOST),
        "vat": list(_vat(row)),
        "customers": list(_customers(row)),
        "flow": list(_flow(row)),
        "csv_url": admin_url(Reconciliation, row.pk).replace("/change/", "/csv/"),
    }


def state_badge(row: Reconciliation) -> SafeString:
    return badge("nothing unexplained", "good") if row.is_clean else badge("needs a person", "bad")


def left(row: Reconciliation, *, at: datetime) -> list[str]:
    """What is not well, in words."""
    return [LEFT[name] for name in months.reds(row, at=at)]


# --- the checks -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Check:
    name: str
    badge: Any
    told: Any
    url: str


def _checks(row: Reconciliation, at: datetime) -> Iterator[Check]:
    """Each check green or red, in words."""
    red, checks = set(months.reds(row, at=at)), row.checks
    unposted, unmatched, late = checks["unposted"], checks["unmatched"], checks["late"]
    yield _check("Unposted", "unposted" in red, _count(unposted["count"], "record", "is neither booked nor decided"),
                 shown.items_url(lane=row.lane_id, state="waiting"))  # fmt: skip
    told = _count(unmatched["count"], "order", "is open on a customer although Square says it is settled")
    if unmatched["customers"]:
        told = f"{told} {_count(unmatched['customers'], 'customer', 'owes something else in Exact than here')}"
    yield _check("Unmatched", "unmatched" in red, told)
    yield _check("Clearing difference", "clearing" in red, _clearing(checks["clearing"], row))
    yield _check("VAT against the ledger", "vat" in red, _money(checks["vat"]["difference"], row))
    yield _check("Unexplained", "unexplained" in red, _money(checks["unexplained"]["difference"], row))
    came = _count(late["count"], "booking", "is of another day, or came after that day was summed up")
    moved = _count(late["other_day"], "record", "is booked on another day than at Square")
    state = badge("known", "quiet") if late["count"] or late["other_day"] else badge("none", "good")
    arrivals = list_url(LateArrival, lane__id__exact=row.lane_id, month=f"{row.begin:%Y-%m}")
    yield Check("Late arrivals", state, f"{came} {moved}", arrivals)
    if "over" in red:
        yield _check("The month itself", True, "It is not over yet.")


def _clearing(told: dict[str, Any], row: Reconciliation) -> Any:
    """What nobody explained of the days, then the balance at their end."""
    moved = told["difference"]
    parts = [format_html("{} of the movement is unexplained.", _money(moved, row)) if moved else "The movement ties."]
    for one in told.get("proofs", ()):
        balance, day = shown.money(one["books"], one["currency"]), naming.readable(one["day"])
        if one["unproven"]:
            left = shown.money(one["unproven"], one["currency"])
            causes = " ".join(sentence for _, _, sentence in one["causes"])
            parts.append(format_html("The balance of {} on {} is {} off. {}", balance, day, left, causes))
        elif one["waits"]:
            waits = shown.money(one["waits"], one["currency"])
            told_of = "The balance of {} on {} is proven, but for {} that waits for a person or was dismissed."
            parts.append(format_html(told_of, balance, day, waits))
        else:
            parts.append(format_html("The balance of {} on {} is proven.", balance, day))
    return format_html_join(" ", "{}", ((part,) for part in parts))


def _check(name: str, is_red: bool, told: Any, url: str = "") -> Check:
    return Check(name, badge("to do", "bad") if is_red else badge("in order", "good"), told, url if is_red else "")


def _count(count: int, noun: str, told: str) -> str:
    if not count:
        return f"No {noun} {told}."
    plural = "" if count == 1 else "s"
    verb = told if count == 1 else told.replace("is ", "are ", 1).replace("was ", "were ", 1)
    return f"{number(count)} {noun}{plural} {verb}."


def _money(amount: int, row: Reconciliation) -> Any:
    return shown.money(amount, _currency(row))


def _currency(row: Reconciliation) -> str:
    found = sorted({figure[2] for figure in row.figures})
    return found[0] if len(found) == 1 else ""


# --- the tables -----------------------------------------------------------------------------------
def _total(total: sheet.Total) -> dict[str, Any]:
    amounts = {name: shown.money(getattr(total, name), total.currency) for name in sheet.COLUMNS}
    return {"role": total.words, "is_red": bool(total.difference), **amounts}


def _days(row: Reconciliation) -> dict[str, Any]:
    """A cell a day: what is unexplained, what is explained, or nothing; the words say it too."""
    sums: dict[str, Counter[str]] = {}
    for day, _, _, square, explained, _, exact in row.figures:
        held = sums.setdefault(day, Counter())
        held["left"] += abs(square - explained - exact)
        held["explained"] += abs(explained)
    cells = [_day(place, day, sums[day], row) for place, day in enumerate(sorted(sums))]
    return {"cells": cells, "width": max(1, len(cells)) * CELL, "height": HEIGHT + FOOT, "text_y": HEIGHT + 13}


def _day(place: int, day: str, sums: Mapping[str, int], row: Reconciliation) -> dict[str, Any]:
    on = date.fromisoformat(day)
    word, tone, mark = ("ties", "good", "")
    if sums["explained"]:
        word, tone, mark = "explained differences", "wait", "·"
    if sums["left"]:
        word, tone, mark = "unexplained differences", "bad", "!"
    return {
        "x": place * CELL, "middle": place * CELL + CELL // 2, "tone": tone, "mark": mark, "number": on.day,
        "label": f"{on:%-d %B}: {word}", "url": shown.items_url(lane=row.lane_id, day=day),
    }  # fmt: skip


def _findings(row: Reconciliation, *, is_explained: bool) -> Iterator[dict[str, Any]]:
    """By kind, each with the way to the record and the entry."""
    rows = row.differences.filter(is_explained=is_explained).select_related("item", "posting")
    rows = rows.defer("item__payload", "posting__body")[:MOST]
    by_kind: dict[str, list[Difference]] = {}
    for one in rows:
        by_kind.setdefault(one.kind, []).append(one)
    names = naming.names(())
    for kind in Kind:
        if found := by_kind.get(kind):
            tone = "quiet" if kind in EXPLAINED else "bad"
            yield {
                "title": TITLES[kind], "meaning": MEANINGS[kind], "badge": badge(inside(TITLES[kind]), tone),
                "count": number(sum(one.count for one in found)), "rows": [_finding(one, names) for one in found],
            }  # fmt: skip


def _finding(one: Difference, names: naming.Names) -> dict[str, Any]:
    item = link(admin_url(SyncItem, one.item_id), shown.name_of(one.item)) if one.item else ""
    entry = link(admin_url(Posting, one.posting_id), one.posting.reference) if one.posting else ""
    return {
        "day": one.day, "amount": shown.money(one.amount, one.currency) if one.currency else "", "item": item,
        "entry": entry, "number": one.entry_number or "", "sentence": names.read(one.sentence),
    }  # fmt: skip


def _vat(row: Reconciliation) -> Iterator[dict[str, Any]]:
    names = dict(VatCode.objects.filter(division=row.division_id).values_list("code", "name"))
    for code in row.vat:
        apart = code["vat"] - code["exact_vat"], code["base"] - code["exact_base"]
        amounts = {name: shown.money(code[name], code["currency"]) for name in
                   ("base", "vat", "exact_base", "exact_vat", "exact_booked")}  # fmt: skip
        yield {
            "code": code["code"], "name": names.get(code["code"], ""), **amounts,
            "badge": badge("differs", "bad") if any(apart) else badge("ties", "good"),
        }  # fmt: skip


def _customers(row: Reconciliation) -> Iterator[dict[str, Any]]:
    ids = [one["debtor"] for one in row.debtors]
    names = dict(
        DebtorAccount.objects.filter(division=row.division_id, remote_id__in=ids).values_list("remote_id", "name")
    )
    for one in row.debtors:
        amounts = {name: shown.money(one[name], one["currency"]) for name in ("sold", "paid", "ours", "exact")}
        tone = badge("ties", "good") if one["ours"] == one["exact"] else badge("differs", "bad")
        open_terms = shown.money(one.get("open"), one["currency"])
        yield {"name": names.get(one["debtor"], one["debtor"]), **amounts, "open": open_terms, "badge": tone}


def _flow(row: Reconciliation) -> Iterator[dict[str, Any]]:
    """Money in and out per day; `held` is what Square took in and had not paid out by then, since the beginning."""
    names: Sequence[str] = ("received", "refunded", "fees", "settled")
    totals: dict[str, Counter[str]] = {}
    for one in row.flow:
        totals.setdefault(one["currency"], Counter()).update({name: one[name] for name in names})
        yield {
            "day": date.fromisoformat(one["day"]),
            **{name: shown.money(one[name], one["currency"]) for name in names},
        }
    for currency, sums in totals.items():
        yield {"day": None, **{name: shown.money(sums[name], currency) for name in names}}
