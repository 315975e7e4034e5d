"""What cannot be booked waits with a sentence, loses nothing, and holds nobody up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connections.sandbox.square import LineSpec, TenderSpec
from mappings import reference
from mappings.models import GLMapping, LedgerAccount, VatCode
from sync import actions, extraction, grip, resolving, tasks
from sync.flows import FLOWS
from sync.flows.base import Work
from sync.models import Posting, SyncRun

MUG_BOOKED = {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
TWO_MUGS = {code: 2 * amount for code, amount in MUG_BOOKED.items()}


@pytest.mark.accepts("S002-17", "S002-26")
def test_a_tax_without_a_rule_waits_while_the_rest_of_the_day_is_booked(till):
    till.world.sandbox.square.add_tax("Tourist tax 13", "13")
    strange = till.sell(LineSpec("Tour", 1130, tax="Tourist tax 13"), tenders=(TenderSpec("cash"),))
    till.sell()

    till.next_morning()

    waiting = till.item(strange)
    assert (waiting.state, waiting.problem_kind) == ("waiting", "unmapped_tax")
    assert "Tourist tax 13" in waiting.problem
    assert till.ledger == MUG_BOOKED


def test_saving_the_missing_rule_lets_the_record_go_on_by_itself(till, browser, django_capture_on_commit_callbacks):
    till.world.sandbox.square.add_tax("Tourist tax 13", "13")
    strange = till.sell(LineSpec("Tour", 1130, tax="Tourist tax 13"), tenders=(TenderSpec("cash"),))
    till.next_morning()
    division = till.world.shop.division

    with django_capture_on_commit_callbacks(execute=True):
        saved = browser.post(
            "/admin/mappings/glmapping/add/",
            {
                "division": division.pk, "role": "revenue", "tax_name": "Tourist tax 13", "status": "matched",
                "account": LedgerAccount.objects.get(division=division, code="8001").pk,
                "vat_code": VatCode.objects.get(division=division, code="1").pk, "effective_from": "2026-01-01",
                "reason": "Tours are at the low rate",
            },
        )  # fmt: skip
    assert saved.status_code == 302, saved.content.decode()
    assert GLMapping.objects.filter(tax_name="Tourist tax 13").exists()
    till.run_after(minutes=1)

    assert till.item(strange).state == "done"
    assert till.ledger == {"1000": 1130, "8001": -1000, "1501": -130}


def test_a_payload_nobody_can_read_waits_and_the_page_goes_on(till):
    broken = till.sell()
    till.world.sandbox.square.change_payment(broken.payment_ids[0], amount_money={"amount": "many", "currency": "EUR"})
    till.sell()

    run = till.next_morning()

    waiting = till.item(broken)
    assert run.state == "done"
    assert (waiting.state, waiting.problem_kind) == ("waiting", "unreadable")
    assert waiting.payload["payment"]["amount_money"]["amount"] == "many"
    assert till.ledger == MUG_BOOKED


@pytest.mark.parametrize(("amount", "kind"), [(-2500, "odd_amount"), (2**70, "unreadable"), (0, "unbalanced")])
def test_odd_amounts_wait_and_nothing_of_them_is_booked(till, amount, kind):
    odd = till.sell(tenders=(TenderSpec("cash"),))
    money = {"amount": amount, "currency": "EUR"}
    fields = {"amount_money": money, "total_money": {"amount": 2500, "currency": "EUR"} if amount == 0 else money}
    till.world.sandbox.square.change_payment(odd.payment_ids[0], **fields)

    run = till.next_morning()

    assert run.state == "done", run.sentence
    assert (till.item(odd).state, till.item(odd).problem_kind) == ("waiting", kind)
    assert till.ledger == {}


def test_an_unknown_currency_waits(till):
    odd = till.sell(tenders=(TenderSpec("cash"),))
    money = {"amount": 2500, "currency": "XQX"}
    till.world.sandbox.square.change_payment(odd.payment_ids[0], amount_money=money, total_money=money)

    till.next_morning()

    assert (till.item(odd).state, till.item(odd).problem_kind) == ("waiting", "unknown_currency")


def test_an_order_without_lines_yet_is_read_again_and_booked(till):
    early = till.sell(lines_missing=True)
    till.next_morning()
    assert (till.item(early).state, till.item(early).problem_kind) == ("waiting", "no_lines")

    till.world.sandbox.square.show_lines(early.order_id)
    till.run_after(hours=2)

    assert till.item(early).state == "done"
    assert till.ledger == MUG_BOOKED


def test_what_lies_before_go_live_is_booked_only_when_a_person_releases_it(empty_till):
    world = empty_till.world
    world.furnish(go_live=world.timeline.now().date())
    before = empty_till.sell(at=world.timeline.now() - timedelta(hours=20))
    empty_till.sell()
    empty_till.next_morning()
    waiting = empty_till.item(before)
    assert (waiting.state, waiting.problem_kind) == ("waiting", "before_go_live")
    assert empty_till.ledger == MUG_BOOKED

    actions.release([waiting], by="anna")
    empty_till.run_after(minutes=1)

    assert empty_till.item(before).state == "done"
    assert empty_till.ledger == TWO_MUGS


@pytest.mark.accepts("S002-22")
def test_a_closed_period_is_seen_before_anything_is_sent(till):
    sale = till.sell()
    till.world.books.close_period(2026, 3)
    reference.refresh(till.world.shop.division)

    till.next_morning()

    assert (till.item(sale).state, till.item(sale).problem_kind) == ("waiting", "period_closed")
    assert till.posts == 0
    till.world.books.reopen_period(2026, 3)

    tasks.refresh_reference(till.world.shop.division.pk)
    till.run_after(minutes=1)
    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED


@pytest.mark.accepts("S002-22")
def test_a_period_closed_under_our_hands_is_told_in_exacts_words_and_replayed(till):
    sale = till.sell()
    till.world.books.close_period(2026, 3, "70")

    till.next_morning()

    waiting = till.item(sale)
    assert (waiting.state, waiting.problem_kind) == ("waiting", "period_closed")
    assert "Nothing was booked" in waiting.problem
    till.world.books.reopen_period(2026, 3)
    actions.replay_postings(Posting.objects.filter(state="refused"), by="anna")
    till.run_after(minutes=1)
    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED


def test_a_blocked_account_is_refused_and_booked_once_after_it_is_opened(till):
    sale = till.sell()
    till.world.books.block_account("8000")
    till.next_morning()
    refused = Posting.objects.get(state="refused")
    assert till.item(sale).problem_kind == "refused"
    assert "8000" not in till.ledger

    till.world.books.block_account("8000", blocked=False)
    actions.replay_postings([refused], by="anna")
    till.run_after(minutes=1)

    assert till.item(sale).state == "done"
    assert till.ledger == MUG_BOOKED
    assert Posting.objects.get(pk=refused.pk).state == "confirmed"


def test_a_rule_saved_while_a_record_is_being_worked_out_is_not_missed(till):
    """A run goes by the decisions as they were when it began; what was saved since counts for what waits for it."""
    rules = list(GLMapping.objects.filter(role="revenue").values_list("pk", flat=True))
    GLMapping.objects.filter(pk__in=rules).update(status="ignored")
    sale = till.sell()
    till.world.close_days()
    lane = till.world.shop.lane
    run = SyncRun.objects.create(lane=lane, trigger="person", state="done", created_at=till.world.timeline.now())
    work = Work(lane=lane, run=run, grip=grip.take(lane))
    known = FLOWS["payments"]
    extraction.read_feeds(work, known)

    def overtaken(stream):
        def resolve(work, batch):
            resolutions = stream.resolve(work, batch)
            now = till.world.timeline.now()
            GLMapping.objects.filter(pk__in=rules).update(status="matched", decided_at=now)
            return resolutions

        return replace(stream, resolve=resolve)

    flow = replace(known, streams=lambda lane: [overtaken(stream) for stream in known.streams(lane)])
    resolving.resolve_extracted(work, flow)
    work.grip.release()

    assert (till.item(sale).state, till.item(sale).problem) == ("resolved", "")
