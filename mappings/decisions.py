"""The decisions of finance staff as the pure core wants them: a rule book, accounts, and who a customer is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from connections.models import Connection, Division
from mappings import soundness
from mappings.bookkeeping.conventions import Conventions
from mappings.bookkeeping.legs import Account, Debtor, Problem, ProblemKind
from mappings.models import (
    ClosedPeriod,
    Convention,
    CustomerMapping,
    DebtorAccount,
    Decision,
    GLMapping,
    Journal,
    LedgerAccount,
    TenderJournal,
)
from mappings.resolution import Rule, RuleBook
from mappings.roles import Role

RECEIVABLE = 20
HOLDS = (Decision.CONFLICT, Decision.CREATE)


@dataclass(frozen=True, slots=True)
class Decisions:
    """One division's mappings and reference data, read once per slice of work."""

    rulebook: RuleBook
    accounts: Mapping[str, Account]
    journals: Mapping[str, Journal]
    receivables: Account | None
    closed: tuple[ClosedPeriod, ...]
    by_id: Mapping[str, Account] = field(default_factory=dict)
    conventions: tuple[Conventions, ...] = ()
    tender_journals: Mapping[str, tuple[str, Account | None]] = field(default_factory=dict)

    @property
    def vat_journals(self) -> frozenset[str]:
        """Journals whose lines may carry a VAT code."""
        return frozenset(code for code, row in self.journals.items() if row.allows_vat)

    def journal_account(self, journal: str) -> Account | None:
        """The GL account that a bank or cash journal moves; None when the journal is unknown or blocked."""
        row = self.journals.get(journal)
        return self.accounts.get(row.account) if row and not row.is_blocked else None


def read(division: Division, *, changed: Sequence[GLMapping] = ()) -> Decisions:
    """The decisions as they are now; with `changed`, as they would be once these rules are saved."""
    rows = LedgerAccount.objects.filter(division=division, gone_at=None)
    accounts = {row.code: Account(id=row.remote_id, code=row.code, type=row.type) for row in rows}
    journals = list(Journal.objects.filter(division=division, gone_at=None))
    rules = rules_of(division, changed=changed)
    return Decisions(
        rulebook=RuleBook([rule for rule in rules if rule.role is not Role.RECEIVABLES]),
        accounts=accounts,
        journals={row.code: row for row in journals},
        receivables=_receivables(rules, accounts.values()),
        closed=tuple(ClosedPeriod.objects.filter(division=division)),
        by_id={account.id: account for account in accounts.values()},
        conventions=tuple(row.choices for row in Convention.objects.filter(division=division)),
        tender_journals=_tender_journals(division, journals, accounts),
    )


def _tender_journals(
    division: Division, journals: Iterable[Journal], accounts: Mapping[str, Account]
) -> dict[str, tuple[str, Account | None]]:
    """Without an account where the journal is blocked or gone: the money then waits, rather than going elsewhere."""
    usable = {row.code: accounts.get(row.account) for row in journals if not row.is_blocked}
    rows = TenderJournal.objects.filter(division=division)
    return {row.tender: (row.journal, usable.get(row.journal)) for row in rows}


def rules_of(division: Division, *, changed: Sequence[GLMapping] = ()) -> tuple[Rule, ...]:
    """Rules in use. One whose account or code is blocked or gone decides still, and what it decides then waits with a
    sentence that names it: were it skipped, a wider rule would take its place in silence.

    `changed`: rows as they would be saved; they stand in the place of those they change. A new one has the id 0.
    """
    rows = GLMapping.objects.filter(division=division, status=Decision.MATCHED).select_related("account", "vat_code")
    kept = rows.exclude(pk__in=[row.pk for row in changed if row.pk])
    tried = [row for row in changed if row.division_id == division.pk and row.status == Decision.MATCHED]
    return tuple(rule for row in (*kept, *tried) if (rule := _rule_of(row)))


def _rule_of(row: GLMapping) -> Rule | None:
    account, vat_code = row.account, row.vat_code
    if account is None:
        return None
    code = vat_code.code if vat_code else ""
    rate = vat_code.percentage * 100 if vat_code else Decimal(0)
    return Rule(
        id=row.pk or 0, role=Role(row.role), vat_code=code,
        account=Account(account.remote_id, account.code, account.type), effective_from=row.effective_from,
        cost_center=row.cost_center, cost_unit=row.cost_unit,
        vat_account=vat_code.account if vat_code else "", code_rate=rate.normalize(),
        claim_account=vat_code.claim_account if vat_code else "",
        location=row.location, tender=row.tender, tax_name=row.tax_name, tax_rate=row.tax_rate,
        category=row.category, customer_kind=row.customer_kind, fee_type=row.fee_type,
        payout_entry_type=row.payout_entry_type,
    )  # fmt: skip


def _receivables(rules: Iterable[Rule], accounts: Iterable[Account]) -> Account | None:
    """The rule for receivables, else the only receivables account the division has; with several nobody guesses."""
    chosen = [rule.account for rule in rules if rule.role is Role.RECEIVABLES]
    candidates = chosen or [account for account in accounts if account.type == RECEIVABLE]
    return candidates[0] if len(candidates) == 1 else None


@dataclass(frozen=True, slots=True)
class Debtors:
    """Who Square's customers are in Exact, for a batch of records."""

    mapped: Mapping[str, list[CustomerMapping]]
    collective: DebtorAccount | None
    unknown_go_collective: bool
    receivables: Mapping[str, Account]

    def of(self, customer_id: str, *, on: date) -> Debtor | Problem:
        """The customer's account, the collective debtor, or what a person must decide."""
        if not customer_id:
            return self._collective("Square names no customer on this payment")
        decided = [row for row in self.mapped.get(customer_id, ()) if row.effective_from <= on]
        newest = max(decided, key=lambda row: row.effective_from, default=None)
        if newest and newest.status == Decision.MATCHED and newest.debtor:
            return self._debtor(newest.debtor, customer_id)
        if newest and newest.status == Decision.IGNORED:
            return self._collective(f"Square customer {customer_id} is booked on the collective debtor")
        if newest and newest.status in HOLDS:
            return Problem(ProblemKind.UNMAPPED_CUSTOMER, _held(newest), customer_id)
        if self.unknown_go_collective:
            return self._collective(f"Square customer {customer_id} is unknown")
        sentence = (
            f"Square customer {customer_id} is not mapped to an Exact account. Map it, or let it be booked on the "
            "collective debtor (status ignored); this record then goes on."
        )
        return Problem(ProblemKind.UNMAPPED_CUSTOMER, sentence, customer_id)

    def _debtor(self, row: DebtorAccount, customer_id: str) -> Debtor | Problem:
        if wrong := soundness.debtor_trouble(row):
            sentence = (
                f"Exact account {row} {wrong}, so nothing can be sold to it. Put it right in Exact and read the "
                f"division's data again, or map customer {customer_id} to another: the record goes on by itself."
            )
            return Problem(ProblemKind.UNUSABLE, sentence, f"customer {row.code}")
        return debtor_of(row, self.receivables)

    def _collective(self, why: str) -> Debtor | Problem:
        if self.collective is None:
            sentence = f"{why}, and the lane has no collective debtor. Choose one on the lane, then replay."
            return Problem(ProblemKind.UNMAPPED_CUSTOMER, sentence, "no collective debtor")
        if wrong := soundness.debtor_trouble(self.collective):
            sentence = (
                f"The lane's collective debtor {self.collective} {wrong}, so nothing can be sold to it. Put it right "
                "in Exact and read the division's data again, or choose another on the lane."
            )
            return Problem(ProblemKind.UNUSABLE, sentence, f"customer {self.collective.code}")
        return debtor_of(self.collective, self.receivables, is_collective=True)


def _held(row: CustomerMapping) -> str:
    """Why records of a customer wait whatever the lane does with those it does not know."""
    if row.status == Decision.CONFLICT:
        return (
            f"Square customer {row.square_customer_id} may be several Exact accounts. Choose one on its mapping; this "
            "record then goes on."
        )
    by = row.decided_by or "Somebody"
    return (
        f"{by} decided that Square customer {row.square_customer_id} gets an account of its own in Exact. It is being "
        "created; this record goes on by itself once the account is there."
    )


def debtor_of(row: DebtorAccount, accounts: Mapping[str, Account], *, is_collective: bool = False) -> Debtor:
    return Debtor(
        id=row.remote_id,
        name=row.name,
        is_collective=is_collective,
        has_vat_number=bool(row.vat_number),
        receivables=accounts.get(row.receivables_account),
        payment_condition=row.payment_condition,
    )


def debtors(
    division: Division,
    merchant: Connection,
    customer_ids: Iterable[str],
    *,
    collective: DebtorAccount | None,
    unknown_go_collective: bool,
    decided: Decisions,
) -> Debtors:
    """The customer mappings that these records need, in one query."""
    ids = {customer for customer in customer_ids if customer}
    rows = CustomerMapping.objects.filter(division=division, merchant=merchant, square_customer_id__in=ids)
    mapped: dict[str, list[CustomerMapping]] = {}
    for row in rows.select_related("debtor") if ids else ():
        mapped.setdefault(row.square_customer_id, []).append(row)
    return Debtors(
        mapped=mapped,
        collective=collective,
        unknown_go_collective=unknown_go_collective,
        receivables=decided.by_id,
    )
