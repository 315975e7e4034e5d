"""What the books are owed for one source record: legs of lines, in minor units, with the vendor's signs.

Sales lines are net of VAT and positive for revenue (a refund is negative); Exact adds `vat` and debits the
receivable. Bank and cash lines are the movement of the bank or cash account: a receipt is positive, a fee negative, and
the named account gets the opposite. A bank line that carries VAT is net too: its amount and `vat` together are what the
bank moves by. `ledger` turns either into debit + / credit -.
Reference: Exact SalesEntryLines.AmountFC (excluding VAT), VATAmountFC; BankEntryLines.AmountFC; bookkeeping section 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from mappings.bookkeeping.conventions import Conventions
from mappings.roles import Role

Day = date  # for a class that has a field of the name


class LegKind(StrEnum):
    SALE = "sale"
    RECEIPT = "receipt"
    FEE = "fee"
    APP_FEE = "app_fee"
    SOURCE_FEE = "source_fee"
    REFUND = "refund"
    REFUND_MONEY = "refund_money"
    REFUND_FEE = "refund_fee"
    PAYOUT = "payout"
    PAYOUT_ENTRY = "payout_entry"
    BREAKAGE = "breakage"
    DISPUTE = "dispute"
    ORDER = "order"
    INVOICE_CREDIT = "invoice_credit"


class Document(StrEnum):
    """The kind of entry a leg is booked with in Exact."""

    SALES_ENTRY = "sales_entry"
    BANK_ENTRY = "bank_entry"
    CASH_ENTRY = "cash_entry"
    SALES_ORDER = "sales_order"
    QUOTATION = "quotation"


# Written in Exact without touching the ledger.
ORDERS = (Document.SALES_ORDER, Document.QUOTATION)


class ProblemKind(StrEnum):
    """Why a record waits. Closed list: each has one explanation and one remedy in the pages."""

    UNMAPPED_ACCOUNT = "unmapped_account"
    UNMAPPED_TAX = "unmapped_tax"
    UNMAPPED_CUSTOMER = "unmapped_customer"
    UNMAPPED_ITEM = "unmapped_item"
    AMBIGUOUS_TAX = "ambiguous_tax"
    UNREADABLE = "unreadable"
    UNKNOWN_CURRENCY = "unknown_currency"
    ODD_AMOUNT = "odd_amount"
    NO_ORDER = "no_order"
    NO_LINES = "no_lines"
    UNBALANCED = "unbalanced"
    UNSUPPORTED = "unsupported"
    BEFORE_GO_LIVE = "before_go_live"
    WAITS_FOR_SALE = "waits_for_sale"
    CHANGED_AFTER_POSTING = "changed_after_posting"
    UNDONE = "undone"
    REFUSED = "refused"
    UNSENDABLE = "unsendable"
    PERIOD_CLOSED = "period_closed"
    EXHAUSTED = "exhausted"
    CONFLICT = "conflict"
    NUMBER_TAKEN = "number_taken"
    DIVISION_HELD = "division_held"
    UNUSABLE = "unusable"
    EDITED = "edited"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something waits. `subject` groups equal causes (a tax, a tender, a customer id); `sentence` is for people."""

    kind: ProblemKind
    sentence: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A GL account of the division: Exact's GUID, trimmed code, and GLAccounts.Type."""

    id: str
    code: str
    type: int = 0


@dataclass(frozen=True, slots=True)
class Debtor:
    """A customer account in Exact (status C). `receivables` is its own AR account where it has one."""

    id: str
    name: str
    is_collective: bool = False
    has_vat_number: bool = False
    receivables: Account | None = None
    payment_condition: str = ""

    @property
    def kind(self) -> str:
        """The word that rules narrow on: "business" (a VAT number), "known", or "counter" (collective)."""
        if self.has_vat_number:
            return "business"
        return "counter" if self.is_collective else "known"

    @property
    def stands_alone(self) -> bool:
        return self.has_vat_number or not self.is_collective


@dataclass(frozen=True, slots=True)
class OrderedItem:
    """What a line of an order asks for: an item of Exact, how many, and at which net price each. `quantity` x `price`
    rounds to the line's amount.
    """

    id: str
    code: str
    quantity: Decimal
    price: Decimal
    text: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """When an order is to be delivered, and the code of its payment terms ("" leaves either to Exact). `is_cancelled`:
    it is closed, and has no lines.
    """

    delivery_date: date | None = None
    payment_condition: str = ""
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an entry. `rule` is the id of the GLMapping that chose the account, `note` says why, for people.

    `instead_of`: the account it would be on, had its period not been closed.
    `suffix` tells the lines of one leg apart in their texts ("" for the first). `rate` is the per cent of the tax that
    `vat` was charged at, None where there was none.
    """

    role: Role
    account: Account
    amount: int
    vat_code: str = ""
    vat: int = 0
    rate: Decimal | None = None
    vat_account: str = ""
    cost_center: str = ""
    cost_unit: str = ""
    debtor: str = ""
    suffix: str = ""
    rule: int | None = None
    note: str = ""
    instead_of: Account | None = None
    item: OrderedItem | None = None

    @property
    def states_vat(self) -> bool:
        """Whether `vat` has to be sent along, also when it is 0: ten items of 0.01 at 21 % carry no VAT at Square,
        while Exact would compute 0.02 from the code.
        """
        return bool(self.vat or self.rate)


@dataclass(frozen=True, slots=True)
class LegPlan:
    """One thing a source record owes the books.

    `source_id` is what its reference is computed from (the order of a sale, the payment of a receipt or fee, the
    refund, the payout, the payout's entry).
    `main_account` is the account the document itself moves: AR of a sales entry, the journal's own of a bank or
    cash entry.
    `stands_alone`: never grouped into a daily summary (known customer). `after_sale`: waits until the sale of
    `order_id` is booked, whose number it carries; the money of a refund waits for its credit in the same way.
    `problem` set: the leg waits, lines may be empty.
    `moved_from`: its own day, where that lies in a closed period and `date` is the next open day.
    `location` as the rules name it; `tender` and `receipt_number` for the texts people read.
    `conventions`: the division's choices that its lines follow, None where none bears on them. `terms`: of an order,
    whose lines name items.
    `invoice`: the Square number of the invoice whose sale or credit this is, `due` the day by which it is to be paid.
    `customer`: of a sale, whom Square names as its customer ("" nobody).
    """

    kind: LegKind
    source_id: str
    ordinal: int
    document: Document
    journal: str
    date: date
    currency: str
    main_account: Account | None
    debtor: Debtor | None
    lines: tuple[Line, ...] = ()
    order_id: str = ""
    stands_alone: bool = False
    after_sale: bool = False
    problem: Problem | None = None
    location: str = ""
    tender: str = ""
    receipt_number: str = ""
    is_reversal: bool = False
    conventions: Conventions | None = None
    moved_from: Day | None = None
    terms: Terms | None = None
    invoice: str = ""
    due: Day | None = None
    customer: str = ""

    @property
    def total(self) -> int:
        """Sum of the lines and their VAT: what the document moves on its main account."""
        return sum(line.amount + line.vat for line in self.lines)

    @property
    def owed(self) -> int:
        """What the customer owes more by this leg: a sale adds to it, a receipt takes from it."""
        if self.document is Document.SALES_ENTRY:
            return self.total
        return -sum(line.amount for line in self.lines if line.role is Role.RECEIVABLES)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one source record owes, or why nothing can be said yet (`problem`, no legs)."""

    legs: tuple[LegPlan, ...] = ()
    problem: Problem | None = None
    notes: tuple[str, ...] = field(default=())


def ledger(document: Document, main_account: str, lines: Iterable[Line]) -> Mapping[str, int]:  # noqa: ARG001
    """Account code -> movement, debit + and credit -. Zero movements are left out; always sums to zero.

    VAT stands under `vat_account` when the code's account is known, else under "vat".
    """
    moved: dict[str, int] = {}

    def move(code: str, amount: int) -> None:
        moved[code] = moved.get(code, 0) + amount

    for line in lines:
        move(line.account.code, -line.amount)
        move(main_account, line.amount + line.vat)
        if line.vat:
            move(line.vat_account or "vat", -line.vat)
    return {code: amount for code, amount in moved.items() if amount}
