"""Which name a difference gets: a table of cases, each as small as it can be. Amounts in cents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.reconciliation import entries, groups
from sync.reconciliation.books import Books, Entry, LedgerLine, Place, Taxed
from sync.reconciliation.entries import Owner, Sent, Strangers
from sync.reconciliation.figures import MOST, Cell, Figures, Finding, Period
from sync.reconciliation.groups import Held, Standing
from sync.reconciliation.kinds import EXPLAINED, MEANINGS, TITLES, Kind
from sync.reconciliation.square import Owed

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
SALE = {"revenue": -2066, "output_vat": -434, "receivables": 2500}
FEE = {"processing_fee": 44, "clearing": -44}
DONE = Standing(1, "P0", "done", name="Payment 7F2K")


def owed(moves: Mapping[str, int] = SALE, *, group: str = "sale", day: date = DAY) -> Owed:
    return Owed((group, "O1"), day, "EUR", moves)


def held(state: str = "confirmed", moves: Mapping[str, int] = SALE, *, day: date = DAY, group: str = "sale") -> Held:
    return Held((group, "O1"), day, "EUR", moves, state, "TB-0000000000000001", 7)


CENT = {"revenue": -2067, "output_vat": -433, "receivables": 2500}
MORE = {"revenue": -3066, "output_vat": -434, "receivables": 3500}
ONE_SIDE: dict[str, tuple[list[Owed], list[Held], Standing, Kind | None]] = {
    "agrees": ([owed()], [held()], DONE, None),
    "agrees in two parts": ([owed()], [held(moves={"revenue": -2066, "output_vat": -434}),
                                       held(moves={"receivables": 2500})], DONE, None),
    "booked and reversed, and Square says nothing": ([], [held(), held(moves={r: -a for r, a in SALE.items()})], DONE,
                                                     None),
    "on another day": ([owed()], [held(day=NEXT)], DONE, Kind.TIMING),
    "on its way": ([owed()], [held("ready")], DONE, Kind.TIMING),
    "in an entry that is being sent": ([owed()], [held("posting")], DONE, Kind.TIMING),
    "read and not resolved": ([owed()], [], replace(DONE, state="extracted"), Kind.TIMING),
    "its leg waits": ([owed()], [held("waiting", {})], DONE, Kind.WAITING),
    "refused": ([owed()], [held("refused", {})], DONE, Kind.WAITING),
    "its record waits": ([owed()], [], replace(DONE, state="waiting"), Kind.WAITING),
    "before go-live": ([owed()], [], replace(DONE, state="waiting", problem_kind="before_go_live"),
                       Kind.BEFORE_GO_LIVE),
    "changed after it was booked": ([owed(MORE)], [held()], replace(DONE, state="waiting",
                                    problem_kind="changed_after_posting"), Kind.WAITING),
    "booked wrongly, whatever its record waits for": ([owed(MORE)], [held()], replace(DONE, state="waiting"),
                                                      Kind.UNKNOWN),
    "dismissed": ([owed()], [held("dismissed", {})], DONE, Kind.DISMISSED),
    "its record was dismissed": ([owed()], [], replace(DONE, state="dismissed"), Kind.DISMISSED),
    "nothing books it": ([owed()], [], DONE, Kind.MISSING),
    "twice": ([owed()], [held(), held()], DONE, Kind.DOUBLED),
    "a cent between net and VAT": ([owed()], [held(moves=CENT)], DONE, Kind.ROUNDING),
    "other amounts": ([owed()], [held(moves=MORE)], DONE, Kind.UNKNOWN),
    "booked, and Square says nothing": ([], [held()], DONE, Kind.UNKNOWN),
    "only a payout states the fee": ([owed(FEE, group="fee")], [], replace(DONE, states_fee=False), Kind.FEE_PENDING),
    "a fee that the payment states": ([owed(FEE, group="fee")], [], DONE, Kind.MISSING),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_SIDE)
def test_square_against_our_legs(name):
    said, ours, standing, kind = ONE_SIDE[name]
    group = (said[0].group if said else ours[0].group) if said or ours else ("sale", "O1")
    found = list(groups.compare(group, said, ours, standing))
    assert [one.kind for one in found] == ([kind] if kind else [])
    for one in found:
        assert one.sentence.startswith("Payment 7F2K: ")
        assert one.item == 1


def test_a_finding_is_the_part_of_square_that_our_booked_legs_lack():
    (one,) = groups.compare(("sale", "O1"), [owed(MORE)], [held()], DONE)
    assert one.cells == {Cell(DAY, "revenue", "EUR"): -1000, Cell(DAY, "receivables", "EUR"): 1000}
    assert one.size == 1000


# --- our entries against the ledger ----------------------------------------------------------------
ROLES = {"1300": "receivables", "8000": "revenue", "1500": "output_vat", "1105": "clearing", "4960": "processing_fee"}
SENT = Sent(7, "TB-0000000000000001", 26700001, DAY, "EUR", {"1300": 2500, "8000": -2066, "1500": -434})


def role_of(account: str) -> str:
    return ROLES.get(account, f"account {account}")


def entry(moved: Mapping[str, int], *, day: date = DAY, key: str = "E1", references: tuple[str, ...] = ()) -> Entry:
    places = {Place(day, account, "EUR"): amount for account, amount in moved.items()}
    return Entry(key, 26700001, "70", places, set(references))


AS_SENT = {"1300": 2500, "8000": -2066, "1500": -434}
ENTRIES: dict[str, tuple[Sent, Entry | None, Kind | None, int]] = {
    "as it was sent": (SENT, entry(AS_SENT), None, 0),
    "another amount": (SENT, entry({"1300": 2379, "8000": -1966, "1500": -413}), Kind.EDITED, 121),
    "another account": (SENT, entry({"1300": 2500, "8001": -2066, "1500": -434}), Kind.EDITED, 2066),
    "another day": (SENT, entry(AS_SENT, day=NEXT), Kind.EDITED, 2500),
    "gone": (SENT, None, Kind.DELETED, 2500),
    "booked while reading": (replace(SENT, is_new=True), None, Kind.TIMING, 2500),
    "a cent, and never confirmed": (replace(SENT, was_confirmed=False), entry({"1300": 2500, "8000": -2067,
                                    "1500": -433}), Kind.ROUNDING, 1),
    "a cent, after it was confirmed": (SENT, entry({"1300": 2500, "8000": -2067, "1500": -433}), Kind.EDITED, 1),
    "VAT on an account nobody knew": (replace(SENT, expected={"1300": 2500, "8000": -2066, "vat": -434}),
                                      entry(AS_SENT), None, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_our_entry_against_the_ledger(name):
    sent, shown, kind, size = ENTRIES[name]
    found = list(entries.compare(sent, shown, role_of))
    assert [(one.kind, one.size) for one in found] == ([(kind, size)] if kind else [])


OWN = Owner(7, "TB-0000000000000001", is_booked=True, remote_id="E1")
STRANGE: dict[str, tuple[Entry, dict[str, Owner], Kind | None]] = {
    "on clearing": (entry({"1105": -750, "4960": 750}, key="X"), {}, Kind.FOREIGN),
    "beside clearing": (entry({"1300": 100, "8000": -100}, key="X"), {}, None),
    "before go-live": (entry({"1105": -750}, key="X", day=date(2026, 3, 1)), {}, None),
    "ours a second time": (entry(AS_SENT, key="X", references=("TB-0000000000000001",)),
                           {"TB-0000000000000001": OWN}, Kind.DOUBLED),
    "ours under another number": (entry(AS_SENT, key="X", references=("TB-0000000000000001",)),
                                  {"TB-0000000000000001": replace(OWN, remote_id="gone")}, Kind.EDITED),
    "ours, sent and not looked up yet": (entry(AS_SENT, key="X", references=("TB-0000000000000001",)),
                                         {"TB-0000000000000001": replace(OWN, is_booked=False)}, Kind.TIMING),
    "a reference that nobody knows, on clearing": (entry({"1105": 5}, key="X", references=("TB-0000000000000009",)), {},
                                                   Kind.FOREIGN),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_what_else_the_ledger_holds(name):
    shown, owners, kind = STRANGE[name]
    strangers = Strangers(role_of, {"1105"}, DAY, {"E1"}, owners)
    found = [one for _, one in strangers.judge([shown], MARCH)]
    assert [one.kind for one in found] == ([kind] if kind else [])


def test_of_a_foreign_entry_only_the_clearing_line_is_ours_to_explain():
    strangers = Strangers(role_of, {"1105"}, DAY, {"E1"}, {})
    ((_, one),) = strangers.judge([entry({"1105": -750, "4960": 750}, key="X")], MARCH)
    assert one.cells == {Cell(DAY, "clearing", "EUR"): 750}


# --- the sums --------------------------------------------------------------------------------------
def test_what_no_finding_explains_becomes_one():
    figures = Figures(MARCH)
    figures.square[Cell(DAY, "revenue", "EUR")] = -100
    figures.exact[Cell(DAY, "revenue", "EUR")] = -90
    figures.close()
    assert [(one.kind, one.size) for one in figures.findings] == [(Kind.UNKNOWN, 10)]
    assert figures.unexplained == 10


def test_days_outside_the_period_are_left_out():
    figures = Figures(MARCH)
    figures.add(figures.square, [(Cell(date(2026, 4, 1), "revenue", "EUR"), 100)])
    figures.find([Finding(Kind.MISSING, "x", {Cell(date(2026, 4, 1), "revenue", "EUR"): 100})])
    figures.close()
    assert (list(figures.rows()), figures.findings) == ([], [])


def test_thousands_that_explain_themselves_are_told_per_day_and_findings_never_are():
    figures = Figures(MARCH)
    cell = Cell(DAY, "clearing", "EUR")
    for kind in (Kind.WAITING, Kind.MISSING):
        for _ in range(MOST):
            figures.square[cell] += 1
            figures.find([Finding(kind, "x", {cell: 1})])
    figures.close()
    figures_again = figures.findings
    assert sum(one.count for one in figures_again) == 2 * MOST
    assert sum(one.kind is Kind.MISSING for one in figures_again) == MOST
    assert figures.unexplained == MOST


amounts = st.dictionaries(
    st.builds(Cell, st.sampled_from([DAY, NEXT]), st.sampled_from(["revenue", "clearing"]), st.just("EUR")),
    st.integers(-10_000, 10_000),
    max_size=4,
)


@given(amounts, amounts, st.lists(st.tuples(st.sampled_from(list(Kind)), amounts), max_size=6))
def test_square_is_always_exact_and_every_finding_together(square: Any, exact: Any, told: Any):
    """Whatever was found, the sum over all findings is the difference: nothing can be left out."""
    figures = Figures(MARCH)
    figures.add(figures.square, square.items())
    figures.add(figures.exact, exact.items())
    figures.find(Finding(kind, "x", cells) for kind, cells in told)
    figures.close()
    for row in figures.rows():
        findings = sum(one.cells.get(row.cell, 0) for one in figures.findings if not one.is_explained)
        assert row.difference == findings


def test_every_kind_has_words_and_a_meaning():
    assert set(TITLES) == set(MEANINGS) == set(Kind)
    assert set(Kind) > EXPLAINED


# --- the ledger ------------------------------------------------------------------------------------
def ledger_line(**changes: Any) -> LedgerLine:
    usual = LedgerLine("E1", 1, DAY, "70", "8000", "EUR", -2066, -434, "2", "CUST", "")
    return usual._replace(**changes)


def test_the_ledger_is_added_up_per_entry_vat_code_and_customer():
    books = Books({"E1": 3}, {"1500"}, {"1300"})
    books.read(
        [
            ledger_line(),
            ledger_line(account="1500", amount=-434, vat=0),
            ledger_line(account="1300", amount=2500, vat=0, vat_code=""),
            ledger_line(entry="X", text="TB-0123456789ABCDEF Receipt 7F2K", account="1105", vat_code=""),
        ]
    )
    assert books.entries["E1"].by_account() == {"8000": -2066, "1500": -434, "1300": 2500}
    assert books.vat == {3: {("EUR", "2"): Taxed(2066, 434, 434)}}
    assert books.debtors[3] == {("EUR", "CUST"): 2500}
    assert books.entries["X"].references == {"TB-0123456789ABCDEF"}
    assert books.lines == 4
