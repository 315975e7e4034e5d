"""Payout entries against what is booked already: only a difference is still to be posted.

Square settles a payment or refund in one entry (CHARGE, REFUND) that carries its fee, or, for sellers that settle
gross, in one for the amount and later ones for the fee. So the entries of an event are compared together: their gross
with its gross, their fees with its fees, whichever of the two this payout speaks about.
Reference: bookkeeping section 2 "payout", section 6 case 7; Square PayoutEntry: net = gross - fee.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connections.providers.square.payloads import PayoutEntry
from mappings.bookkeeping.activities import Check, activity
from mappings.bookkeeping.context import written
from mappings.roles import Role


@dataclass(frozen=True, slots=True)
class Booked:
    """What the books hold of a payment or refund on the clearing account and no earlier payout has settled, in Square's
    signs: `gross` negative for a refund; `fee` all its fees (app fees too), negative when given back.
    """

    gross: int
    fee: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What an entry leaves to post, 0 when it only verifies, and what a person should know about it."""

    entry: PayoutEntry
    role: Role
    amount: int = 0
    note: str = ""


Event = tuple[str, str]


def events(
    entries: Sequence[PayoutEntry],
    payments: Mapping[str, Booked],
    refunds: Mapping[str, Booked],
    *,
    fees_apart: bool,
) -> Iterator[Finding]:
    """`fees_apart`: the seller settles gross, so an entry without a fee says nothing about it."""
    groups: dict[Event, list[PayoutEntry]] = defaultdict(list)
    for entry in entries:
        if activity(entry.kind).check in (Check.EVENT, Check.FEE):
            groups[_event(entry)].append(entry)
    for (kind, source), group in groups.items():
        booked = (refunds if kind == "refund" else payments).get(source)
        if booked is None:
            yield from _unverified(group, kind, source)
        else:
            yield from _compared(group, booked, kind, source, fees_apart=fees_apart)


def _event(entry: PayoutEntry) -> Event:
    return ("refund", entry.refund_id) if entry.refund_id else ("payment", entry.payment_id)


def _unverified(group: Sequence[PayoutEntry], kind: str, source: str) -> Iterator[Finding]:
    for entry in group:
        what = f"{entry.kind} of {written(entry.net, entry.currency)}"
        note = f"{what}: {kind} {source} is not booked yet. The entry is compared with it once it is."
        if not source:
            note = f"{what} names no payment, so it cannot be compared one by one. Fees are booked from their payments."
        yield Finding(entry, activity(entry.kind).role, note=note)


def _compared(
    group: Sequence[PayoutEntry], booked: Booked, kind: str, source: str, *, fees_apart: bool
) -> Iterator[Finding]:
    whole = [entry for entry in group if activity(entry.kind).check is Check.EVENT]
    fees = [entry for entry in group if activity(entry.kind).check is Check.FEE]
    gross = sum(entry.gross for entry in whole) - booked.gross if whole else 0
    fee = sum(entry.fee for entry in whole) - sum(entry.net for entry in fees)
    states_fee = bool(fees) or any(entry.fee for entry in whole) or not fees_apart
    late = booked.fee - fee if states_fee else 0
    yield from (Finding(entry, activity(entry.kind).role) for entry in group[:-1])
    yield _difference(group[-1], gross, late, f"{kind} {source}")


def _difference(entry: PayoutEntry, gross: int, late: int, event: str) -> Finding:
    """A difference in the fee alone is a fee; where the amount differs, nobody knows what it is."""
    role, apart = activity(entry.kind).role, gross + late
    if not apart:
        return Finding(entry, role)
    amount = written(apart, entry.currency)
    if gross:
        note = (
            f"Square's amount for {event} differs by {amount} from what is booked. It stands in suspense: look at it."
        )
        return Finding(entry, Role.SUSPENSE, apart, note)
    fee = written(-apart, entry.currency)
    note = f"Square's fee for {event} differs by {fee} from what is booked. The difference is posted."
    return Finding(entry, role, apart, note)


def transfers(entries: Iterable[PayoutEntry], check: Check, moved: Mapping[str, int]) -> Iterator[Finding]:
    """Payouts that stand in this one as an entry, against those whose own record is booked (`moved`: payout id ->
    movement of the clearing account). Entries of this kind rarely name the payout: one of that amount is taken.
    """
    left = Counter(moved.values())
    for entry in entries:
        found = activity(entry.kind)
        if found.check is not check:
            continue
        known = moved.get(entry.about_payout_id) == entry.net or left[entry.net] > 0
        left[entry.net] -= known
        yield Finding(entry, found.role) if known else Finding(entry, found.role, entry.net)
