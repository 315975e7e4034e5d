"""The clearing account on its pages: stated, proven or not, and where to look."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from mappings.bookkeeping.proof import Difference, DifferenceKind, Proof
from sync import clearing_proof
from sync.models import Leg
from sync.models.clearing import ClearingOpening, ClearingProof
from tests.pages import NOW, confirm, in_role, inline_code, text_of
from tests.sync.test_pages import lane_form
from tests.till import Shop

PROOFS, OPENINGS = "/admin/sync/clearingproof/", "/admin/sync/clearingopening/"
DAY = date(2026, 11, 20)
PROVEN = Proof(currency="EUR", day=DAY, opening=1000, booked=2456, square=3456, ledger=3456)


def kept(shop: Shop, proof: Proof = PROVEN) -> ClearingProof:
    return ClearingProof.objects.create(
        lane=shop.lane, currency="EUR", day=proof.day, made_at=NOW, is_proven=proof.is_proven,
        found=clearing_proof.plain(proof),
    )  # fmt: skip


def page(row: Any) -> str:
    return f"{PROOFS}{row.pk}/change/"


def stated(shop: Shop, **changed: Any) -> dict[str, Any]:
    values = {
        "lane": shop.lane.pk, "currency": "EUR", "day": shop.lane.go_live.isoformat(), "stated": "123.45",
        "reason": "Square dashboard",
    }  # fmt: skip
    return {**values, **changed}


def test_a_proof_that_was_kept_is_read_back_as_it_was(shop: Shop) -> None:
    found = Difference(DifferenceKind.WAITING, 5, "Because.", (1, 2), ("21 7",))
    proof = replace(PROVEN, at_square=(found,), notices=("Look.",), ledger=None)
    assert clearing_proof.restored(ClearingProof.objects.get(pk=kept(shop, proof).pk)) == proof


def test_a_proven_account_says_so_in_words_with_its_three_figures(shop: Shop, anna: Client) -> None:
    response = anna.get(page(kept(shop)))
    text = text_of(response)
    for part in ("proven Proven: our books, Exact&#x27;s ledger and what Square has not paid out are all EUR 34.56.",
                 "Opening balance, as stated EUR 10.00", "Booked since by Tillbridge EUR 24.56", "Nowhere.",
                 "Nobody has stated what Square owed"):  # fmt: skip
        assert part in text, part
    assert not inline_code(response)


def test_what_differs_is_named_with_its_records_and_entries(shop: Shop, anna: Client) -> None:
    items = [shop.payment(number) for number in (1, 2)]
    waits = Difference(DifferenceKind.WAITING, 900, clearing_proof.WAITS, tuple(item.pk for item in items))
    foreign = Difference(DifferenceKind.FOREIGN, -750, clearing_proof.FOREIGN, entries=("21 26210003",))
    proof = replace(PROVEN, square=4356, ledger=2706, at_square=(waits,), in_exact=(foreign,))

    response = anna.get(page(kept(shop, proof)))

    text = text_of(response)
    for part in ("does not agree Not proven: 2 differences need somebody.", "Records that wait",
                 "Booked by somebody else", "EUR −7.50", "21 26210003", "payment R0001", "all 2"):  # fmt: skip
        assert part in text, part
    linked = f"/admin/sync/syncitem/?id__in={items[0].pk}%2C{items[1].pk}"
    assert linked in response.content.decode()
    assert "payment R0001" in text_of(anna.get(page(kept(shop, replace(proof, day=DAY - timedelta(days=1))))))
    listed = anna.get(linked)
    assert [row.pk for row in listed.context["cl"].result_list] == [items[1].pk, items[0].pk]


def test_a_difference_that_goes_away_by_itself_leaves_the_account_proven(shop: Shop, anna: Client) -> None:
    soon = Difference(DifferenceKind.TIMING, 900, clearing_proof.ON_ITS_WAY)
    text = text_of(anna.get(page(kept(shop, replace(PROVEN, square=4356, at_square=(soon,))))))
    assert "Proven: our books show EUR 34.56, and what differs goes away by itself." in text


def test_the_list_shows_each_day_with_its_verdict(shop: Shop, anna: Client) -> None:
    kept(shop)
    text = text_of(anna.get(PROOFS))
    for part in ("20 Nov 2026", "Bakery to books", "proven", "EUR 34.56"):
        assert part in text
    ClearingProof.objects.all().delete()
    assert "has not been compared yet" in text_of(anna.get(PROOFS))


def test_an_account_that_does_not_agree_is_on_the_work_list(shop: Shop, anna: Client) -> None:
    off = Difference(DifferenceKind.FOREIGN, -750, clearing_proof.FOREIGN)
    row = kept(shop, replace(PROVEN, ledger=2706, in_exact=(off,)))
    response = anna.get("/admin/")
    assert "Clearing of Bakery to books" in text_of(response)
    assert page(row) in response.content.decode()
    kept(shop, replace(PROVEN, day=DAY + timedelta(days=1)))
    assert "Clearing of Bakery to books" not in text_of(anna.get("/admin/"))


def test_the_opening_balance_is_stated_once_by_somebody(shop: Shop, anna: Client) -> None:
    response = anna.post(f"{OPENINGS}add/", stated(shop))
    assert response.status_code == 302, text_of(response)
    opening = ClearingOpening.objects.get()
    assert (opening.amount, opening.stated_by, opening.day) == (12345, "anna", shop.lane.go_live)
    fact = AuditEntry.objects.get(verb="lane.opening_stated")
    assert (fact.actor, fact.detail["amount"], fact.detail["reason"]) == ("anna", "EUR 123.45", "Square dashboard")
    assert "Square dashboard" in text_of(anna.get(page(kept(shop))))
    shown = text_of(anna.get(f"{OPENINGS}{opening.pk}/change/"))
    assert "EUR 123.45" in shown
    assert anna.post(f"{OPENINGS}{opening.pk}/change/", stated(shop, stated="1")).status_code == 403


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"day": "2026-01-01"}, "The books of this lane begin on"),
        ({"currency": "XXX"}, "XXX is not a currency that Tillbridge can count in"),
        ({"stated": "1.234"}, "EUR has no smaller part than 0.01"),
        ({"reason": ""}, "This field is required"),
    ],
)
def test_an_opening_balance_that_cannot_be_is_refused(
    shop: Shop, anna: Client, changed: dict[str, str], said: str
) -> None:
    response = anna.post(f"{OPENINGS}add/", stated(shop, **changed))
    assert response.status_code == 200
    assert said in text_of(response)
    assert not ClearingOpening.objects.exists()


def test_only_who_may_go_live_states_the_opening_balance(shop: Shop, plain: None) -> None:
    assert in_role("Bookkeeper").get(f"{OPENINGS}add/").status_code == 403
    assert in_role("Approver").get(f"{OPENINGS}add/").status_code == 200
    assert "State the opening balance" not in text_of(in_role("Auditor").get(page(kept(shop))))


def suspense(shop: Shop) -> Leg:
    item = shop.payment(1, kind="payout", state="done", payload={"payout": {}, "entries": []})
    plan = shop.receipt(item)
    leg = shop.leg(item, plan, state="confirmed", posting=shop.entry(1, plan))
    lines = [{**leg.content["lines"][0], "role": "suspense"}]
    Leg.objects.filter(pk=leg.pk).update(kind="payout_entry", content={**leg.content, "lines": lines}, amount=-120)
    return leg


def test_a_payout_entry_on_suspense_is_on_the_work_list_until_somebody_clears_it_up(shop: Shop, anna: Client) -> None:
    leg = suspense(shop)
    assert "Payouts moved EUR −1.20 that nobody knows the nature of" in text_of(anna.get("/admin/"))

    do = f"/admin/sync/syncitem/{leg.item_id}/do/cleared/"
    assert "EUR" in text_of(anna.get(do))
    confirm(anna, do, reason="A new hardware fee; booked over")

    assert "nobody knows the nature of" not in text_of(anna.get("/admin/"))
    fact = AuditEntry.objects.get(verb="leg.cleared_up")
    assert (fact.actor, fact.detail["reason"]) == ("anna", "A new hardware fee; booked over")
    again = confirm(anna, do, reason="Once more")
    assert "nothing of it stands on suspense" in text_of(again)
    assert AuditEntry.objects.filter(verb="leg.cleared_up").count() == 1


def test_a_lane_is_proven_when_somebody_asks(shop: Shop, anna: Client) -> None:
    response = anna.post(f"/admin/sync/synclane/{shop.lane.pk}/do/clearing/", {"count": "1"}, follow=True)
    assert "A worker compares the clearing account now." in text_of(response)
    assert response.redirect_chain[-1][0].startswith(PROOFS)


def test_clearing_per_payout_needs_the_payouts(shop: Shop, anna: Client) -> None:
    address = f"/admin/sync/synclane/{shop.lane.pk}/change/"
    refused = anna.post(address, lane_form(shop.lane, clearing_grouping="per_payout", books_payouts=""))
    assert "Per payout needs the payouts" in text_of(refused)
    assert anna.post(address, lane_form(shop.lane, clearing_grouping="per_payout")).status_code == 302
    shop.lane.refresh_from_db()
    assert shop.lane.clearing_grouping == "per_payout"


def test_a_dispute_is_shown_as_one(shop: Shop, anna: Client) -> None:
    at = "2026-11-01T10:00:00Z"
    told = {
        "id": "dp_1", "state": "EVIDENCE_REQUIRED", "reason": "NO_KNOWLEDGE", "location_id": "LAMS", "created_at": at,
        "amount_money": {"amount": 2500, "currency": "EUR"}, "disputed_payment": {"payment_id": "PAY000001"},
        "updated_at": at,
    }  # fmt: skip
    item = shop.payment(9, kind="dispute", amount=-2500, tender="", payload={"dispute": told}, state="done")
    text = text_of(anna.get(f"/admin/sync/syncitem/{item.pk}/change/"))
    for part in ("EUR −25.00 disputed", "Evidence required", "no knowledge", "PAY000001"):
        assert part in text, part
