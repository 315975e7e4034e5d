from __future__ import annotations

import pytest
from django.test import Client

from audit.models import AuditEntry
from audit.trail import Fact
from mappings.bookkeeping.legs import ProblemKind
from tests.pages import confirm, in_role, text_of
from tests.till import Shop

LIST = "/admin/audit/auditentry/"


@pytest.mark.accepts("CARD-04")
def test_a_fact_is_told_in_words(shop: Shop, anna: Client) -> None:
    item = shop.payment(1)
    shop.tell(
        Fact("item.dismissed", "item", item.pk, item.source_id, item.source_id, 123456, {"reason": "booked by hand"})
    )
    fact = AuditEntry.objects.get()
    page = anna.get(f"{LIST}{fact.pk}/change/")
    assert "Record dismissed" in text_of(page)
    assert "booked by hand" in text_of(page)
    assert f"/admin/sync/syncitem/{item.pk}/change/" in page.content.decode()


def test_nobody_changes_the_trail_on_its_pages(shop: Shop, anna: Client) -> None:
    shop.tell(Fact("run.done", "run", 1, "run 1"))
    fact = AuditEntry.objects.get()
    assert anna.get(f"{LIST}add/").status_code == 403
    assert anna.get(f"{LIST}{fact.pk}/delete/").status_code == 403
    assert "delete_selected" not in anna.get(LIST).content.decode()
    anna.post(f"{LIST}{fact.pk}/change/", {"actor": "somebody else"})
    assert AuditEntry.objects.get().actor == fact.actor


@pytest.mark.accepts("CARD-07")
def test_a_failed_record_is_replayed_from_the_fact_that_tells_of_it(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    shop.tell(Fact("item.waiting", "item", item.pk, item.source_id, item.source_id))
    fact = AuditEntry.objects.get()
    page = confirm(anna, f"{LIST}{fact.pk}/do/replay/")
    item.refresh_from_db()
    assert item.state == "extracted"
    assert "1 on the way to be booked." in text_of(page)


def test_facts_that_tell_of_no_failure_are_skipped_with_a_reason(shop: Shop, anna: Client) -> None:
    item = shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    shop.tell(
        Fact("item.waiting", "item", item.pk, item.source_id, item.source_id), Fact("run.done", "run", 1, "run 1")
    )
    chosen = {
        "action": "replay",
        "_selected_action": [str(pk) for pk in AuditEntry.objects.values_list("pk", flat=True)],
    }
    page = text_of(confirm(anna, LIST, count=2, **chosen))
    assert "1 on the way to be booked." in page
    assert "1 skipped (run 1): it does not tell of a failure" in page


def test_an_auditor_reads_everything_and_replays_nothing(shop: Shop) -> None:
    item = shop.waiting(1, ProblemKind.UNMAPPED_TAX, "Tourist tax")
    shop.tell(Fact("item.waiting", "item", item.pk, item.source_id, item.source_id))
    fact = AuditEntry.objects.get()
    auditor = in_role("Auditor")
    assert auditor.get(f"{LIST}{fact.pk}/change/").status_code == 200
    assert auditor.get(f"{LIST}{fact.pk}/do/replay/").status_code == 403


def test_the_list_takes_few_statements_however_long_it_is(
    shop: Shop, anna: Client, django_assert_max_num_queries: object
) -> None:
    shop.tell(*[Fact("run.done", "run", n, f"run {n}") for n in range(60)])
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        anna.get(LIST)
