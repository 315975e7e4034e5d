"""Proving a lane's clearing account: what we booked, what Exact shows, what Square still owes; each cent explained.

    for proof in clearing_proof.prove(lane, day):          # one per currency; asks Exact: one call per 1,000 lines
        proof.books, proof.square, proof.ledger, proof.differences, proof.is_proven

The account belongs to the clearing journal, so lanes that share a journal are proven together. `prove` writes nothing;
`prove_and_keep` stores the result with its time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from audit import trail
from audit.trail import Fact
from connections import clients, clock, money
from connections.money import to_minor, written
from connections.providers.exact import odata, resources
from connections.providers.exact.payloads import TransactionLine
from mappings.bookkeeping import proof as pure
from mappings.bookkeeping.legs import Document, LegKind, ProblemKind
from mappings.bookkeeping.proof import Difference, DifferenceKind, Figures, Proof
from mappings.models import Journal
from mappings.roles import Role
from sync import square_balance
from sync.lifecycle import STANDING, ItemState, LegState, PostingState
from sync.models import Leg, Posting, SyncItem, SyncLane
from sync.models.clearing import ClearingOpening, ClearingProof
from sync.square_balance import Span, SquareBalance

IN_THE_BOOKS = (LegState.POSTED, LegState.CONFIRMED, LegState.REVERSED)
AT_EXACT = (PostingState.POSTED, PostingState.CONFIRMED, PostingState.REVERSED, PostingState.CONFLICT)
# A fee shows minutes to hours after its payment; one this long without any has none.
FEE_SHOWS_AFTER = timedelta(days=3)
# Exact may show an entry moments after it said that it booked it.
MAY_LAG = timedelta(hours=1)
MOST_NAMED = 200


@dataclass(frozen=True, slots=True)
class Account:
    """The clearing account of a lane: its journal, the code of its GL account, and the lanes that book in it."""

    journal: str
    code: str
    lanes: tuple[SyncLane, ...]

    @property
    def division(self) -> Any:
        return self.lanes[0].division


def account_of(lane: SyncLane) -> Account:
    sharing = SyncLane.objects.filter(division=lane.division_id, clearing_journal=lane.clearing_journal)
    row = Journal.objects.filter(division=lane.division_id, code=lane.clearing_journal, gone_at=None).first()
    lanes = tuple(sharing.select_related("division__connection").order_by("pk"))
    return Account(lane.clearing_journal, row.account if row else "", lanes)


def prove(lane: SyncLane, day: date, *, lines: Iterable[TransactionLine] | None = None) -> tuple[Proof, ...]:
    """The proof per currency at the end of a local day. `lines`: the ledger of the clearing account if the caller holds
    it, everything up to that day; else Exact is asked. Raises the errors of the providers.
    """
    account = account_of(lane)
    shown = tuple(read_ledger(account, day) if lines is None else lines)
    return tuple(_Proving(account, currency, day, shown).prove() for currency in _currencies(account, shown))


def read_ledger(account: Account, day: date) -> Iterable[TransactionLine]:
    """The lines of the clearing account up to a day, 1,000 a call: one a clearing entry, whatever is in it."""
    where = odata.all_of(odata.code("GLAccountCode", account.code), odata.le("Date", day))
    return clients.exact_client(account.division).read(resources.TRANSACTION_LINES, where=where)


def _currencies(account: Account, lines: Iterable[TransactionLine]) -> list[str]:
    """Those we can count in; a record in any other waits and says so."""
    items = SyncItem.objects.filter(lane__in=account.lanes).order_by()
    stated = ClearingOpening.objects.filter(lane__in=account.lanes)
    found = {*items.values_list("currency", flat=True).distinct(), *stated.values_list("currency", flat=True)}
    return sorted((found | {line.currency for line in lines}) & money.KNOWN)


@dataclass
class _Proving:
    """One proof on its way: an account, a currency, a day."""

    account: Account
    currency: str
    day: date
    lines: Sequence[TransactionLine]
    opening: int = 0
    span: Span = field(init=False)
    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The newest statement of each lane counts; without one the books begin at nothing, at go-live."""
        rows = ClearingOpening.objects.filter(lane__in=self.account.lanes, currency=self.currency).order_by("id")
        stated = {row.lane_id: row for row in rows}.values()
        if not stated:
            self.notices.append("Nobody has stated an opening balance: the account is taken to begin at nothing.")
        self.opening = sum(row.amount for row in stated)
        days = [row.day for row in stated] or [lane.go_live for lane in self.account.lanes]
        self.span = Span(min(days), self.day)

    def prove(self) -> Proof:
        square = square_balance.balance(self.account.lanes, self.currency, self.span)
        corrections = self._corrections(square)
        booked = self._booked()
        at_square = self._at_square(square, booked)
        self._tell(square, corrections)
        ledger, in_exact = self._in_exact()
        return pure.prove(
            Figures(
                currency=self.currency, day=self.day, opening=self.opening, booked=sum(booked.values()),
                square=self.opening + square.total, ledger=ledger, at_square=at_square, in_exact=in_exact,
                notices=self.notices,
            )
        )  # fmt: skip

    # --- our books --------------------------------------------------------------------------------
    @property
    def _legs(self) -> QuerySet[Leg]:
        return Leg.objects.filter(
            lane__in=self.account.lanes, document=Document.BANK_ENTRY, journal=self.account.journal,
            currency=self.currency, date__lte=self.day, date__gte=self.span.first,
        )  # fmt: skip

    def _booked(self) -> dict[int, int]:
        """By record, what stands in entries that Exact has booked."""
        rows = self._legs.filter(state__in=IN_THE_BOOKS).order_by().values("item").annotate(total=Sum("amount"))
        return {row["item"]: row["total"] for row in rows if row["total"]}

    def _booked_later(self) -> dict[int, int]:
        """By record, what stands in Exact on a day after this one: its own period was closed."""
        legs = Leg.objects.filter(
            lane__in=self.account.lanes, document=Document.BANK_ENTRY, journal=self.account.journal,
            currency=self.currency, date__gt=self.day, item__local_day__lte=self.day, state__in=IN_THE_BOOKS,
        )  # fmt: skip
        rows = legs.order_by().values("item").annotate(total=Sum("amount"))
        return {row["item"]: row["total"] for row in rows}

    def _corrections(self, square: SquareBalance) -> dict[str, int]:
        """Fees that a payout stated before its payment did, by payment or refund: Square moved the money as the payout
        says. Once the payment states the fee too it counts once. Returns what only the payouts have stated.
        """
        legs = self._legs.filter(kind=LegKind.PAYOUT_ENTRY, state__in=STANDING).exclude(order_id="")
        posted = legs.exclude(content__lines__0__role=Role.DISPUTE.value).values_list("item", "order_id", "amount")
        left: dict[str, int] = defaultdict(int)
        for item, event, amount in posted:
            square.effects[item] += amount
            left[event] += amount
        for pk, event in SyncItem.objects.filter(lane__in=self.account.lanes, source_id__in=left).values_list(
            "pk", "source_id"
        ):
            known = self._legs.filter(item=pk, state__in=STANDING).aggregate(total=Sum("amount"))["total"] or 0
            stated_since = square.effects[pk] - known
            if not stated_since or self._legs.filter(item=pk, state=LegState.WAITING).exists():
                continue
            square.effects[pk] -= stated_since
            left[event] -= stated_since
        return {event: amount for event, amount in left.items() if amount}

    # --- against Square ---------------------------------------------------------------------------
    def _at_square(self, square: SquareBalance, booked: Mapping[int, int]) -> list[Difference]:
        apart = {pk: square.effects.get(pk, 0) - booked.get(pk, 0) for pk in {*square.effects, *booked}}
        apart = {pk: amount for pk, amount in apart.items() if amount}
        named = _Named()
        for pk, amount in square.unverified.items():
            named.add(DifferenceKind.UNVERIFIED, UNVERIFIED, amount, pk)
            apart[pk] = apart.get(pk, 0) - amount
        for pk, amount in square.pending.items():
            named.add(DifferenceKind.FEE_PENDING, TRANSFER_FEE, amount, pk)
            apart[pk] = apart.get(pk, 0) - amount
        later = self._booked_later()
        rows = SyncItem.objects.filter(pk__in=[pk for pk, amount in apart.items() if amount]).defer("payload")
        for item in rows:
            is_moved = later.get(item.pk) == apart[item.pk]
            kind, sentence = (DifferenceKind.TIMING, MOVED) if is_moved else _why(item)
            named.add(kind, sentence, apart[item.pk], item.pk)
        return named.differences

    # --- against Exact ----------------------------------------------------------------------------
    def _in_exact(self) -> tuple[int | None, list[Difference]]:
        """Entry by entry: what the ledger shows of ours, and what is not ours."""
        if not self.account.code:
            self.notices.append(f"Journal {self.account.journal} has no GL account, so Exact could not be asked.")
            return None, []
        shown = _entries(self.lines, self.currency)
        ours = self._postings()
        named = _Named()
        before = sum(entry.amount for entry in shown.values() if entry.day < self.span.first)
        named.add(DifferenceKind.OPENING, OPENING, before - self.opening, entry=f"before {self.span.first}")
        for key, entry in shown.items():
            if entry.day >= self.span.first and key not in ours:
                named.add(DifferenceKind.FOREIGN, FOREIGN, entry.amount, entry=entry.words)
        for key, posting in ours.items():
            self._compare(posting, shown.get(key), named)
        self._add_straddling(named)
        return sum(entry.amount for entry in shown.values()), named.differences

    def _postings(self) -> dict[str, Any]:
        rows = Posting.objects.filter(
            division=self.account.division, document=Document.BANK_ENTRY, journal=self.account.journal,
            currency=self.currency, state__in=AT_EXACT, date__lte=self.day, date__gte=self.span.first,
        )  # fmt: skip
        booked = Sum("legs__amount", filter=Q(legs__state__in=IN_THE_BOOKS), default=0)
        return {row.remote_id: row for row in rows.defer("body").annotate(booked=booked)}

    def _compare(self, posting: Any, shown: _Entry | None, named: _Named) -> None:
        meant = posting.booked
        if shown and shown.amount != meant:
            named.add(DifferenceKind.EDITED, EDITED, shown.amount - meant, entry=posting.reference)
        elif shown is None and posting.changed_at > clock.now() - MAY_LAG:
            named.add(DifferenceKind.TIMING, LAG, -meant, entry=posting.reference)
        elif shown is None:
            named.add(DifferenceKind.DELETED, DELETED, -meant, entry=posting.reference)

    def _add_straddling(self, named: _Named) -> None:
        """An entry has the day of its first line, its records each their own."""
        legs = self._legs.model.objects.filter(
            lane__in=self.account.lanes, document=Document.BANK_ENTRY, journal=self.account.journal,
            currency=self.currency, state__in=IN_THE_BOOKS,
        )  # fmt: skip
        inside = Q(posting__date__lte=self.day, posting__date__gte=self.span.first)
        own = Q(date__lte=self.day, date__gte=self.span.first)
        for rows, sign in ((legs.filter(inside).exclude(own), 1), (legs.filter(own).exclude(inside), -1)):
            total = rows.aggregate(total=Sum("amount"))["total"] or 0
            named.add(DifferenceKind.TIMING, STRADDLING, sign * total, entry="entries over several days")

    # --- worth a look -----------------------------------------------------------------------------
    def _tell(self, square: SquareBalance, corrections: Mapping[str, int]) -> None:
        if corrections:
            amount = written(sum(corrections.values()), self.currency)
            self.notices.append(
                f"Payouts state fees of {len(corrections)} payments or refunds otherwise than these do ({amount}). "
                "The payout is booked; the payment usually follows."
            )
        if square.without_fee and self.day >= clock.now().date() - FEE_SHOWS_AFTER:
            self.notices.append(
                f"{square.without_fee} payments state no fee yet: Square holds less by their fees than is shown here."
            )
        self._tell_of_suspense()
        unread = SyncItem.objects.filter(
            lane__in=self.account.lanes, state=ItemState.WAITING, problem_kind=ProblemKind.UNREADABLE
        ).count()
        if unread:
            self.notices.append(f"{unread} records cannot be read, so nobody knows what they moved.")

    def _tell_of_suspense(self) -> None:
        legs = self._legs.filter(kind=LegKind.PAYOUT_ENTRY, state__in=IN_THE_BOOKS, cleared=None)
        held = legs.filter(content__lines__0__role=Role.SUSPENSE.value).aggregate(total=Sum("amount"))["total"]
        if held:
            amount = written(held, self.currency)
            self.notices.append(
                f"Payout entries nobody knows the nature of moved {amount}; it is booked on suspense. Book it over "
                "once you know what it is."
            )


UNVERIFIED = (
    "A payout names payments or refunds that Tillbridge does not hold. If they are from before go-live, the opening "
    "balance holds them; else see that their location feeds this lane."
)
TRANSFER_FEE = "The fee of a transfer sent apart from the daily payout is booked with the payout that shows it."
OPENING = (
    "Exact shows another balance of the clearing account at the beginning than what was stated for Square. Book the "
    "opening balance in Exact, or state it as it was."
)
FOREIGN = "Somebody else booked on the clearing account in Exact. See what it is; take it back if it is a mistake."
EDITED = "An entry of ours shows another amount in Exact: somebody changed it there."
DELETED = "An entry of ours is gone from Exact: somebody deleted it there."
LAG = "An entry was booked moments ago and does not show in Exact's ledger yet."
STRADDLING = "An entry holds records of several days and has the date of the first."
ON_ITS_WAY = "Records are on their way: a run books them, or their day or payout has not come yet."
MOVED = "Records are booked on a later day than their own, because their period was closed in Exact."
WAITS = "Records wait for a person and are not booked yet."
DISMISSED = "Records were dismissed: Square moved the money, and nothing of them is booked by Tillbridge."
UNKNOWN = "Records are booked for another amount than Square's record says now."


def _why(item: SyncItem) -> tuple[DifferenceKind, str]:
    if item.state == ItemState.WAITING:
        return DifferenceKind.WAITING, WAITS
    if item.state == ItemState.DISMISSED:
        return DifferenceKind.DISMISSED, DISMISSED
    if item.state in (ItemState.EXTRACTED, ItemState.RESOLVED):
        return DifferenceKind.TIMING, ON_ITS_WAY
    if item.legs.filter(state=LegState.DISMISSED).exists():
        return DifferenceKind.DISMISSED, DISMISSED
    return DifferenceKind.UNEXPLAINED, UNKNOWN


class _Named:
    """Differences, gathered by cause."""

    def __init__(self) -> None:
        self.amounts: dict[tuple[DifferenceKind, str], int] = defaultdict(int)
        self.items: dict[tuple[DifferenceKind, str], list[int]] = defaultdict(list)
        self.entries: dict[tuple[DifferenceKind, str], list[str]] = defaultdict(list)

    def add(self, kind: DifferenceKind, sentence: str, amount: int, item: int | None = None, entry: str = "") -> None:
        if not amount:
            return
        key = (kind, sentence)
        self.amounts[key] += amount
        if item and len(self.items[key]) < MOST_NAMED:
            self.items[key].append(item)
        if entry and len(self.entries[key]) < MOST_NAMED:
            self.entries[key].append(entry)

    @property
    def differences(self) -> list[Difference]:
        return [
            Difference(kind, amount, sentence, tuple(self.items[kind, sentence]), tuple(self.entries[kind, sentence]))
            for (kind, sentence), amount in self.amounts.items()
        ]


@dataclass
class _Entry:
    """An entry as the ledger of the clearing account shows it."""

    day: date
    words: str
    amount: int = 0


def _entries(lines: Iterable[TransactionLine], currency: str) -> dict[str, _Entry]:
    shown: dict[str, _Entry] = {}
    for line in lines:
        if line.currency == currency:
            day = line.date.date() if line.date else date.min
            entry = shown.setdefault(line.entry_id, _Entry(day, f"{line.journal} {line.entry_number}"))
            entry.amount += to_minor(line.amount, currency)
    return shown


# --- kept ----------------------------------------------------------------------------------------
def prove_and_keep(lane: SyncLane, day: date | None = None, *, by: str = "") -> tuple[ClearingProof, ...]:
    """Prove and store the result, one row per currency and day; the newest look at a day counts."""
    day = day or yesterday(lane)
    proofs, now = prove(lane, day), clock.now()
    rows = []
    with transaction.atomic():
        for proof in proofs:
            row, _ = ClearingProof.objects.update_or_create(
                lane=lane, currency=proof.currency, day=day,
                defaults={"made_at": now, "asked_by": by, "is_proven": proof.is_proven, "found": plain(proof)},
            )  # fmt: skip
            detail = {"day": day.isoformat(), "currency": proof.currency, "proven": proof.is_proven}
            rows.append(row)
            fact = Fact("lane.clearing_proven", "lane", lane.pk, lane.label, division=lane.division.code, detail=detail)
            trail.record([fact], at=now)
    return tuple(rows)


def yesterday(lane: SyncLane) -> date:
    """The last day that is over at the lane's first location."""
    feed = lane.feeds.select_related("location").first()
    zone = ZoneInfo(feed.location.timezone) if feed else clock.now().tzinfo
    return clock.now().astimezone(zone).date() - timedelta(days=1)


def plain(proof: Proof) -> dict[str, Any]:
    """As JSON keeps it; `restored` reads it back."""
    return {**asdict(proof), "day": proof.day.isoformat()}


def restored(row: ClearingProof) -> Proof:
    kept: dict[str, Any] = dict(row.found)
    for name in ("at_square", "in_exact"):
        kept[name] = tuple(
            Difference(
                DifferenceKind(each["kind"]), each["amount"], each["sentence"], tuple(each["items"]),
                tuple(each["entries"]),
            )
            for each in kept[name]
        )  # fmt: skip
    return Proof(**{**kept, "day": row.day, "notices": tuple(kept["notices"])})
