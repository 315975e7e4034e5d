"""Whatever happens at Square, in whatever order: the clearing account is what Square has not paid out yet."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from django.core.management import call_command

from connections.sandbox.square import LineSpec, TenderSpec, times
from connections.sandbox.square.payouts import TransferFee
from connections.sandbox.square.refunds import RefundRefused
from sync import clearing_proof
from sync.models import SyncItem
from tests.journeys.conftest import unfurnished
from tests.journeys.shop import Till, ledger_of
from tests.world import world as new_world

DAYS = 8
OTHER = ("SUBSCRIPTION_FEE", "RESERVE_HOLD", "RESERVE_RELEASE", "SQUARE_CAPITAL_PAYMENT", "ADJUSTMENT", "NEW_TYPE")


@dataclass
class Life:
    """Random days of a shop. The same seed lives the same days."""

    till: Till
    chance: random.Random
    payments: list[str] = field(default_factory=list)
    payouts: list[str] = field(default_factory=list)
    disputes: list[str] = field(default_factory=list)

    @property
    def square(self):
        return self.till.world.sandbox.square

    @property
    def now(self):
        return self.till.world.timeline.now()

    def day(self):
        for _ in range(self.chance.randint(0, 3)):
            self.sell()
        deeds = (self.refund, self.late_fee, self.dispute, self.decide, self.transfer, self.fail, self.other)
        for deed in self.chance.sample(deeds, 4):
            self.till.world.timeline.advance(600)
            deed()
        for _ in range(self.chance.choice((0, 1, 1, 1, 2))):
            self.pay_out()

    def sell(self):
        kind = self.chance.choice(("card", "card", "card", "cash"))
        amount = self.chance.randint(500, 6000)
        sale = self.till.sell(LineSpec("Mug", amount, tax="VAT 21"), tenders=(TenderSpec(kind),))
        if kind == "card":
            self.payments.append(sale.payment_ids[0])

    def refund(self):
        if self.payments:
            payment = self.chance.choice(self.payments)
            fee = self.chance.choice(("proportional", 0))
            try:
                self.square.refund(payment, self.chance.randint(1, 900), at=self.now, fee_returned=fee)
            except RefundRefused:
                return

    def late_fee(self):
        if self.payments:
            amount = self.chance.choice((-4, -1, 2, 5))
            self.square.add_fee(self.chance.choice(self.payments), amount, at=self.now)

    def dispute(self):
        if self.payments:
            payment = self.chance.choice(self.payments)
            self.disputes.append(self.square.dispute(payment, self.chance.randint(1, 500), at=self.now)["id"])

    def decide(self):
        if self.disputes:
            outcome = self.chance.choice(("WON", "LOST", "ACCEPTED"))
            self.square.settle_dispute(self.disputes.pop(0), outcome, at=self.now)

    def transfer(self):
        if self.square.balance("Amsterdam", at=self.now) > 2000:
            fee = self.chance.choice((TransferFee(), TransferFee(15), TransferFee(15, 3)))
            self.payouts.append(self.square.transfer("Amsterdam", 1000, at=self.now, fee=fee)["id"])

    def fail(self):
        if self.payouts and self.chance.random() < 0.5:
            self.square.settle_payout(self.payouts.pop(0), "FAILED", at=self.now)

    def other(self):
        amount = self.chance.randint(-300, 300)
        self.square.add_payout_entry(self.chance.choice(OTHER), amount, location="Amsterdam", at=self.now)

    def pay_out(self):
        self.till.world.timeline.advance(600)
        made = self.square.pay_out("Amsterdam", at=self.now)
        if made:
            self.payouts.append(made["id"])
            entries = self.square.payout_entries(made["id"])
            assert sum(row["net_amount_money"]["amount"] for row in entries) == made["amount_money"]["amount"]


def lived(seed, *, grouping, gross):
    """Live the days, prove the account each morning; the ledger in the end."""
    with new_world(seed=seed) as world:
        till = unfurnished(world)
        world.sandbox.square.gross_settlement = gross
        world.furnish()
        lane = world.shop.lane
        lane.clearing_grouping = grouping
        lane.save()
        life = Life(till, random.Random(seed))
        for _ in range(DAYS):
            life.day()
            run = till.next_morning()
            assert run.state == "done", run.sentence
            prove(world, lane)
        world.timeline.advance(24 * 24 * 3600)  # until March is over
        assert world.run().state == "done"
        assert world.run().state == "done"
        assert list(SyncItem.objects.exclude(state="done").values_list("kind", "state", "problem")) == []
        proof = prove(world, lane)
        assert proof.at_square == () or {found.kind.value for found in proof.at_square} == {"fee_pending"}
        return ledger_of(world.books)


def prove(world, lane):
    """Each morning the account is proven, and Square's figure is what Square itself says, but for what only the next
    payout will tell of.
    """
    lane.refresh_from_db()
    found = clearing_proof.prove(lane, world.timeline.now().date())
    if not found:
        return None
    (proof,) = found
    assert proof.is_proven, proof
    assert proof.square + untold(world.sandbox.square) == world.sandbox.square.balance("Amsterdam"), proof
    return proof


def untold(square):
    """Reserves, subscriptions, disputes and the like that no payout has shown yet: Square lists them nowhere else."""
    place = square.location("Amsterdam")["id"]
    open_now = square.state.balance.due(place, times.micros(square.clock.now()))
    return sum(item.net for item in open_now if item.kind in (*OTHER, "OPEN_DISPUTE", "DISPUTE"))


@pytest.mark.parametrize(("seed", "gross"), [(1, False), (2, True), (3, False)])
def test_clearing_is_the_unpaid_balance_and_both_groupings_come_to_the_same(transactional_db, seed, gross):
    per_day = lived(seed, grouping="per_day", gross=gross)
    call_command("flush", interactive=False, verbosity=0)
    per_payout = lived(seed, grouping="per_payout", gross=gross)

    assert per_payout == per_day
