"""Making a reconciliation: the ledger is read once per division, every lane of it is compared, and the result kept.

1. The ids of our entries are read, then Exact's ledger, then our records: an entry booked meanwhile is known by the
   time at which it was sent.
2. Square's figures against our legs, record by record (`judging`).
3. Our entries against the ledger, entry by entry; what the ledger holds besides is judged last (`entries`).
4. Whatever is left between Square and Exact is a finding of its own (`Figures.close`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice

from django.db.models import F, QuerySet

from connections import clients, clock
from connections.models import Division
from connections.providers.exact.client import ExactClient
from mappings.bookkeeping.proof import Proof
from mappings.models import GLMapping, Journal, LedgerAccount, VatCode
from sync import clearing_proof
from sync.models import Leg, Posting, SyncLane
from sync.models.lanes import BOOKING
from sync.reconciliation import entries, judging, reading
from sync.reconciliation.books import Books, Entry
from sync.reconciliation.entries import Owner, Sent, Strangers
from sync.reconciliation.figures import Period
from sync.reconciliation.legs import MONEY, WITHOUT_LEDGER, LegRow, ledger_leg
from sync.reconciliation.reading import Scope
from sync.reconciliation.tally import Tally

STANDS = ("posted", "confirmed", "reversed", "conflict")
# Entries of ours that were moved to other days in Exact are still known as ours this far around.
AROUND = timedelta(days=31)
# Exact may show a new entry moments late.
LAG = timedelta(minutes=2)
# A call may wait this long for the rate governor: nobody waits for a reconciliation, but its task must end in time.
PATIENCE = 60.0
RECEIVABLE = 20
A_LOT = 400
# For so many ledger lines one more call may be spent on open terms.
LINES_A_CALL = 2_000


@dataclass(slots=True)
class Chart:
    """Which account serves which role in a division, and the journals of its lanes."""

    division: Division
    lanes: list[SyncLane]
    roles: dict[str, str] = field(default_factory=dict)
    journals: dict[str, str] = field(default_factory=dict)
    vat_accounts: frozenset[str] = frozenset()
    receivables: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, division: Division) -> Chart:
        chart = cls(
            division,
            list(
                SyncLane.objects.filter(division=division, flow=BOOKING)
                .select_related("collective_debtor")
                .order_by("pk")
            ),
        )
        rules = GLMapping.objects.filter(division=division, account__isnull=False).order_by("-effective_from", "pk")
        for code, role in rules.values_list("account__code", "role"):
            chart.roles.setdefault(code, role)
        chart.journals = dict(Journal.objects.filter(division=division).values_list("code", "account"))
        vat = VatCode.objects.filter(division=division).exclude(account="").values_list("account", flat=True)
        claimed = VatCode.objects.filter(division=division).exclude(claim_account="")
        claims = frozenset(claimed.values_list("claim_account", flat=True)) - set(vat)
        owed = LedgerAccount.objects.filter(division=division, type=RECEIVABLE).values_list("code", flat=True)
        chart.vat_accounts, chart.receivables, chart.claimed = claims.union(vat), frozenset(owed), claims
        chart.roles |= dict.fromkeys(vat, "output_vat") | dict.fromkeys(claims, "input_vat")
        chart.roles |= dict.fromkeys(chart.receivables, "receivables")
        chart.roles |= {chart.journals[lane.cash_journal]: "cash" for lane in chart.lanes if lane.cash_journal}
        chart.roles |= dict.fromkeys(chart.clearing(chart.lanes), "clearing")
        return chart

    def role_of(self, account: str) -> str:
        """An account without a role stands under its code, so that it cannot hide."""
        return self.roles.get(account) or f"account {account}"

    def clearing(self, lanes: Iterable[SyncLane]) -> frozenset[str]:
        return frozenset(self.journals.get(lane.clearing_journal, "") for lane in lanes) - {""}

    def main_roles(self, lane: SyncLane) -> dict[str, str]:
        """Journal -> the role of its own account."""
        found = {lane.clearing_journal: "clearing"}
        return {**({lane.cash_journal: "cash"} if lane.cash_journal else {}), **found}

    @property
    def scope(self) -> Scope:
        journals = {
            code for lane in self.lanes for code in (lane.sales_journal, lane.clearing_journal, lane.cash_journal)
        }
        used = Posting.objects.filter(division=self.division).order_by().values_list("journal", flat=True).distinct()
        return Scope(frozenset({*journals, *used} - {""}), self.clearing(self.lanes))


@dataclass(slots=True)
class Comparison:
    """One division and period, on its way. `began`: when the ledger was first asked."""

    chart: Chart
    period: Period
    books: Books
    client: ExactClient
    began: datetime
    tallies: dict[int, Tally] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    terms: dict[tuple[str, str], int] | None = None
    proofs: dict[str, tuple[Proof, ...]] = field(default_factory=dict)

    def make(self, *, with_records: bool = True) -> dict[int, Tally]:
        """`with_records` False compares our entries with the ledger alone."""
        for lane in self.chart.lanes:
            tally = self.tallies[lane.pk] = Tally(self.period, self.chart.role_of)
            if with_records:
                judging.judge(lane, tally, self.chart.main_roles(lane))
        absent: list[Sent] = []
        for lane_id, sent, remote_id in self._sent():
            self._compare(lane_id, sent, remote_id, absent)
        self._look_for(absent)
        self._strangers()
        if with_records:
            self._open_terms()
            self._prove()
        return self.tallies

    # --- our entries ----------------------------------------------------------------------------
    def _sent(self) -> Iterator[tuple[int, Sent, str]]:
        """Our entries of these days, and those that the ledger shows in them."""
        rows = Posting.objects.filter(division=self.chart.division, state__in=STANDS).exclude(remote_id="")
        rows = rows.exclude(document__in=WITHOUT_LEDGER)
        yield from self._rows(rows.filter(date__gte=self.period.begin, date__lte=self.period.end))
        others = [key for key in self.books.entries if key not in self.seen]
        for start in range(0, len(others), 400):
            yield from self._rows(rows.filter(remote_id__in=others[start : start + 400]))

    def _rows(self, rows: QuerySet[Posting]) -> Iterator[tuple[int, Sent, str]]:
        names = ("pk", "lane_id", "reference", "remote_number", "date", "currency", "expected", "state", "sent_at",
                 "journal", "remote_id")  # fmt: skip
        found = rows.order_by("pk").values_list(*names).iterator()
        while part := list(islice(found, A_LOT)):
            spread = self._spread([row[0] for row in part])
            for pk, lane, reference, number, day, currency, expected, state, sent_at, journal, remote in part:
                confirmed = state in {"confirmed", "reversed"}
                is_new = not confirmed and sent_at is not None and sent_at >= self.began - LAG
                own = self.chart.journals.get(journal, "")
                sent = Sent(
                    pk, reference, number, day, currency, expected, is_new, confirmed, spread.get(pk, {}), own
                )  # fmt: skip
                yield lane, sent, remote

    def _spread(self, postings: Sequence[int]) -> dict[int, dict[tuple[date, str], int]]:
        """Entries whose records are of several days: what their legs put where, by day and account."""
        legs = Leg.objects.filter(posting__in=postings, document__in=MONEY)
        over = set(legs.exclude(date=F("posting__date")).values_list("posting", flat=True))
        found: dict[int, dict[tuple[date, str], int]] = {}
        for row in map(LegRow._make, legs.filter(posting__in=over).values_list(*LegRow._fields)):
            placed = found.setdefault(row.posting_id or 0, {})
            for moved in ledger_leg(row, {}).parts:
                place = row.date, moved.account
                placed[place] = placed.get(place, 0) + moved.amount
        return found

    def _compare(self, lane_id: int, sent: Sent, remote_id: str, absent: list[Sent]) -> None:
        tally, entry = self.tallies.get(lane_id), self.books.entries.get(remote_id)
        self.seen.add(remote_id)
        if tally is None:
            return
        if entry is None and not sent.is_new:
            absent.append(sent)
            return
        tally.figures.find(entries.compare(sent, entry, self.chart.role_of, self.period))
        if entry is not None:
            tally.show(entry)

    def _look_for(self, absent: list[Sent]) -> None:
        """An entry that is not in its days may have been moved to others; the ledger is asked for it by its id."""
        ids = dict(
            Posting.objects.filter(pk__in=[sent.posting for sent in absent[:500]]).values_list("pk", "remote_id")
        )
        reading.look_for(self.client, ids.values(), self.books)
        lanes = dict(Posting.objects.filter(pk__in=list(ids)).values_list("pk", "lane_id"))
        for sent in absent:
            entry = self.books.entries.get(ids.get(sent.posting, ""))
            self.tallies[lanes[sent.posting]].figures.find(entries.compare(sent, entry, self.chart.role_of))

    def _prove(self) -> None:
        """The balance of each clearing account at the end of the period: a call per thousand entries since go-live."""
        day = min(self.period.end, clock.now().date())
        for lane in self.chart.lanes:
            account = clearing_proof.account_of(lane)
            if not account.code or day < lane.go_live:
                continue
            if account.journal not in self.proofs:
                self.proofs[account.journal] = clearing_proof.prove(lane, day)

    def _open_terms(self) -> None:
        """Of customers with an account of their own: a counter's open terms are everybody's."""
        counters = {lane.collective_debtor.remote_id for lane in self.chart.lanes if lane.collective_debtor}
        known = sorted({key for tally in self.tallies.values() for _, key in tally.settled} - counters)
        most = 1 + self.books.lines // LINES_A_CALL
        self.terms = reading.open_terms(self.client, known, most=most) if known else {}

    # --- what else the ledger holds -------------------------------------------------------------
    def _strangers(self) -> None:
        strange = [entry for key, entry in self.books.entries.items() if key not in self.seen]
        owners = self._owners({key for entry in strange for key in entry.references})
        for lane in self.chart.lanes:
            known = {key: owner for key, (lane_id, owner) in owners.items() if lane_id == lane.pk}
            self._judge(lane, [entry for entry in strange if self._concerns(lane, entry, owners)], known)

    def _concerns(self, lane: SyncLane, entry: Entry, owners: Mapping[str, tuple[int, Owner]]) -> bool:
        """One with our reference belongs to the lane of that entry; another to the first lane with its account."""
        found = next((owners[key][0] for key in sorted(entry.references) if key in owners), None)
        if found is not None:
            return found == lane.pk
        accounts = {place.account for place in entry.moved}
        return next((one.pk for one in self.chart.lanes if self.chart.clearing([one]) & accounts), None) == lane.pk

    def _judge(self, lane: SyncLane, strange: list[Entry], owners: Mapping[str, Owner]) -> None:
        tally = self.tallies[lane.pk]
        strangers = Strangers(
            self.chart.role_of, self.chart.clearing([lane]), lane.go_live, self.books.entries.keys(), owners
        )
        for _, finding in strangers.judge(strange, self.period):
            tally.figures.find([finding])
            tally.show_cells(finding.cells)

    def _owners(self, references: set[str]) -> dict[str, tuple[int, Owner]]:
        """Whose reference it is: an entry's own, or that of a leg in it."""
        owners: dict[str, tuple[int, Owner]] = {}
        wanted = sorted(references)
        for start in range(0, len(wanted), 400):
            part = wanted[start : start + 400]
            legs = Leg.objects.filter(division=self.chart.division, reference__in=part, posting__isnull=False)
            for leg in legs.select_related("posting").only("reference", *(f"posting__{name}" for name in OWNED)):
                if leg.posting:
                    owners[leg.reference] = (leg.posting.lane_id, _owner(leg.posting))
            for posting in Posting.objects.filter(division=self.chart.division, reference__in=part).only(*OWNED):
                owners[posting.reference] = (posting.lane_id, _owner(posting))
        return owners


OWNED = ("id", "lane_id", "reference", "state", "remote_id")


def _owner(posting: Posting) -> Owner:
    return Owner(posting.pk, posting.reference, posting.state in STANDS and bool(posting.remote_id), posting.remote_id)


def compare(division: Division, begin: date, end: date, *, with_records: bool = True) -> Comparison:
    """Read the ledger and compare every lane of the division. Raises the errors of the providers.

    Nothing is written but the request ledger.
    """
    began, period, chart = clock.now(), Period(begin, end), Chart.of(division)
    client = clients.exact_client(division, wait_at_most=PATIENCE)
    known = Posting.objects.filter(
        division=division, state__in=STANDS, date__gte=begin - AROUND, date__lte=end + AROUND
    )
    ids = dict(known.exclude(remote_id="").values_list("remote_id", "lane_id"))
    books = Books(ids, chart.vat_accounts, chart.receivables, chart.claimed)
    reading.read(client, chart.scope, period, books)
    comparison = Comparison(chart, period, books, client, began)
    comparison.make(with_records=with_records)
    return comparison
