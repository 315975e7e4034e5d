"""Lanes: what is read, where it is booked and how, and how far each has come."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from connections.models import Connection, Division, Location
from connections.priorities import WORDS, Claim, Priority, claim
from mappings.bookkeeping.periods import Policy
from mappings.models import DebtorAccount

# The flow that writes the books; what concerns entries asks for its lanes alone.
BOOKING, CUSTOMERS, ARCHIVE = "payments", "customers", "archive"
# Postings before customers; what comes new and is not named here comes last.
USUAL_PRIORITY = {BOOKING: Priority.FIRST, CUSTOMERS: Priority.SECOND, ARCHIVE: Priority.LAST}
MOST_LEFT = 80


class SyncLane(models.Model):
    """One flow from a source into a division: the cursor, the mutual exclusion and the switch."""

    FLOWS: ClassVar = [("payments", "payments"), ("customers", "customers"), ("archive", "archive")]
    SALES: ClassVar = [("daily_summary", "daily summary"), ("per_payment", "per payment")]
    CLEARING: ClassVar = [("per_day", "per day"), ("per_payout", "per payout")]
    LOST: ClassVar = [("loss", "dispute loss"), ("customer", "receivable of a known customer, else dispute loss")]
    CLOSED: ClassVar = [
        (Policy.HOLD.value, "wait"), (Policy.NEXT_OPEN_DAY.value, "next open day"),
        (Policy.ACCRUAL.value, "accrual account"),
    ]  # fmt: skip
    ORDERS: ClassVar = [("off", "off"), ("quotations", "quotations"), ("sales_orders", "sales orders")]
    ORDER_LINES: ClassVar = [("mapped_items", "mapped items"), ("total_line", "one total line per VAT code")]
    PRIORITIES: ClassVar = [
        (0, "as usual for what it does"), *((one.value, WORDS[one]) for one in Priority if one > Priority.PEOPLE),
    ]  # fmt: skip
    UNKNOWN: ClassVar = [("wait", "wait for a person"), ("collective", "book on the collective debtor")]
    AFTER_CHANGE: ClassVar = [("wait", "wait for a person"), ("correct", "book a correction")]

    label = models.CharField(max_length=100, unique=True)
    flow = models.CharField(max_length=20, choices=FLOWS, default="payments")
    source = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="lanes", verbose_name="Square connection",
        limit_choices_to={"system__in": [Connection.System.SQUARE, Connection.System.EXACT]},
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
    priority = models.PositiveSmallIntegerField(
        "when calls are short", choices=PRIORITIES, default=0,
        help_text="Who goes first in this division. As usual: postings, then customers, then the archive.",
    )  # fmt: skip
    leaves_percent = models.PositiveSmallIntegerField(
        "leaves to those before it (%)", null=True, blank=True, validators=[MaxValueValidator(MOST_LEFT)],
        help_text="How much of a day's and a minute's calls its automatic runs leave to lanes that go first. Empty: 20 "
        "for the second, 50 for the last. What the others have not used by the evening is used.",
    )  # fmt: skip
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

    edit_limit = models.PositiveBigIntegerField(
        "edits above (cents)", null=True, blank=True, default=50_000,
        help_text="An edit of a record of more than this counts once somebody else has approved it. 0: every edit; "
        "empty: none.",
    )  # fmt: skip

    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    fence = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "lane"
        ordering = ["label"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "division"], condition=models.Q(flow="customers"), name="customers_in_step_once",
                violation_error_message="The customers of this Square connection are kept in step with this division "
                "by a lane already.",
            )
        ]  # fmt: skip
        permissions = [("run_synclane", "Can run a lane"), ("golive_synclane", "Can release what lies before go-live")]

    def __str__(self) -> str:
        return self.label

    @property
    def is_paused(self) -> bool:
        return bool(self.paused_reason)

    @property
    def claim(self) -> Claim:
        """How its automatic calls stand against those of other lanes."""
        usual = USUAL_PRIORITY.get(self.flow, Priority.LAST)
        return claim(Priority(self.priority) if self.priority else usual, self.leaves_percent)

    @property
    def books(self) -> bool:
        """Whether it turns Square's money into entries; the others keep customers in step, or archive."""
        return self.flow == BOOKING

    @property
    def archives(self) -> bool:
        """Whether it copies Exact into Snowflake. Its `source` is the Exact connection itself."""
        return self.flow == ARCHIVE


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
    again_from = models.DateTimeField(
        null=True, blank=True, help_text="Read again from here with the next run: something was missed."
    )

    class Meta:
        ordering = ["stream"]
        constraints = [models.UniqueConstraint(fields=["feed", "stream"], name="cursor_once_per_stream")]

    def __str__(self) -> str:
        return f"{self.stream} up to {self.read_up_to:%Y-%m-%d %H:%M:%S}"
