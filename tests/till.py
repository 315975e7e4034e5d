"""A small shop's rows for tests of pages: connections, a division with its chart, a lane, records in every state."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from audit import trail
from audit.trail import Fact
from connections.models import Connection, Division, Location, VendorCall
from mappings.bookkeeping.legs import Account, Debtor, Document, LegKind, LegPlan, Line, ProblemKind, ledger
from mappings.models import DebtorAccount, GLMapping, Journal, LedgerAccount, VatCode
from mappings.roles import Role
from sync.legs import content_of, digest_of
from sync.models import Beat, LaneLocation, Leg, Posting, SyncItem, SyncLane, SyncRun
from sync.models.reconciliation import Month, Reconciliation
from sync.reconciliation import months

CHART = (
    ("1300", "Trade debtors", 20),
    ("1105", "Square clearing", 12),
    ("1000", "Cash", 10),
    ("8000", "Revenue 21 %", 110),
    ("8001", "Revenue 9 %", 110),
    ("2150", "Tips to pay out", 60),
    ("4960", "Payment fees", 120),
    ("1500", "VAT to pay 21 %", 24),
)
AR = Account("guid-1300", "1300", 20)
CLEARING = Account("guid-1105", "1105", 12)
COUNTER = Debtor("guid-counter", "Counter sales", is_collective=True)


@dataclass
class Shop:
    square: Connection
    exact: Connection
    division: Division
    location: Location
    lane: SyncLane
    now: datetime
    rules: dict[str, GLMapping] = field(default_factory=dict)

    def payment(self, number: int, *, day: date | None = None, amount: int = 1210, **fields: Any) -> SyncItem:
        """A record as a lane keeps it; state, problem and the like by name."""
        day = day or self.now.date()
        at = datetime.combine(day, time(9, 30), UTC) + timedelta(minutes=number % 480)
        source_id = fields.pop("source_id", f"PAY{number:06}")
        values: dict[str, Any] = {
            "order_id": f"ORD{number:06}",
            "receipt_number": f"R{number:04}",
            "tender": "CARD",
            "source_updated_at": at,
            "took_place_at": at,
            "local_day": day,
            "currency": "EUR",
            "amount": amount,
            "payload": payload(number, at, amount),
            "digest": "0" * 64,
            "created_at": self.now,
            "changed_at": self.now,
        }
        return SyncItem.objects.create(
            lane=self.lane, location=self.location, source_id=source_id, **{**values, **fields}
        )

    def waiting(self, number: int, kind: ProblemKind, subject: str = "", **fields: Any) -> SyncItem:
        sentence = fields.pop("problem", f"No rule says what {subject} is. Add one; this record then goes on.")
        return self.payment(
            number,
            state="waiting",
            problem_kind=kind,
            problem_subject=subject,
            problem=sentence,
            waiting_since=self.now,
            **fields,
        )

    def leg(self, item: SyncItem, plan: LegPlan, *, posting: Posting | None = None, **fields: Any) -> Leg:
        values = {
            "lane": self.lane,
            "division": self.division,
            "location": self.location,
            "reference": reference(item.pk, plan.kind),
            "document": plan.document,
            "journal": plan.journal,
            "date": plan.date,
            "currency": plan.currency,
            "amount": plan.total,
            "content": content_of(plan),
            "digest": digest_of(plan),
            "state": "ready",
            "order_id": item.order_id,
        }
        return Leg.objects.create(item=item, kind=plan.kind, posting=posting, **{**values, **fields})

    def sale(self, item: SyncItem) -> LegPlan:
        vat = round(item.amount * 21 / 121)
        line = Line(
            Role.REVENUE,
            Account("guid-8000", "8000", 110),
            item.amount - vat,
            vat_code="2",
            vat=vat,
            vat_account="1500",
            rule=self.rules["revenue"].pk,
            note="revenue · VAT 21 · 21 %",
        )
        return LegPlan(
            LegKind.SALE, item.order_id, 0, Document.SALES_ENTRY, "70", item.local_day, "EUR", AR, COUNTER, (line,)
        )

    def receipt(self, item: SyncItem) -> LegPlan:
        line = Line(Role.RECEIVABLES, AR, item.amount, debtor=COUNTER.id, note="the account of the sale")
        return LegPlan(
            LegKind.RECEIPT,
            item.source_id,
            0,
            Document.BANK_ENTRY,
            "21",
            item.local_day,
            "EUR",
            CLEARING,
            COUNTER,
            (line,),
        )

    def entry(self, number: int, plan: LegPlan, *, state: str = "confirmed", **fields: Any) -> Posting:
        body = {"Journal": plan.journal, "YourRef": f"TB-{number:016}", "Lines": [{"AmountFC": 10.5, "VATCode": "2"}]}
        moved = ledger(plan.document, plan.main_account.code, plan.lines) if plan.main_account else {}
        values = {
            "document": plan.document,
            "journal": plan.journal,
            "reference": f"TB-{number:016}",
            "date": plan.date,
            "group": f"Amsterdam {plan.date} EUR {number}",
            "currency": "EUR",
            "total": plan.total,
            "body": json.dumps(body).replace("10.5", "10.50"),
            "digest": "1" * 64,
            "find_by": f"TB-{number:016}",
            "expected": dict(moved),
            "sent_at": self.now,
            "remote_id": f"guid-{number}",
            "remote_number": 26700000 + number,
            "created_at": self.now,
            "changed_at": self.now,
        }
        return Posting.objects.create(lane=self.lane, division=self.division, state=state, **{**values, **fields})

    def booked(self, number: int, *, day: date | None = None) -> SyncItem:
        """A payment that is in the books: sale and receipt, each in an entry of its own."""
        item = self.payment(number, day=day, state="done")
        for place, plan in enumerate((self.sale(item), self.receipt(item))):
            self.leg(item, plan, posting=self.entry(number * 10 + place, plan), state="confirmed")
        return item

    def month(self, **fields: Any) -> Month:
        """The month of `now`: compared, with a difference of each sort, signed off and disturbed."""
        starts, ends = months.of_day(self.now.date())
        days = [(starts + timedelta(days=place)).isoformat() for place in range(20)]
        figures = [[day, role, "EUR", 1210, 100 * (role == "tips"), 1110, 1110 - 5 * (day == days[3])]
                   for day in days for role in ("clearing", "revenue", "tips")]  # fmt: skip
        checks = {
            "unposted": {"count": 1, "sums": {"EUR": 1210}}, "unmatched": {"count": 0, "orders": [], "customers": 0},
            "clearing": {"per_currency": {}, "difference": 5}, "late": {"count": 2, "other_day": 1},
            "vat": {"difference": 0}, "unexplained": {"count": 1, "difference": 750},
        }  # fmt: skip
        vat = {"currency": "EUR", "code": "2", "base": 1000, "vat": 210, "exact_base": 1000, "exact_vat": 210}
        row = Reconciliation.objects.create(
            lane=self.lane, division=self.division, begin=starts, end=ends, made_at=self.now, figures=figures,
            checks=checks, unexplained=750, findings=1, digest="0" * 64, vat=[{**vat, "exact_booked": 210}],
            debtors=[{"currency": "EUR", "debtor": "guid-counter", "sold": 1210, "paid": 1210, "ours": 0, "exact": 0}],
            flow=[{"currency": "EUR", "day": days[0], "received": 1210, "refunded": 0, "fees": 21, "settled": 1189}],
        )  # fmt: skip
        item = SyncItem.objects.filter(lane=self.lane).first()
        for kind, is_explained in (("foreign", False), ("waiting", True)):
            row.differences.create(
                kind=kind, is_explained=is_explained, day=starts, currency="EUR", amount=750, item=item,
                sentence=f"Somebody should know of this {kind} thing.", entry_number=26700001,
            )  # fmt: skip
        signed = {"signed_by": "anna", "signed_at": self.now, "signed": row, "signed_reason": "Looked at",
                  "disturbed": "foreign entry: somebody booked.", "disturbed_at": self.now}  # fmt: skip
        return Month.objects.create(lane=self.lane, starts=starts, reconciliation=row, **{**signed, **fields})

    def run(self, *, state: str = "done", **fields: Any) -> SyncRun:
        values: dict[str, Any] = {
            "trigger": "schedule",
            "created_at": self.now - timedelta(minutes=3),
            "started_at": self.now - timedelta(minutes=3),
            "touched_at": self.now,
            "finished_at": None if state in SyncRun.OPEN else self.now,
            "sentence": "" if state in SyncRun.OPEN else "12 read, 8 entries booked.",
        }
        return SyncRun.objects.create(lane=self.lane, state=state, **{**values, **fields})

    def call(self, number: int, run: SyncRun, system: str = "exact") -> VendorCall:
        connection = self.exact if system == "exact" else self.square
        return VendorCall.objects.create(
            at=self.now,
            connection=connection,
            system=system,
            operation="salesentry/SalesEntries",
            method="POST",
            status=201,
            duration_ms=180,
            trigger="schedule",
            run_id=run.pk,
            request_id=f"request-{system}-{number}",
            division=self.division.code,
        )

    def tell(self, *facts: Fact) -> None:
        with transaction.atomic():
            trail.record(facts, at=self.now)


def reference(pk: int, kind: str) -> str:
    return f"TB-{kind[:3].upper()}{pk:013}"


def open_shop(now: datetime) -> Shop:
    """One Square merchant booked in one Exact division, with rules for revenue and fees."""
    live = {"status": Connection.Status.LIVE, "environment": "local_sandbox"}
    square = Connection.objects.create(system="square", label="Bakery", client_id="sq", **live)
    exact = Connection.objects.create(
        system="exact", region="nl", label="Books", client_id="ex", refresh_expires_at=now + timedelta(days=29), **live
    )
    division = Division.objects.create(
        connection=exact, code=123456, name="Bakery BV", currency="EUR", is_pinned=True, registration_number="12345678"
    )
    location = Location.objects.create(
        connection=square,
        location_id="LAMS",
        name="Amsterdam",
        currency="EUR",
        timezone="Europe/Amsterdam",
        merchant_id="M1",
    )
    debtor = _reference_data(division)
    lane = SyncLane.objects.create(
        label="Bakery to books",
        source=square,
        division=division,
        is_enabled=True,
        due_at=now + timedelta(minutes=10),
        go_live=now.date() - timedelta(days=60),
        collective_debtor=debtor,
        sales_journal="70",
        clearing_journal="21",
        cash_journal="10",
    )
    LaneLocation.objects.create(lane=lane, location=location)
    shop = Shop(square, exact, division, location, lane, now)
    shop.rules["revenue"] = GLMapping.objects.create(
        division=division,
        role="revenue",
        tax_name="VAT 21",
        tax_rate=Decimal(21),
        effective_from=lane.go_live,
        account=LedgerAccount.objects.get(code="8000"),
        vat_code=VatCode.objects.get(code="2"),
    )
    Beat.beat("worker", at=now)
    return shop


def _reference_data(division: Division) -> DebtorAccount:
    LedgerAccount.objects.bulk_create(
        LedgerAccount(division=division, remote_id=f"guid-{code}", code=code, name=name, type=kind)
        for code, name, kind in CHART
    )
    VatCode.objects.create(
        division=division,
        remote_id="guid-vat-2",
        code="2",
        name="VAT 21 %",
        percentage=Decimal("0.21"),
        type="E",
        account="1500",
    )
    journals = (("70", "Sales", 20, ""), ("21", "Square clearing", 12, "1105"), ("10", "Cash", 10, "1000"))
    Journal.objects.bulk_create(
        Journal(division=division, remote_id=f"guid-j{code}", code=code, name=name, type=kind, account=account)
        for code, name, kind, account in journals
    )
    return DebtorAccount.objects.create(
        division=division, remote_id="guid-counter", code="1", name="Counter sales", status="C"
    )


def payload(number: int, at: datetime, amount: int) -> dict[str, Any]:
    """A payment and its order in Square's form, one line with 21 % VAT inside."""
    money = {"amount": amount, "currency": "EUR"}
    tax = {"amount": round(amount * 21 / 121), "currency": "EUR"}
    moment = at.isoformat().replace("+00:00", "Z")
    order = {
        "id": f"ORD{number:06}",
        "state": "COMPLETED",
        "location_id": "LAMS",
        "created_at": moment,
        "updated_at": moment,
        "total_money": money,
        "total_tax_money": tax,
        "line_items": [
            {
                "uid": "l1",
                "name": "Sourdough loaf",
                "total_money": money,
                "total_tax_money": tax,
                "applied_taxes": [{"tax_uid": "t1", "applied_money": tax}],
            }
        ],
        "taxes": [{"uid": "t1", "name": "VAT 21", "percentage": "21", "type": "INCLUSIVE", "applied_money": tax}],
        "tenders": [{"id": f"PAY{number:06}", "type": "CARD", "amount_money": money}],
    }
    payment = {
        "id": f"PAY{number:06}",
        "status": "COMPLETED",
        "amount_money": money,
        "total_money": money,
        "source_type": "CARD",
        "location_id": "LAMS",
        "order_id": order["id"],
        "created_at": moment,
        "updated_at": moment,
        "receipt_number": f"R{number:04}",
        "processing_fee": [{"amount_money": {"amount": 21, "currency": "EUR"}, "type": "INITIAL"}],
    }
    return {"payment": payment, "order": order}
