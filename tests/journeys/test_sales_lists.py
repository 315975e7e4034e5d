"""What a day's total is made of: one click away, as a file, and beside the entry in Exact."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from connections.models import VendorCall
from connections.sandbox.faults import Fault
from connections.sandbox.square import LineSpec, TenderSpec
from sync.models import Attachment, Posting, SyncLane
from tests import crashing
from tests.crashing import deaths, work_once
from tests.journeys.pages import page_of, press, words
from tests.journeys.shop import Till
from tests.world import World

LOAF = LineSpec("Loaf", 1090, tax="VAT 9")
DOCUMENTS, FILES = "*/documents/Documents", "*/documents/DocumentAttachments"


@pytest.fixture
def attaching(till: Till) -> Till:
    SyncLane.objects.update(attaches_sales_list=True)
    return till


def summary() -> Posting:
    return Posting.objects.get(document="sales_entry")


def in_exact(till: Till) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Documents with their files."""
    tables = till.world.books.tables
    return [(row, tables["documentattachments"].find("Document", row["ID"])) for row in tables["documents"]]


def downloaded(browser: Any, posting: Posting) -> list[list[str]]:
    response = browser.get(reverse("admin:sync_posting_sales_csv", args=[posting.pk]))
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


# --- On the page ---------------------------------------------------------------------------------
def test_the_records_behind_a_summary_are_one_click_away_with_their_sum(till: Till, browser: Any) -> None:
    for _ in range(130):
        till.sell()
    till.sell(LOAF, LineSpec("Mug", 2500, tax="VAT 21"), tenders=(TenderSpec("card", tip=100),))
    till.next_morning()
    address = reverse("admin:sync_posting_sales", args=[summary().pk])

    assert address in browser.get(page_of(summary())).content.decode()
    first, second = browser.get(address), browser.get(address, {"page": 2})

    assert "Together they are the entry" in words(first)
    assert [page.content.count(b'<th scope="row"><a') for page in (first, second)] == [100, 31]
    # 131 mugs at 25.00, a loaf at 10.90, a tip of 1.00.
    assert "3,286.90" in words(second)
    # VAT of 21 %: 131 times 4.34; of 9 %: 0.90.
    assert "568.54" in words(second)
    assert "Net code NV" in words(second)


def test_the_list_as_a_file_adds_up_to_the_entry(till: Till, browser: Any) -> None:
    for _ in range(3):
        till.sell()
    till.sell(LOAF)
    till.next_morning()

    heading, *rows, total = downloaded(browser, summary())

    assert heading[5:] == ["Total EUR", "Net code 1", "VAT code 1", "Net code 2", "VAT code 2"]
    assert len(rows) == 4
    for column in range(5, 10):
        assert sum(Decimal(row[column]) for row in rows) == Decimal(total[column])
    # Three mugs of 20.66 + 4.34 and a loaf of 10.00 + 0.90.
    assert total[5:] == ["85.90", "10.00", "0.90", "61.98", "13.02"]


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(till: Till, browser: Any) -> None:
    sale = till.sell()
    till.next_morning()
    item = till.item(sale)
    item.receipt_number = "=1+1"
    item.save()

    assert downloaded(browser, summary())[1][0] == "'=1+1"


def test_a_list_that_is_not_the_entry_says_so(till: Till, browser: Any) -> None:
    till.sell()
    till.next_morning()
    Posting.objects.filter(pk=summary().pk).update(total=1)

    page = words(browser.get(reverse("admin:sync_posting_sales", args=[summary().pk])))

    assert "not what the entry was sent with" in page


def test_the_lists_pages_are_for_those_who_may_see_entries(till: Till, client: Any, plain_http: None) -> None:
    from django.contrib.auth.models import User

    till.sell()
    till.next_morning()
    client.force_login(User.objects.create_user("guest", is_staff=True))
    for name in ("sales", "sales_csv"):
        assert client.get(reverse(f"admin:sync_posting_{name}", args=[summary().pk])).status_code == 403


# --- In Exact ------------------------------------------------------------------------------------
def test_the_list_is_attached_beside_the_entry_once(attaching: Till, browser: Any) -> None:
    till = attaching
    for _ in range(3):
        till.sell()
    run = till.next_morning()
    for _ in range(3):
        till.run_after(hours=1)

    ((document, (file,)),) = in_exact(till)
    assert document["FinancialTransactionEntryID"] == summary().remote_id
    assert summary().reference in document["Subject"]
    entry = till.world.books.tables["salesentries"].get(summary().remote_id)
    assert entry["Document"] == document["ID"]
    response = browser.get(reverse("admin:sync_posting_sales_csv", args=[summary().pk]))
    assert file["_content"] == b"".join(response.streaming_content)
    assert "the list is attached" in words(browser.get(page_of(summary())))
    calls = VendorCall.objects.filter(run_id=run.pk, operation__startswith="Document")
    assert [call.operation for call in calls.order_by("id")] == ["Documents.create", "DocumentAttachments.create"]


def test_a_lane_without_the_switch_attaches_nothing_and_a_single_sale_has_no_list(empty_till: Till) -> None:
    till = empty_till
    till.world.furnish(sales_grouping="per_payment")
    till.sell()
    till.next_morning()
    SyncLane.objects.update(attaches_sales_list=True)
    till.sell()
    till.next_morning()

    assert till.calls("exact", "POST", "documents") == 0


@pytest.mark.parametrize("place", [DOCUMENTS, FILES])
@pytest.mark.parametrize("action", ["drop_after", "500_after", "truncate", "drop_before", "503", "late_commit"])
def test_whatever_happens_to_an_answer_there_is_one_document_with_one_file(
    attaching: Till, action: str, place: str
) -> None:
    till = attaching
    till.sell()
    till.world.close_days()
    till.world.sandbox.faults.add(Fault(action, "exact", "POST", place, seconds=75))
    run = till.world.run()
    assert (run.state, summary().state) == ("done", "confirmed"), "the entry is not held up"

    for _ in range(4):
        till.run_after(minutes=5)

    ((_, held),) = in_exact(till)
    assert len(held) == 1
    assert Attachment.objects.get().state == "attached"


def attached_twice_or_never(world: World) -> list[str]:
    """What is wrong once others have taken over."""
    crashing.recover(world)
    world.timeline.advance(300)
    world.run()
    documents, held = (len(world.books.tables[name]) for name in ("documents", "documentattachments"))
    state = Attachment.objects.get().state
    is_whole = (documents, held, state) == (1, 1, "attached")
    return [] if is_whole else [f"{documents} documents with {held} files, {state}"]


@pytest.mark.parametrize(("counts", "step"), [(crashing.before_commits, 4), (crashing.around_calls, 1)])
def test_a_worker_may_die_anywhere_while_attaching(db: None, counts: Any, step: int) -> None:
    with crashing.shop() as world:
        work_once(world)
        SyncLane.objects.update(attaches_sales_list=True)
        world.shop.lane.refresh_from_db()
        passed, broken = deaths(world, work_once, attached_twice_or_never, counts=counts, every=step)
    assert passed > 3
    assert broken == {}


def test_a_refused_list_holds_nothing_up_and_a_person_asks_again(attaching: Till, browser: Any) -> None:
    till = attaching
    till.sell()
    types, till.world.books.tables["documents"].insert = till.world.books.tables["documents"].insert, refusing
    till.next_morning()
    assert summary().state == "confirmed"
    assert Attachment.objects.get().state == "refused"
    assert "could not be attached" in words(browser.get(page_of(summary())))
    till.world.books.tables["documents"].insert = types

    press(browser, summary(), "attach")
    till.run_after(minutes=5)

    assert Attachment.objects.get().state == "attached"
    assert len(in_exact(till)) == 1


def refusing(row: dict[str, Any]) -> dict[str, Any]:
    from connections.sandbox.exact.errors import Rule

    raise Rule("mandatory", "Subject")


def test_an_app_without_the_right_to_documents_is_asked_once_a_day(attaching: Till) -> None:
    till = attaching
    till.sell()
    till.world.close_days()
    app = till.world.site.apps["sandbox-exact-app"]
    scopes = {call.scope for call in _endpoints() if call.scope and "documents" not in call.scope}
    till.world.site.apps["sandbox-exact-app"] = type(app)(**{**vars(app), "scopes": frozenset(scopes)})

    run = till.world.run()
    for _ in range(5):
        till.run_after(minutes=30)

    assert "organization.documents" in run.sentence
    assert summary().state == "confirmed"
    assert till.calls("exact", "POST", "documents/Documents") == 1
    till.world.site.apps["sandbox-exact-app"] = app
    till.run_after(days=1)
    assert Attachment.objects.get().state == "attached"


def _endpoints() -> list[Any]:
    from connections.sandbox.exact.catalogue import endpoints

    return list(endpoints().values())
