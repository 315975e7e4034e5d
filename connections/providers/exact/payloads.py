"""What we read of Exact's objects: frozen and typed, codes trimmed, times as the site's naive wall clock.

Amounts are `Decimal` as Exact wrote them. The functions that read them, and what is asked of Exact, are in `resources`.
Reference: exact-online.md section 9 and appendix A.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Me:
    """Who gave consent. `server_time` is local to the site and `utc_offset` its distance to UTC in seconds."""

    user_id: str
    user_name: str
    full_name: str
    current_division: int
    language_code: str
    server_time: datetime | None
    utc_offset: Decimal


@dataclass(frozen=True, slots=True)
class Division:
    """One administration. A changed `moved_at` or `hr_linked_at` resets all row versions.

    `status` is 0 inactive, 1 active, 2 archived; `number` is the one people see (Hid), not the key.
    """

    code: int
    number: int | None
    name: str
    customer_name: str
    registration_number: str
    vat_number: str
    currency: str
    country: str
    status: int
    is_current: bool
    moved_at: datetime | None
    hr_linked_at: datetime | None


@dataclass(frozen=True, slots=True)
class GLAccount:
    """`type` is Exact's code (20 receivable, 110 revenue, ...). `cost_center_use`: 0 optional, 1 mandatory, 2 no."""

    id: str
    code: str
    name: str
    type: int
    balance_side: str
    balance_type: str
    vat_code: str
    is_blocked: bool
    cost_center_use: int
    cost_unit_use: int


@dataclass(frozen=True, slots=True)
class Journal:
    """`type`: 10 cash, 12 bank, 16 payment service, 20 sales, 22 purchase, 90 general."""

    id: str
    code: str
    name: str
    type: int
    currency: str
    gl_account: str
    gl_account_code: str
    allows_vat: bool
    allows_other_currencies: bool
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class VATCode:
    """`percentage` is a fraction (0.21). `kind`: B base only, E excluding, I including, N none; `use`: B, P or S."""

    id: str
    code: str
    name: str
    kind: str
    use: str
    percentage: Decimal
    gl_to_pay: str
    gl_to_pay_code: str
    gl_to_claim_code: str
    country: str
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class Account:
    """A relation. Only `status` C can be sold to. `receivables` is the GUID of its own AR account, "" for none;
    `main_contact` that of a contact.
    """

    id: str
    code: str
    name: str
    status: str
    email: str
    phone: str
    vat_number: str
    registration_number: str
    search_code: str
    address: str
    postcode: str
    city: str
    country: str
    currency: str
    receivables: str
    payment_condition: str
    vat_code: str
    is_blocked: bool
    modified_at: datetime | None
    address2: str = ""
    is_supplier: bool = False
    main_contact: str = ""


@dataclass(frozen=True, slots=True)
class PaymentCondition:
    id: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class CostCode:
    """A cost centre or a cost unit; lines carry its code, not its GUID. `ends`: the last day it can be used on."""

    id: str
    code: str
    name: str
    is_active: bool = True
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class PeriodStatus:
    """Whether a journal's period is open. Status 0 open, 1 closed; Exact has no way to change it but its screens."""

    journal: str
    year: int
    period: int
    is_closed: bool


@dataclass(frozen=True, slots=True)
class FinancialPeriod:
    """First and last day of a period."""

    year: int
    period: int
    starts: datetime | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class TransactionLine:
    """One line of the ledger: debit +, credit -, in document currency (`amount`) and the division's (`amount_dc`)."""

    id: str
    entry_id: str
    entry_number: int | None
    line_number: int | None
    journal: str
    gl_account: str
    gl_account_code: str
    account: str
    amount: Decimal
    amount_dc: Decimal
    vat_amount: Decimal
    vat_code: str
    currency: str
    date: datetime | None
    description: str
    your_ref: str
    invoice_number: int | None
    type: int | None
    status: int | None
    year: int | None
    period: int | None


@dataclass(frozen=True, slots=True)
class EntryHead:
    """An entry as the answer to its POST, or a look-up, shows it. `amount` is None for bank and cash: they have none.

    `status` 20 open, 50 processed.
    """

    entry_id: str
    entry_number: int | None
    invoice_number: int | None
    amount: Decimal | None
    reference: str
    journal: str
    date: datetime | None
    status: int | None


@dataclass(frozen=True, slots=True)
class EntryLine:
    """A line of a bank or cash entry: `amount` is the movement of the journal's account, a receipt is positive."""

    id: str
    entry_id: str
    entry_number: int | None
    amount: Decimal
    description: str
    date: datetime | None
    gl_account: str
    gl_account_code: str


@dataclass(frozen=True, slots=True)
class ReceivableRow:
    """An open term. `amount` positive: the customer owes. `reference` is empty on rows that stem from cash."""

    id: int
    account: str
    account_code: str
    account_name: str
    amount: Decimal
    currency: str
    description: str
    reference: str
    journal: str
    entry_number: int | None
    invoice_number: int | None
    due_date: datetime | None
    invoice_date: datetime | None
