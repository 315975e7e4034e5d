"""Every kind of page in a browser: nothing complained of, no barrier, nothing to scroll sideways for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from audit.trail import Fact
from connections.models import WebhookEvent, WebhookSubscription, WebhookTally
from mappings.bookkeeping.legs import ProblemKind
from mappings.bookkeeping.proof import Difference, DifferenceKind, Proof
from mappings.models import CustomerMapping, DebtorAccount
from sync import clearing_proof
from sync.models import ItemEdit, Plan, PlannedEntry, Posting, SourceCount, SyncItem
from sync.models.clearing import ClearingProof
from tests.browser.conftest import DESK, PHONE, Opens
from tests.connections import archive
from tests.pages import NOW
from tests.till import Shop, open_shop

Address = Callable[[Shop], str]


@pytest.fixture
def shop(transactional_db: None, plain: None) -> Shop:
    """Something of everything: booked, waiting, running, undecided."""
    shop = open_shop(NOW)
    booked = shop.booked(1)
    shop.waiting(2, ProblemKind.UNMAPPED_TAX, "revenue: Tourist tax 13, 13 %")
    shop.waiting(3, ProblemKind.UNMAPPED_CUSTOMER, "CUST1")
    shop.run()
    shop.tell(Fact("item.extracted", "item", booked.pk, booked.source_id, booked.source_id))
    return shop


def record(shop: Shop) -> str:
    return f"/admin/sync/syncitem/{shop.lane.items.get(source_id='PAY000002').pk}/change/"


def entry(shop: Shop) -> str:
    return f"/admin/sync/posting/{Posting.objects.order_by('pk')[0].pk}/change/"


def progress(shop: Shop) -> str:
    run = shop.run(state="running", phase="sales", entries_planned=20, entries_posted=10)
    return f"/admin/sync/syncrun/{run.pk}/change/"


def conflict(shop: Shop) -> str:
    candidates = [
        {"id": debtor.remote_id, "code": debtor.code, "name": debtor.name, "agrees": ["name"], "differs": ["e-mail"]}
        for debtor in DebtorAccount.objects.all()
    ]
    row = CustomerMapping.objects.create(
        division=shop.division, merchant=shop.square, square_customer_id="CUST1", square_name="Hotel Zon",
        status="conflict", candidates=candidates, effective_from=NOW.date(),
        square_profile={
            "company": "Hotel Zon", "given_name": "Petra", "family_name": "Zon", "email": "zon@hotel.example",
            "phone": "020 5550101", "reference": "", "vat_number": "NL001234567B01", "source": "INSTANT_PROFILE",
            "address": {"address_line_1": "Dam 1", "postal_code": "1012 JS", "locality": "Amsterdam", "country": "NL"},
        },
    )  # fmt: skip
    return f"/admin/mappings/customermapping/{row.pk}/change/"


def month(shop: Shop) -> str:
    """Signed off, and disturbed since: a page with everything on it."""
    return f"/admin/sync/month/{shop.month().pk}/change/"


def reconciliation(shop: Shop) -> str:
    return f"/admin/sync/reconciliation/{shop.month().reconciliation_id}/change/"


def plan(shop: Shop) -> str:
    """Of an undo, which waits for approval, with something that cannot be undone."""
    run = shop.run(state="planned", purpose="undo", requested_by="bert")
    Plan.objects.create(
        run=run, subject="run 1 of Bakery to books", entries=1, lines=1, calls=2, left_out=[["TB-1", "It is over."]],
        accounts={"EUR": [["8000", 1000, -1000]]}, totals={"EUR": [["revenue", "2", -1000, -210]]},
    )  # fmt: skip
    PlannedEntry.objects.create(
        run=run, position=0, stage="undo", document="sales_entry", journal="70", date=NOW.date(), currency="EUR",
        total=-1210, reference="TB-0000000000000099", group="g", body="{}", expected={"8000": 1000, "1300": -1000},
        lines=[["revenue", "8000", -1000, "2", -210, "Sourdough loaf"]], reverses=Posting.objects.earliest("pk"),
    )  # fmt: skip
    return f"/admin/sync/syncrun/{run.pk}/change/"


def planned_entry(shop: Shop) -> str:
    plan(shop)
    return f"/admin/sync/plannedentry/{PlannedEntry.objects.earliest('pk').pk}/change/"


def planned_entries(shop: Shop) -> str:
    plan(shop)
    return "/admin/sync/plannedentry/"


def clearing(shop: Shop) -> str:
    """Not proven, with a difference that leads to a record."""
    item = shop.lane.items.earliest("pk").pk
    found = Difference(DifferenceKind.WAITING, 1210, "Records wait for a person and are not booked yet.", (item,))
    proof = Proof(currency="EUR", day=NOW.date(), opening=0, booked=1000, square=2210, ledger=1000, at_square=(found,))
    row = ClearingProof.objects.create(
        lane=shop.lane, currency="EUR", day=proof.day, made_at=NOW, is_proven=False, found=clearing_proof.plain(proof)
    )
    return f"/admin/sync/clearingproof/{row.pk}/change/"


def webhooks(shop: Shop, page: str) -> str:
    """An event, a subscription that is switched off, a count with something missing."""
    event = WebhookEvent.objects.create(
        connection=shop.square, event_id="e-1", type="payment.updated", object_id="hYy9pRFVxpDsO1FB05SunFWUe9JZ1",
        happened_at=NOW, received_at=NOW, digest="0" * 64, meaning="lane", deliveries=3,
    )  # fmt: skip
    WebhookSubscription.objects.create(
        connection=shop.square, remote_id="wbhk_1", topics=["payment.created"], address="https://till.example/hook/",
        is_enabled=False, created_at=NOW, read_at=NOW,
    )  # fmt: skip
    WebhookTally.objects.create(connection=shop.square, day=NOW.date(), outcome="forged", last_at=NOW)
    SourceCount.objects.create(
        lane=shop.lane, stream="payments", day=NOW.date(), at_square=3, held=2, examples=["P1"], counted_at=NOW
    )
    return f"/admin/{page}/".replace("PK", str(event.pk))


def edited(shop: Shop) -> str:
    row = ItemEdit.objects.create(
        item=SyncItem.objects.get(source_id="PAY000002"), change={"customer": "C1"},
        shown=[["Square customer", "none", "C1"]], source_digest="0" * 64, currency="EUR", amount=121000,
        reason="The till named nobody", state="proposed", proposed_by="bob", proposed_at=NOW,
    )  # fmt: skip
    return f"/admin/sync/itemedit/{row.pk}/change/"


def refund(shop: Shop) -> str:
    """Square's id of a refund holds that of its payment, and is the only name it has."""
    fields = {"kind": "refund", "receipt_number": "", "source_id": f"{'WZMUyNgvVW1Il3fAJzpFXEhLZzaZY_' * 2}xNR"}
    return f"/admin/sync/syncitem/{shop.payment(9, **fields).pk}/change/"


PAGES: dict[str, str | Address] = {
    "webhook events": lambda shop: webhooks(shop, "connections/webhookevent"),
    "webhook event": lambda shop: webhooks(shop, "connections/webhookevent/PK/change"),
    "webhook subscriptions": lambda shop: webhooks(shop, "connections/webhooksubscription"),
    "other deliveries": lambda shop: webhooks(shop, "connections/webhooktally"),
    "counts at Square": lambda shop: webhooks(shop, "sync/sourcecount"),
    "Square connection": lambda shop: f"/admin/connections/connection/{shop.square.pk}/change/",
    "work list": "/admin/",
    "records": "/admin/sync/syncitem/",
    "record": record,
    "refund": refund,
    "gaps": "/admin/mappings/glmapping/gaps/",
    "preview": lambda shop: record(shop).replace("change", "preview"),
    "edit": lambda shop: record(shop).replace("change", "edit"),
    "edits": "/admin/sync/itemedit/",
    "edit, proposed": edited,
    "dismissal": lambda shop: record(shop).replace("change", "do/dismiss"),
    "entry": entry,
    "run progress": progress,
    "months": "/admin/sync/month/",
    "month": month,
    "sign-off": lambda shop: month(shop).replace("change", "do/sign-red"),
    "reconciliation": reconciliation,
    "lane": lambda shop: f"/admin/sync/synclane/{shop.lane.pk}/change/",
    "plan": plan,
    "approval": lambda shop: plan(shop).replace("change", "do/approve"),
    "planned entries": planned_entries,
    "planned entry": planned_entry,
    "undo": lambda shop: entry(shop).replace("change", "do/undo"),
    "sales list": lambda shop: entry(shop).replace("change", "sales"),
    "clearing": clearing,
    "opening balance": "/admin/sync/clearingopening/add/",
    "expired gift cards": "/admin/sync/expiry/add/",
    "conventions": "/admin/mappings/convention/add/",
    "tender journal": "/admin/mappings/tenderjournal/add/",
    "item mapping": "/admin/mappings/itemmapping/add/",
    "invoices": "/admin/sync/invoicestanding/",
    "orders": "/admin/sync/orderrecord/",
    "deposits": "/admin/sync/deposit/",
    "late arrivals": "/admin/sync/latearrival/",
    "money": lambda shop: f"/admin/sync/synclane/{shop.lane.pk}/money/",
    "connection": lambda shop: f"/admin/connections/connection/{shop.exact.pk}/change/",
    "connection, new": "/admin/connections/connection/add/",
    "snowflake, new": "/admin/connections/connection/add/?system=snowflake",
    "snowflake": lambda _: f"/admin/connections/connection/{archive.connection(warning='It sleeps.').pk}/change/",
    "mapping form": "/admin/mappings/glmapping/add/?role=revenue&tax_name=Tourist+tax+13&tax_rate=13",
    "customer conflict": conflict,
    "side by side": lambda shop: conflict(shop).replace("change/", "resolve/?q=o"),
    "audit list": "/admin/audit/auditentry/",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_wide_and_narrow_light_and_dark(shop: Shop, opens: Opens, name: str) -> None:
    anna = User.objects.create_superuser("anna")
    page = PAGES[name]
    address = page if isinstance(page, str) else page(shop)
    for width in (DESK, PHONE):
        window = opens(width, user=anna)
        answer = window.page.goto(address)
        assert answer.status == 200
        assert window.faults() == [], width


def test_the_buttons_of_a_lane_cover_nothing_of_its_form(shop: Shop, opens: Opens) -> None:
    anna = User.objects.create_superuser("anna")
    for width in (1280, PHONE):
        window = opens(width, user=anna)
        window.page.goto(f"/admin/sync/synclane/{shop.lane.pk}/change/")
        name = window.page.locator("#content > h2").bounding_box()
        tools = window.page.locator(".object-tools").bounding_box()
        assert name is not None
        assert tools is not None
        assert name["y"] + name["height"] <= tools["y"], width


def test_the_sign_in_page_is_whole_and_lets_a_person_in(shop: Shop, opens: Opens) -> None:
    User.objects.create_superuser("anna", password="correct horse battery")
    for width in (DESK, PHONE):
        window = opens(width)
        window.page.goto("/admin/")
        assert window.faults() == [], width
    window.page.fill("[name=login]", "anna")
    window.page.fill("[name=password]", "correct horse battery")
    window.page.click("button[type=submit]")
    window.page.wait_for_selector("h1:has-text('Work list')")
    assert window.complaints == []


def test_on_a_phone_every_page_is_reached_from_the_work_list(shop: Shop, opens: Opens) -> None:
    window = opens(PHONE, user=User.objects.create_superuser("anna"))
    window.page.goto("/admin/")
    window.page.get_by_role("navigation", name="All pages").get_by_role("link", name="GL mappings").click()
    window.page.wait_for_selector("h1:has-text('GL mappings')")
