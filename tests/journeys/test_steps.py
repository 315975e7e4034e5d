"""A record's page says which steps succeeded, which failed and which are still to come, for each point of failure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from connections.sandbox.faults import Fault
from connections.sandbox.square import LineSpec
from mappings.models import GLMapping
from sync.models import Posting, SyncItem
from tests.pages import confirm, text_of

ENTRIES = "*/salesentry/SalesEntries"
READ, WORKED, DRAFTED, SENT, BOOKED, CONFIRMED = (
    "Read from Square", "Worked out", "Put into an entry", "Sent to Exact", "Booked in Exact",
    "Confirmed in the ledger",
)  # fmt: skip
Steps = list[tuple[str, str]]


def steps_of(browser: Client, item: SyncItem) -> Steps:
    page = browser.get(f"/admin/sync/syncitem/{item.pk}/change/")
    return [(step.name, step.result) for step in page.context["steps"]]


def fail(till: Any, action: str) -> None:
    till.world.sandbox.faults.add(Fault(action, system="exact", method="POST", path=ENTRIES))


def unread(till: Any) -> Any:
    sale = till.sell()
    till.world.sandbox.square.change_payment(sale.payment_ids[0], amount_money={"amount": "many", "currency": "EUR"})
    till.next_morning()
    return sale


def unmapped(till: Any) -> Any:
    till.world.sandbox.square.add_tax("Tourist tax 13", "13")
    sale = till.sell(LineSpec("Tour", 1130, tax="Tourist tax 13"))
    till.next_morning()
    return sale


def refused(till: Any) -> Any:
    sale = till.sell()
    till.world.books.block_account("8000")
    till.next_morning()
    return sale


def unanswered(till: Any, action: str = "drop_after") -> Any:
    sale = till.sell()
    till.world.close_days()
    fail(till, action)
    till.world.run()
    return sale


def found(till: Any) -> Any:
    sale = unanswered(till)
    for _ in range(3):
        till.run_after(minutes=5)
    return sale


def of_today(till: Any) -> Any:
    sale = till.sell()
    till.run_after(minutes=2)
    return sale


def booked(till: Any) -> Any:
    sale = till.sell()
    till.next_morning()
    return sale


FEE: Steps = [(DRAFTED, "done"), (SENT, "done"), (BOOKED, "done"), (CONFIRMED, "done")]
POINTS: list[tuple[Callable[[Any], Any], Steps]] = [
    (unread, [(READ, "done"), (WORKED, "waits")]),
    (unmapped, [(READ, "done"), (WORKED, "waits"), *FEE, (SENT, "not yet")]),
    (of_today, [(READ, "done"), (WORKED, "done"), (SENT, "not yet")]),
    (refused, [(READ, "done"), (WORKED, "done"), (DRAFTED, "done"), (SENT, "failed"), (BOOKED, "not yet"), *FEE,
               (SENT, "not yet")]),
    (unanswered, [(READ, "done"), (WORKED, "done"), (DRAFTED, "done"), (SENT, "in doubt"), (BOOKED, "not yet"), *FEE,
                  (SENT, "not yet")]),
    # The fee was booked at once, the receipt after the sale: an entry of its own each.
    (found, [(READ, "done"), (WORKED, "done"), *FEE, *FEE, *FEE]),
    (booked, [(READ, "done"), (WORKED, "done"), *FEE, *FEE]),
]  # fmt: skip


@pytest.mark.accepts("S000-46")
@pytest.mark.parametrize(("fails", "steps"), POINTS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_page_says_how_far_a_record_came(till: Any, browser: Client, fails: Any, steps: Steps) -> None:
    assert steps_of(browser, till.item(fails(till))) == steps


@pytest.mark.accepts("S000-28", "S000-46")
def test_a_worker_that_dies_between_the_post_and_its_commit_leaves_the_last_proven_step(
    till: Any, browser: Client
) -> None:
    sale = till.sell()
    till.world.close_days()
    fail(till, "drop_after")
    till.world.run()
    item = till.item(sale)
    assert dict(steps_of(browser, item)[2:4]) == {DRAFTED: "done", SENT: "in doubt"}
    sent = Posting.objects.get(document="sales_entry")
    assert "It may be booked already" in text_of(browser.get(f"/admin/sync/syncitem/{item.pk}/change/"))

    for _ in range(3):
        till.run_after(minutes=5)
    page = browser.get(f"/admin/sync/syncitem/{item.pk}/change/")
    found = [step for step in page.context["steps"] if step.name == BOOKED and step.id]
    sent.refresh_from_db()
    assert sent.remote_id in {step.id for step in found}
    assert {step.result for step in found} == {"done"}


@pytest.mark.accepts("S000-38", "S000-44", "S001-33")
def test_a_failed_record_shows_its_whole_context_on_its_page_and_in_the_export(till: Any, browser: Client) -> None:
    item = till.item(refused(till))
    posting = Posting.objects.get(document="sales_entry")
    rule = GLMapping.objects.filter(role="revenue", account__code="8000").get()

    page = browser.get(f"/admin/sync/syncitem/{item.pk}/change/")
    told = text_of(page)
    for known in (item.source_id, item.order_id, posting.reference, posting.problem, "1 attempt"):
        assert known in told, known
    assert item.order_id in page.content.decode()
    assert "SalesEntryLines" in told
    (worked,) = [step for step in page.context["steps"] if step.name == WORKED]
    assert rule.pk in [number for number, _ in worked.rules]
    assert worked.who == "schedule"

    exported = list(
        csv.DictReader(io.StringIO(body_of(browser.post("/admin/audit/auditentry/export/", {"form": "machine"}))))
    )
    mine = [row for row in exported if row["source"] in (item.source_id, posting.reference)]
    assert {"item.extracted", "leg.ready", "posting.sending", "posting.refused"} <= {row["verb"] for row in mine}
    by_verb = {row["verb"]: row for row in mine}
    assert {row["trigger"] for row in mine} == {"schedule"}
    assert json.loads(by_verb["item.extracted"]["detail"])["digest"] == item.digest
    assert rule.pk in json.loads(by_verb["leg.ready"]["detail"])["rules"]
    refusal = json.loads(by_verb["posting.refused"]["detail"])
    assert refusal["problem"] == posting.problem
    assert refusal["digest"] == posting.digest


def body_of(response: Any) -> str:
    parts = response.streaming_content if response.streaming else [response.content]
    return b"".join(parts).decode()


# --- outstanding, replayed, dismissed --------------------------------------------------------------
@pytest.mark.accepts("S001-34", "S001-35", "S001-36")
def test_what_fails_is_outstanding_until_it_is_replayed_or_dismissed_with_a_reason(till: Any, browser: Client) -> None:
    first, second = till.item(refused(till)), None
    outstanding = "/admin/sync/syncitem/?state__exact=waiting"
    assert [row.pk for row in browser.get(outstanding).context["cl"].result_list] == [first.pk]
    till.world.books.block_account("8000", blocked=False)
    confirm(browser, f"/admin/sync/syncitem/{first.pk}/do/replay/")
    till.run_after(minutes=5)
    assert not browser.get(outstanding).context["cl"].result_list
    first.refresh_from_db()
    assert first.state == "done"

    second = till.item(unmapped(till))
    page = f"/admin/sync/syncitem/{second.pk}/do"
    assert "Give a reason" in text_of(confirm(browser, f"{page}/dismiss/"))
    second.refresh_from_db()
    assert second.state == "waiting"
    confirm(browser, f"{page}/dismiss/", reason="Booked by hand")
    second.refresh_from_db()
    assert (second.state, second.dismissed_reason) == ("dismissed", "Booked by hand (anna)")
    told = AuditEntry.objects.get(verb="item.dismissed", source=second.source_id)
    assert (told.actor, told.detail["reason"]) == ("anna", "Booked by hand")
    confirm(browser, f"{page}/reinstate/")
    till.world.run()
    second.refresh_from_db()
    assert second.state == "waiting"
