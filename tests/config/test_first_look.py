"""What somebody stumbles over who sees the pages for the first time: words, dates, names, buttons that lead nowhere."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from audit.trail import Fact
from connections.models import VendorCall
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import CustomerMapping, DebtorAccount, LedgerAccount
from sync import issues
from sync.models import ClearingOpening, CustomerLink, Leg, Posting, SourceCount, SyncLane
from sync.models.lanes import CUSTOMERS
from sync.models.reconciliation import Reconciliation
from tests.connections import archive
from tests.pages import NOW, text_of
from tests.till import Shop

LONG = "WZMUyNgvVW1Il3fAJzpFXEhLZzaZY_2tFCKtXIoHlzKdkwXHwVx9ByDn4kMWsu5oaFPqF4xNR"


@pytest.fixture
def customers(shop: Shop) -> SyncLane:
    return SyncLane.objects.create(
        label="Customers in step", flow=CUSTOMERS, source=shop.square, division=shop.division, go_live=NOW.date()
    )


def offered(anna: Client, page: str) -> list[str]:
    """The lanes that the filter of this list offers."""
    (found,) = [spec for spec in anna.get(page).context["cl"].filter_specs if spec.title == "lane"]
    return [str(words) for _, words in found.lookup_choices]


@pytest.mark.parametrize("name", ["syncitem", "posting", "invoicestanding", "month", "clearingproof", "backfill"])
def test_a_list_of_what_is_booked_offers_the_lanes_that_book(
    shop: Shop, anna: Client, customers: SyncLane, name: str
) -> None:
    assert offered(anna, f"/admin/sync/{name}/") == [str(shop.lane)]


def test_a_list_of_customers_offers_the_lanes_of_customers(shop: Shop, anna: Client, customers: SyncLane) -> None:
    assert offered(anna, "/admin/sync/customerlink/") == [str(customers)]
    shown = anna.get("/admin/sync/syncitem/", {"lane__id__exact": customers.pk})
    assert list(shown.context["cl"].result_list) == []


@pytest.mark.parametrize("page", ["clearingopening", "expiry"])
def test_what_is_stated_about_a_lane_is_stated_about_one_that_books(
    shop: Shop, anna: Client, customers: SyncLane, page: str
) -> None:
    form = anna.get(f"/admin/sync/{page}/add/").context["adminform"].form
    assert list(form.fields["lane"].queryset) == [shop.lane]


def test_a_button_stands_only_where_it_can_do_something(shop: Shop, anna: Client, customers: SyncLane) -> None:
    assert "Subscribe to webhooks" in text_of(anna.get(f"/admin/connections/connection/{shop.square.pk}/change/"))
    snowflake = text_of(anna.get(f"/admin/connections/connection/{archive.connection().pk}/change/"))
    assert "Subscribe to webhooks" not in snowflake
    assert "Read subscriptions" not in snowflake
    assert "Count at Square" in text_of(anna.get(f"/admin/sync/synclane/{shop.lane.pk}/change/"))
    assert "Count at Square" in text_of(anna.get(f"/admin/sync/synclane/{customers.pk}/change/"))
    assert "Prove clearing" not in text_of(anna.get(f"/admin/sync/synclane/{customers.pk}/change/"))


def test_a_row_that_nobody_changes_has_no_history_of_changes(shop: Shop, anna: Client) -> None:
    account = LedgerAccount.objects.earliest("pk")
    assert "History" not in text_of(anna.get(f"/admin/mappings/ledgeraccount/{account.pk}/change/"))
    assert "History" in text_of(anna.get(f"/admin/sync/synclane/{shop.lane.pk}/change/"))


def test_the_way_back_names_the_lists_as_the_menu_does(shop: Shop, anna: Client) -> None:
    lane = f"/admin/sync/synclane/{shop.lane.pk}/"
    for page in ("/admin/sync/month/", f"{lane}change/", f"{lane}history/", f"{lane}delete/"):
        text = text_of(anna.get(page))
        assert "Home &rsaquo; Bookings" not in text
        assert f"Home &rsaquo; {'Months' if 'month' in page else 'Lanes'}" in text
    item = shop.payment(1)
    record = text_of(anna.get(f"/admin/sync/syncitem/{item.pk}/change/"))
    assert f"&rsaquo; Records &rsaquo; Payment {item.receipt_number}" in record


def test_the_day_of_a_question_is_filled_in_as_a_browser_reads_it(shop: Shop, anna: Client) -> None:
    assert 'name="on" value="2026-11-21"' in anna.get("/admin/mappings/glmapping/explain/").content.decode()


def test_codes_are_written_without_the_commas_of_numbers(shop: Shop, anna: Client) -> None:
    call = VendorCall.objects.create(
        at=NOW, connection=shop.exact, system="exact", operation="Me.read", method="GET", status=200, trigger="person",
        division=shop.division.code, run_id=12345, duration_ms=3,
    )  # fmt: skip
    pages = (
        "/admin/connections/division/", f"/admin/connections/division/{shop.division.pk}/change/",
        "/admin/connections/vendorcall/", f"/admin/connections/vendorcall/{call.pk}/change/",
    )  # fmt: skip
    for page in pages:
        text = text_of(anna.get(page))
        assert str(shop.division.code) in text
        assert f"{shop.division.code:,}" not in text
        assert "12,345" not in text


def test_days_stand_on_every_page_as_people_write_them(shop: Shop, anna: Client) -> None:
    User.objects.filter(username="anna").update(last_login=NOW)
    user = User.objects.get(username="anna")
    assert "21 Nov 2026 13:00" in text_of(anna.get(f"/admin/auth/user/{user.pk}/change/"))
    item = shop.booked(1)
    steps = text_of(anna.get(f"/admin/sync/syncitem/{item.pk}/change/"))
    assert "as Square changed it 21 Nov 2026 10:31:00" in steps
    day = date(2026, 11, 2)
    assert str(SourceCount(lane=shop.lane, stream="refunds", day=day)) == f"refunds of 2 Nov 2026, {shop.lane}"
    compared = Reconciliation(lane=shop.lane, begin=day, end=date(2026, 11, 30))
    assert str(compared) == f"{shop.lane}, 2 Nov 2026 to 30 Nov 2026"
    assert str(ClearingOpening(lane=shop.lane, currency="EUR", day=day)) == f"{shop.lane}, EUR on 2 Nov 2026"


def test_the_list_of_issues_calls_a_customer_by_its_name(shop: Shop, anna: Client) -> None:
    CustomerMapping.objects.create(
        division=shop.division, merchant=shop.square, square_customer_id="CUST1", square_name="Nobody Knows BV",
        status="proposed", effective_from=NOW.date(),
    )  # fmt: skip
    shop.waiting(1, ProblemKind.UNMAPPED_CUSTOMER, "CUST1")
    issues.look(NOW)
    text = text_of(anna.get("/admin/sync/issue/"))
    assert "Customer not mapped: Nobody Knows BV" in text
    assert "CUST1" not in text
    assert "open or acknowledged" in text


def test_an_entry_names_a_refund_by_its_word_and_not_by_its_id(shop: Shop, anna: Client) -> None:
    item = shop.payment(1, kind="refund", source_id=LONG, receipt_number="", state="done")
    shop.leg(item, shop.receipt(item), posting=shop.entry(1, shop.receipt(item)), state="confirmed")
    assert Leg.objects.count() == 1
    assert LONG not in text_of(anna.get(f"/admin/sync/posting/{Posting.objects.get().pk}/change/"))


def test_an_entry_of_the_trail_says_in_words_what_happened(shop: Shop, anna: Client) -> None:
    shop.tell(Fact("run.done", "run", 1, "run 1"))
    row = AuditEntry.objects.latest("pk")
    text = text_of(anna.get(f"/admin/audit/auditentry/{row.pk}/change/"))
    assert "Home &rsaquo; Audit entries &rsaquo; Run finished" in text
    assert text.index("For support") < text.index("run.done")


@pytest.mark.parametrize(("count", "words"), [(1, "1 customer in conflict"), (2, "2 customers in conflict")])
def test_one_is_not_several(shop: Shop, anna: Client, customers: SyncLane, count: int, words: str) -> None:
    for place in range(count):
        CustomerLink.objects.create(
            lane=customers, division=shop.division, merchant=shop.square, square_id=f"C{place}", state="conflict",
            debtor=DebtorAccount.objects.earliest("pk"), changed_at=NOW, looked_at=NOW,
        )  # fmt: skip
    shop.waiting(1, ProblemKind.UNMAPPED_TAX, "revenue: Tourist tax")
    answer = anna.get("/admin/")
    text = text_of(answer)
    assert words in text
    of_lane = f"/admin/sync/customerlink/?lane__id__exact={customers.pk}"
    assert f'<a href="{of_lane}">{count}</a>' in answer.content.decode()
    assert "1 record waits for a person" in text


def test_the_confirm_page_of_one_entry_says_what_the_entry_moves(shop: Shop, anna: Client) -> None:
    item = shop.payment(1, state="done")
    entry = shop.entry(1, shop.receipt(item), total=0)
    shop.leg(item, shop.receipt(item), posting=entry, state="confirmed")
    assert "Money EUR 12.10" in text_of(anna.get(f"/admin/sync/posting/{entry.pk}/do/undo/"))
