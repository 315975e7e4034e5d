"""What is happening: lanes, their runs, and each source record's way into the books."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from connections.models import Connection, Division, Location
from mappings.bookkeeping.legs import Document, LegKind, ProblemKind
from mappings.bookkeeping.periods import Policy
from mappings.models import DebtorAccount
from sync.lifecycle import AttachmentState, ItemState, LegState, PostingState, RunState


def choices(words: type) -> list[tuple[str, str]]:
    """Choices of a StrEnum, with the word on the screen being the word in the code."""
    return [(word.value, word.value.replace("_", " ")) for word in words]  # type: ignore[attr-defined]


class SyncLane(models.Model):
    """One flow from a source into a division: the cursor, the mutual exclusion and the switch."""

    FLOWS: ClassVar = [("payments", "payments")]
    SALES: ClassVar = [("daily_summary", "daily summary"), ("per_payment", "per payment")]
    CLEARING: ClassVar = [("per_day", "per day"), ("per_payout", "per payout")]
    LOST: ClassVar = [("loss", "dispute loss"), ("customer", "receivable of a known customer, else dispute loss")]
    CLOSED: ClassVar = [
        (Policy.HOLD.value, "wait"), (Policy.NEXT_OPEN_DAY.value, "next open day"),
        (Policy.ACCRUAL.value, "accrual account"),
    ]  # fmt: skip
    ORDERS: ClassVar = [("off", "off"), ("quotations", "quotations"), ("sales_orders", "sales orders")]
    ORDER_LINES: ClassVar = [("mapped_items", "mapped items"), ("total_line", "one total line per VAT code")]
    UNKNOWN: ClassVar = [("wait", "wait for a person"), ("collective", "book on the collective debtor")]
    AFTER_CHANGE: ClassVar = [("wait", "wait for a person"), ("correct", "book a correction")]

    label = models.CharField(max_length=100, unique=True)
    flow = models.CharField(max_length=20, choices=FLOWS, default="payments")
    source = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="lanes", verbose_name="Square connection",
        limit_choices_to={"system": Connection.System.SQUARE},
    )  # fmt: skip
    division = models.ForeignKey(
        Division, on_delete=models.PROTECT, related_name="lanes", limit_choices_to={"is_pinned": True}
    )

    is_enabled = models.BooleanField("switched on", default=False)
    paused_reason = models.TextField(blank=True)
    cadence_minutes = models.PositiveIntegerField(
        "run every (minutes)", default=15, validators=[MinValueValidator(5), MaxValueValidator(7 * 24 * 60)]
    )
    due_at = models.DateTimeField("next run", null=True, blank=True, editable=False)
    go_live = models.DateField(help_text="Local days before this date are never posted without a click.")

    sales_grouping = models.CharField(max_length=20, choices=SALES, default="daily_summary")
    clearing_grouping = models.CharField(max_length=20, choices=CLEARING, default="per_day")
    day_closes_after_hours = models.PositiveSmallIntegerField(
        default=6,
        validators=[MaxValueValidator(72)],
        help_text="Hours after local midnight at which a day is summed up.",
    )
    collective_debtor = models.ForeignKey(
        DebtorAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="The Exact customer that counter sales are booked on.",
    )  # fmt: skip
    unknown_customers = models.CharField(max_length=12, choices=UNKNOWN, default="wait")
    sales_journal = models.CharField(max_length=20, help_text="Code of a sales journal (type 20).")
    clearing_journal = models.CharField(
        max_length=20, help_text="Code of the bank journal (type 12) of Square clearing."
    )
    cash_journal = models.CharField(max_length=20, blank=True, help_text="Code of a cash journal (type 10).")
    books_payouts = models.BooleanField(
        "book payouts",
        default=True,
        help_text="Move Square's payouts from clearing to bank in transit, and check them.",
    )
    rounding_limit = models.PositiveSmallIntegerField(
        "rounding limit (cents)", default=2, validators=[MaxValueValidator(100)],
        help_text="How far Square's own figures of an order may be apart. What is within goes to the role rounding; "
        "beyond it the record waits.",
    )  # fmt: skip
    lost_disputes = models.CharField("disputes lost", max_length=10, choices=LOST, default="loss")
    closed_periods = models.CharField(
        "when a period is closed", max_length=20, choices=CLOSED, default=Policy.HOLD.value,
        help_text="Wait: until somebody opens the period. Next open day: the entry is dated on the first day of the "
        "next open period, with its own day in the text; its VAT is declared in a later return. Accrual account: the "
        "same, and turnover and costs go to the account of the role accrual, so that a later month shows no result "
        "that belongs to a closed one; VAT and balances are booked as ever.",
    )  # fmt: skip
    orders = models.CharField(
        "open orders become", max_length=12, choices=ORDERS, default="off",
        help_text="What open Square orders are written as in Exact. Neither touches the ledger.",
    )  # fmt: skip
    order_lines = models.CharField("lines of orders", max_length=12, choices=ORDER_LINES, default="mapped_items")
    order_item = models.CharField(
        "item for the rest", max_length=30, blank=True,
        help_text="Code of the Exact item for total lines, charges, rounding and articles that are ignored.",
    )  # fmt: skip
    books_invoices = models.BooleanField(
        "book invoices",
        default=True,
        help_text="Book Square's invoices when they are published. Off: a paid one is booked as a sale of its day.",
    )
    adopts = models.BooleanField(
        "adopt mode", default=False,
        help_text="Look each entry up before it is sent the first time: after a restore, or over existing bookings.",
    )  # fmt: skip
    adopts_since = models.DateTimeField("in adopt mode since", null=True, blank=True, editable=False)
    attaches_sales_list = models.BooleanField(
        "attach the list of sales", default=False,
        help_text="Put the list of sales behind each daily summary beside its entry in Exact: two calls an entry.",
    )  # fmt: skip

    after_change = models.CharField(
        "changed after booking", max_length=8, choices=AFTER_CHANGE, default="wait",
        help_text="What happens when Square changes a record that is booked already. A correction takes the booked "
        "amounts back and books the new ones.",
    )  # fmt: skip
    needs_approval = models.BooleanField(
        default=False, help_text="Every run only plans; entries are booked once somebody has approved the plan."
    )
    four_eyes = models.BooleanField(default=False, help_text="Whoever asked for a plan may not approve it.")

    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    fence = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "lane"
        ordering = ["label"]
        permissions = [("run_synclane", "Can run a lane"), ("golive_synclane", "Can release what lies before go-live")]

    def __str__(self) -> str:
        return self.label

    @property
    def is_paused(self) -> bool:
        return bool(self.paused_reason)


class LaneLocation(models.Model):
    """A Square location that feeds a lane, and how far it has been read."""

    lane = models.ForeignKey(SyncLane, on_delete=models.CASCADE, related_name="feeds")
    flow = models.CharField(max_length=20, editable=False, default="payments")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="feeds")

    class Meta:
        ordering = ["location__name"]
        verbose_name = "location"
        constraints = [
            models.UniqueConstraint(
                fields=["flow", "location"], name="location_feeds_one_lane_per_flow",
                violation_error_message="This location already feeds a lane of this flow.",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.location.name


class FeedCursor(models.Model):
    """How far one stream of a location (its payments, refunds, payouts) has been read."""

    feed = models.ForeignKey(LaneLocation, on_delete=models.CASCADE, related_name="cursors")
    stream = models.CharField(max_length=20)
    read_up_to = models.DateTimeField()

    class Meta:
        ordering = ["stream"]
        constraints = [models.UniqueConstraint(fields=["feed", "stream"], name="cursor_once_per_stream")]

    def __str__(self) -> str:
        return f"{self.stream} up to {self.read_up_to:%Y-%m-%d %H:%M:%S}"


class SyncRun(models.Model):
    """One opening of a lane."""

    TRIGGERS: ClassVar = [(word, word) for word in ("schedule", "person", "webhook", "replay", "backfill")]
    PURPOSES: ClassVar = [
        ("book", "read and book"), ("plan", "read and plan"), ("undo", "plan of an undo"), ("post", "book a plan"),
    ]  # fmt: skip
    OPEN: ClassVar = [RunState.QUEUED.value, RunState.RUNNING.value, RunState.PAUSED.value]

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="runs")
    trigger = models.CharField(max_length=10, choices=TRIGGERS)
    purpose = models.CharField(max_length=4, choices=PURPOSES, default="book")
    requested_by = models.CharField(max_length=150, blank=True)
    state = models.CharField(max_length=10, choices=choices(RunState), default=RunState.QUEUED)
    phase = models.CharField(max_length=20, default="read")
    sentence = models.TextField("what happened", blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    touched_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    feeds_done = models.JSONField(default=list, blank=True)

    records_read = models.IntegerField(default=0)
    records_changed = models.IntegerField(default=0)
    legs_ready = models.IntegerField(default=0)
    records_waiting = models.IntegerField(default=0)
    entries_planned = models.IntegerField(default=0)
    entries_posted = models.IntegerField(default=0)
    entries_confirmed = models.IntegerField(default=0)
    entries_refused = models.IntegerField(default=0)

    class Meta:
        verbose_name = "run"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["lane"], condition=Q(state__in=["queued", "running", "paused"]), name="one_open_run_per_lane"
            )
        ]
        indexes = [
            models.Index(fields=["lane", "-id"], name="run_newest"),
            models.Index(fields=["lane"], name="run_plans", condition=Q(state__in=["planned", "approved"])),
        ]
        permissions = [
            ("plan_syncrun", "Can plan a run"), ("approve_syncrun", "Can approve or reject a plan"),
            ("undo_syncrun", "Can plan the undoing of runs and entries"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"run {self.pk} of {self.lane}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class SyncItem(models.Model):
    """One source record as last read: a Square payment with its order, a refund with its return, a payout with its
    entries. `parent_id` is the payment that a refund gives back.
    """

    KINDS: ClassVar = [
        (kind, kind) for kind in ("payment", "refund", "payout", "dispute", "expiry", "order", "invoice")
    ]

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="items", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=KINDS, default="payment")
    source_id = models.CharField("Square id", max_length=255)
    parent_id = models.CharField("of Square payment", max_length=192, blank=True)
    order_id = models.CharField("Square order", max_length=192, blank=True)
    customer_id = models.CharField("Square customer", max_length=191, blank=True)
    receipt_number = models.CharField(max_length=10, blank=True)
    tender = models.CharField(max_length=40, blank=True)
    source_updated_at = models.DateTimeField()
    took_place_at = models.DateTimeField()
    local_day = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    amount = models.BigIntegerField(default=0, help_text="Minor units, tip included.")
    payload = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    state = models.CharField(max_length=10, choices=choices(ItemState), default=ItemState.EXTRACTED)
    problem_kind = models.CharField(max_length=30, choices=choices(ProblemKind), blank=True)
    problem_subject = models.CharField(max_length=200, blank=True)
    problem = models.TextField(blank=True)
    waiting_since = models.DateTimeField(null=True, blank=True)
    released = models.BooleanField(
        default=False, help_text="A person lets this be posted although it lies before go-live."
    )
    to_correct = models.BooleanField(
        default=False, help_text="A person lets its change be booked as a correction, whatever the lane's policy."
    )
    attempts = models.PositiveIntegerField(default=0)
    recheck_at = models.DateTimeField(null=True, blank=True, help_text="When its order is read again.")
    dismissed_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "record"
        ordering = ["-took_place_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["lane", "source_id"], name="item_once_per_lane")]
        indexes = [
            models.Index(fields=["-took_place_at", "-id"], name="item_newest"),
            models.Index(fields=["lane", "state", "id"], name="item_work"),
            models.Index(fields=["source_id"], name="item_source"),
            models.Index(fields=["order_id"], name="item_order"),
            models.Index(fields=["parent_id"], name="item_parent", condition=~Q(parent_id="")),
            models.Index(fields=["lane", "-took_place_at"], name="item_orders", condition=Q(kind="order")),
            models.Index(fields=["lane", "recheck_at"], name="item_recheck", condition=Q(recheck_at__isnull=False)),
            models.Index(fields=["problem_kind", "problem_subject"], name="item_problem", condition=Q(state="waiting")),
        ]
        permissions = [
            ("replay_syncitem", "Can replay records"), ("dismiss_syncitem", "Can dismiss records"),
            ("correct_syncitem", "Can book corrections"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.source_id


class Settlement(models.Model):
    """What one payout said of a payment or refund: a later payout is compared with what is left unsaid.

    `gross` and `fee` in minor units and Square's signs.
    """

    item = models.ForeignKey(SyncItem, on_delete=models.CASCADE, related_name="settlements")
    event = models.CharField(max_length=255, help_text="Square id of the payment or refund.")
    gross = models.BigIntegerField()
    fee = models.BigIntegerField()
    is_verified = models.BooleanField(default=True, help_text="It was booked when the payout was compared with it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "event"], name="settled_once_per_payout")]
        indexes = [
            models.Index(fields=["event"], name="settlement_event"),
            models.Index(fields=["item"], name="settlement_unverified", condition=Q(is_verified=False)),
        ]

    def __str__(self) -> str:
        return self.event


class OrderRecord(SyncItem):
    """A record that is an order: the same rows, for the page that shows both sides of each."""

    class Meta:
        proxy = True
        verbose_name = "order"


class ExactOrder(models.Model):
    """What Exact said of an order when it was last read. `is_over`: its state no longer changes what we would do."""

    item = models.OneToOneField(SyncItem, on_delete=models.CASCADE, related_name="exact_order")
    document = models.CharField(max_length=12, choices=choices(Document))
    remote_id = models.CharField("Exact id", max_length=36)
    number = models.BigIntegerField("Exact number", null=True, blank=True)
    status = models.CharField("state in Exact", max_length=60, blank=True)
    is_over = models.BooleanField(default=False)
    read_at = models.DateTimeField()

    class Meta:
        verbose_name = "order in Exact"
        verbose_name_plural = "orders in Exact"
        indexes = [models.Index(fields=["read_at"], name="exact_order_due", condition=Q(is_over=False))]

    def __str__(self) -> str:
        return f"{self.get_document_display()} {self.number or self.remote_id}"


class Posting(models.Model):
    """One document at the other side: one Exact entry, with the body exactly as it was sent."""

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="postings", db_index=False)
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="postings", db_index=False)
    document = models.CharField(max_length=12, choices=choices(Document))
    journal = models.CharField(max_length=20)
    reference = models.CharField(max_length=20)
    group = models.CharField(
        max_length=200, help_text="What was summed up: location or merchant, day, currency, debtor."
    )
    ordinal = models.PositiveIntegerField(default=0)
    date = models.DateField()
    currency = models.CharField(max_length=3)
    total = models.BigIntegerField(help_text="Movement of the document's main account, minor units, the vendor's sign.")
    body = models.TextField("as it was sent")
    digest = models.CharField(max_length=64)
    find_by = models.CharField(max_length=100, help_text="The exact text by which the entry is found in Exact.")
    expected = models.JSONField(default=dict, help_text="Ledger movement per GL account, minor units, debit +.")

    state = models.CharField(max_length=10, choices=choices(PostingState), default=PostingState.DRAFT)
    looks_first = models.BooleanField(default=False, help_text="Look the entry up before it is sent.")
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField("first look that found nothing", null=True, blank=True)
    remote_id = models.CharField("Exact entry id", max_length=36, blank=True)
    remote_number = models.BigIntegerField("Exact entry number", null=True, blank=True)
    problem_kind = models.CharField(max_length=30, choices=choices(ProblemKind), blank=True)
    problem = models.TextField(blank=True)
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections")
    split_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="parts", db_index=False,
        help_text="The refused entry that this one is a half of.",
    )  # fmt: skip
    is_adopted = models.BooleanField(default=False, help_text="It stood in Exact before it was sent from here.")
    run_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "entry"
        verbose_name_plural = "entries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["division", "reference"], name="posting_once_per_division"),
            models.UniqueConstraint(fields=["lane", "document", "group", "ordinal"], name="posting_once_per_group"),
        ]
        indexes = [
            models.Index(fields=["lane", "state", "id"], name="posting_work"),
            models.Index(fields=["reference"], name="posting_reference"),
            models.Index(fields=["remote_id"], name="posting_remote"),
            models.Index(fields=["remote_number"], name="posting_number"),
        ]
        permissions = [("replay_posting", "Can replay entries")]

    def __str__(self) -> str:
        return self.reference


class Attachment(models.Model):
    """The list of sales behind a summary entry, on its way beside that entry in Exact: a document, then its file."""

    posting = models.OneToOneField(Posting, on_delete=models.PROTECT, related_name="attachment")
    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=choices(AttachmentState), default=AttachmentState.DUE)
    document_id = models.CharField("Exact document id", max_length=36, blank=True)
    file_id = models.CharField("Exact file id", max_length=36, blank=True)
    looks_first = models.BooleanField(default=False, help_text="Look in Exact before anything is created.")
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "list of sales"
        verbose_name_plural = "lists of sales"
        indexes = [models.Index(fields=["lane", "state", "id"], name="attachment_work")]

    def __str__(self) -> str:
        return f"list of {self.posting.reference}"


class Leg(models.Model):
    """One thing a record owes the books, and the entry that pays it."""

    item = models.ForeignKey(SyncItem, on_delete=models.PROTECT, related_name="legs", db_index=False)
    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="+", db_index=False)
    division = models.ForeignKey(Division, on_delete=models.PROTECT, related_name="+", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=choices(LegKind))
    is_reversal = models.BooleanField(default=False, help_text="Undoes the leg of the same kind and ordinal.")
    ordinal = models.PositiveIntegerField(default=0)
    reference = models.CharField(max_length=20)
    order_id = models.CharField(max_length=192, blank=True)
    document = models.CharField(max_length=12, choices=choices(Document))
    journal = models.CharField(max_length=20)
    date = models.DateField()
    moved_from = models.DateField("own day", null=True, blank=True, help_text="Its own day, when its period is closed.")
    is_late = models.BooleanField(default=False, help_text="Moved to another day, or ready after its day was booked.")
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(default=0, help_text="Sum of lines and VAT, minor units, the vendor's sign.")
    debtor = models.CharField("Exact customer", max_length=36, blank=True)
    owed = models.BigIntegerField(default=0, help_text="What its customer owes more by it, minor units.")
    stands_alone = models.BooleanField(default=False)
    after_sale = models.BooleanField(default=False)
    content = models.JSONField(
        default=dict, encoder=DjangoJSONEncoder, help_text="Lines, accounts and the reasons for them."
    )
    digest = models.CharField(max_length=64)

    state = models.CharField(max_length=10, choices=choices(LegState), default=LegState.WAITING)
    problem_kind = models.CharField(max_length=30, choices=choices(ProblemKind), blank=True)
    problem_subject = models.CharField(max_length=200, blank=True)
    problem = models.TextField(blank=True)
    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, null=True, blank=True, related_name="legs")

    class Meta:
        ordering = ["item", "id"]
        constraints = [
            models.UniqueConstraint(fields=["item", "kind", "ordinal", "is_reversal"], name="leg_once_per_item"),
            models.UniqueConstraint(fields=["division", "reference"], name="leg_once_per_division"),
        ]
        indexes = [
            models.Index(fields=["lane", "state", "document", "date"], name="leg_work"),
            models.Index(fields=["lane", "kind", "state"], name="leg_kind"),
            models.Index(fields=["order_id", "kind"], name="leg_order"),
            models.Index(fields=["reference"], name="leg_reference"),
            models.Index(fields=["lane", "date"], name="leg_late", condition=Q(is_late=True)),
            models.Index(fields=["lane", "state"], name="leg_reversals", condition=Q(is_reversal=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Expiry(models.Model):
    """Gift cards that a person stated as expired: Square does not tell. `amount` in minor units."""

    lane = models.ForeignKey(SyncLane, on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    on = models.DateField()
    amount = models.BigIntegerField()
    reason = models.TextField()
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    item = models.OneToOneField(SyncItem, on_delete=models.PROTECT, null=True, editable=False, related_name="+")

    class Meta:
        verbose_name = "expired gift cards"
        verbose_name_plural = "expired gift cards"
        ordering = ["-on", "-id"]

    def __str__(self) -> str:
        return f"gift cards expired on {self.on}"


class Deposit(Leg):
    """A receipt on an order that is not a sale yet: what is owed to the customer in goods or money."""

    class Meta:
        proxy = True
        ordering = ["date", "id"]
        verbose_name = "deposit"


class LateArrival(Leg):
    """A leg that was booked on another day than its own, or after its day had been summed up: a view, no table."""

    class Meta:
        proxy = True
        ordering = ["-date", "-id"]
        verbose_name = "late arrival"


class Beat(models.Model):
    """A sign of life: written by a task each minute, so it proves scheduler, queue and worker at once."""

    name = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def beat(cls, name: str, *, at: datetime) -> None:
        cls.objects.update_or_create(name=name, defaults={"at": at})


# Models that have a module of their own; they name the ones above.
from sync.invoice_standing import InvoiceStanding  # noqa: E402
from sync.planned import Plan, PlannedEntry  # noqa: E402
from sync.proofs import ClearingOpening, ClearingProof, SuspenseCleared  # noqa: E402

__all__ = [
    "Beat", "ClearingOpening", "ClearingProof", "Deposit", "ExactOrder", "Expiry", "FeedCursor", "InvoiceStanding",
    "LaneLocation", "LateArrival", "Leg", "OrderRecord", "Plan", "PlannedEntry", "Posting", "Settlement",
    "SuspenseCleared", "SyncItem", "SyncLane", "SyncRun", "choices",
]  # fmt: skip
