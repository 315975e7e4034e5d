"""A merchant who takes pounds, dollars or yen, booked in a division kept in euros."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connections.models import Location
from connections.sandbox.square import LineSpec, TenderSpec
from mappings import reference
from sync import actions
from sync.models import Posting, SyncItem, SyncLane
from tests.journeys.pages import page_of, words
from tests.journeys.shop import CARD, MUG, cents
from tests.sync.test_pages import lane_form
from tests.world import World

RATES = {"GBP": "1.17", "USD": "0.92", "JPY": "0.0062"}


class Abroad:
    """A counter in London, and the division's journals for its currency."""

    def __init__(self, world: World, currency: str = "GBP", *, rate: bool = True) -> None:
        self.world, self.currency = world, currency
        world.sandbox.square.add_location("London", "Europe/London", currency)
        world.sandbox.square.add_tax("VAT 21", "21")
        books = world.books
        books.add_gl_account("1001", f"Cash {currency}", 10)
        books.add_gl_account("1106", f"Square clearing {currency}", 12)
        books.add_journal("71", f"Sales {currency}", 20, gl="1300", vat=True, variable=True)
        books.add_journal("22", f"Square clearing {currency}", 12, gl="1106", currency=currency)
        books.add_journal("11", f"Cash {currency}", 10, gl="1001", currency=currency)
        if rate:
            books.set_rate(currency, RATES[currency])
        world.furnish()
        self.use_journals()

    def use_journals(self, sales: str = "71", clearing: str = "22", cash: str = "11") -> None:
        SyncLane.objects.update(sales_journal=sales, clearing_journal=clearing, cash_journal=cash)

    def sell(self, *lines: LineSpec, tenders: tuple[TenderSpec, ...] = (CARD,)) -> SyncItem | Any:
        return self.world.sandbox.square.sell("London", self.world.timeline.now(), lines or (MUG,), tenders)

    def next_morning(self) -> Any:
        self.world.close_days()
        return self.world.run()

    def item(self, sale: Any) -> SyncItem:
        return SyncItem.objects.get(source_id=sale.payment_ids[0])

    def moved(self, column: str, scale: int = 2) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in self.world.books.lines():
            amount = int(line[column].scaleb(scale))
            found[line["GLAccountCode"]] = found.get(line["GLAccountCode"], 0) + amount
        return {code: amount for code, amount in found.items() if amount}


@pytest.fixture
def london(world: World) -> Abroad:
    return Abroad(world)


# 25.00 pounds with 21 % VAT inside, fee 0.44: 20.66 + 4.34. In euros at 1.17: revenue 24.1722, VAT 5.0778, fee 0.5148.
POUNDS = {"1106": 2456, "4960": 44, "8000": -2066, "1500": -434}
# The receivable takes the cent that rounding each line loses: 24.17 + 5.08 = 29.25, and 29.25 comes in as 28.74 + 0.51.
EUROS = {"1106": 2874, "4960": 51, "8000": -2417, "1500": -508}


@pytest.mark.accepts("S001-46")
def test_a_sale_in_pounds_is_booked_and_confirmed_in_pounds_and_exact_makes_the_euros(london: Abroad) -> None:
    sale = london.sell()

    run = london.next_morning()

    assert run.state == "done", run.sentence
    assert london.item(sale).state == "done"
    assert london.moved("AmountFC") == POUNDS
    assert london.moved("AmountDC") == EUROS
    assert {line["Currency"] for line in london.world.books.lines()} == {"GBP"}
    for posting in Posting.objects.all():
        assert posting.state == "confirmed"
        assert '"Currency":"GBP"' in posting.body
        assert "Rate" not in posting.body


@pytest.mark.accepts("S001-46")
def test_a_refund_and_a_payout_in_pounds_leave_the_account_in_pounds_at_nought(london: Abroad) -> None:
    square = london.world.sandbox.square
    sale = london.sell()
    london.sell()
    london.next_morning()
    london.world.books.set_rate("GBP", "1.25", "2026-03-03")
    square.refund(sale.payment_ids[0], 2500, at=london.world.timeline.now())
    london.world.close_days()
    square.pay_out("London", at=london.world.timeline.now())

    run = london.next_morning()

    assert run.state == "done", run.sentence
    assert not SyncItem.objects.exclude(state="done").exists()
    assert "1106" not in london.moved("AmountFC")
    # What the account holds in euros now is Exact's revaluation to explain: the rate moved from 1.17 to 1.25.
    assert "1106" in london.moved("AmountDC")


@pytest.mark.accepts("S001-46")
def test_a_difference_of_rates_is_an_entry_of_exacts_own_and_disturbs_none_of_ours(world: World, browser: Any) -> None:
    world.site.switches.auto_match = "exact"
    london = Abroad(world)
    SyncLane.objects.update(sales_grouping="per_payment")
    sale = london.sell()
    world.timeline.advance(600)
    world.run()
    assert Posting.objects.get().document == "sales_entry"
    world.books.set_rate("GBP", "1.20")

    london.next_morning()

    # Owed 29.25 at 1.17, received 30.00 at 1.20: 0.75 more, booked by Exact when it matched the two.
    difference = {line["GLAccountCode"]: line["AmountDC"] for line in world.books.lines() if line["Type"] == 82}
    assert difference == {"1300": Decimal("0.75"), "4995": Decimal("-0.75")}
    assert world.books.balance("1300") == 0
    assert london.item(sale).state == "done"
    assert set(Posting.objects.values_list("state", flat=True)) == {"confirmed"}
    page = words(browser.get(page_of(Posting.objects.latest("pk"))))
    assert "Exact converts it to EUR at its own rate of the day" in page
    assert "an entry of Exact's (type 82), not one of Tillbridge's" in page


def test_yen_have_no_decimals_anywhere(world: World) -> None:
    tokyo = Abroad(world, "JPY")
    sale = tokyo.sell()

    tokyo.next_morning()

    assert tokyo.item(sale).state == "done"
    # 2,500 yen: VAT 434, fee 44.
    assert tokyo.moved("AmountFC", scale=0) == {"1106": 2456, "4960": 44, "8000": -2066, "1500": -434}
    body = Posting.objects.get(document="sales_entry").body
    assert '"AmountFC":2066,' in body
    assert '"VATAmountFC":434' in body


def test_cash_in_dollars_goes_to_the_till_in_dollars(world: World) -> None:
    york = Abroad(world, "USD")
    sale = york.sell(tenders=(TenderSpec("cash"),))

    york.next_morning()

    assert york.item(sale).state == "done"
    assert york.moved("AmountFC") == {"1001": 2500, "8000": -2066, "1500": -434}
    assert cents(world.books.balance("1001")) == 2300  # 25.00 at 0.92


def test_a_lane_whose_journals_are_kept_in_euros_books_no_pounds_and_says_why(london: Abroad) -> None:
    london.use_journals(sales="70", clearing="21", cash="10")
    sale = london.sell()

    london.next_morning()

    item = london.item(sale)
    assert (item.state, item.problem_kind) == ("waiting", "unusable")
    assert "and the locations take GBP" in item.problem
    assert london.world.sandbox.log.count("exact", "POST", "Entries") == 0
    london.use_journals()
    actions.replay_items([item], by="anna")
    london.world.timeline.advance(60)
    london.world.run()
    assert london.moved("AmountFC") == POUNDS


def test_without_a_rate_exact_refuses_in_words_that_say_what_to_do(world: World) -> None:
    london = Abroad(world, rate=False)
    sale = london.sell()

    london.next_morning()

    assert london.item(sale).problem_kind == "refused"
    assert (
        "Exact has no exchange rate for the day of the entry. Add one under exchange rates" in london.item(sale).problem
    )
    world.books.set_rate("GBP", "1.17")
    actions.replay_postings(Posting.objects.filter(state="refused"), by="anna")
    world.timeline.advance(60)
    world.run()
    assert london.item(sale).state == "done"
    assert london.moved("AmountFC") == POUNDS


# --- what a lane refuses at set-up --------------------------------------------------------------
def saved(browser: Any, lane: SyncLane, **changes: Any) -> str:
    """What the page says to a lane saved like this; empty when it was saved."""
    lane.refresh_from_db()
    answer = browser.post(page_of(lane), lane_form(lane, **changes))
    return "" if answer.status_code == 302 else words(answer)


REFUSALS = [
    ({"sales_journal": "70"}, "Journal 70 is kept in EUR and takes no other currency, and the locations take GBP."),
    (
        {"clearing_journal": "21"},
        "Journal 21 is kept in EUR, and the locations take GBP. A merchant in GBP needs a journal",
    ),
    ({"cash_journal": "10"}, "Journal 10 is kept in EUR"),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSALS, ids=["sales", "clearing", "cash"])
def test_a_lane_refuses_journals_that_cannot_take_its_currency(
    london: Abroad, browser: Any, changes: dict[str, str], sentence: str
) -> None:
    lane = london.world.shop.lane  # type: ignore[union-attr]
    reference.refresh(lane.division)
    assert saved(browser, lane) == ""
    assert sentence in saved(browser, lane, **changes)


def test_a_lane_refuses_two_currencies(london: Abroad, browser: Any) -> None:
    lane = london.world.shop.lane  # type: ignore[union-attr]
    dublin = Location.objects.create(
        connection=lane.source, location_id="LDUB", name="Dublin", currency="EUR", timezone="Europe/Dublin",
        merchant_id="M", is_active=True,
    )  # fmt: skip
    lane.feeds.create(location=dublin)
    said = saved(browser, lane)
    assert "A lane books in one currency: Dublin takes EUR, London takes GBP." in said


def test_a_lane_refuses_a_currency_nobody_can_count_in(london: Abroad, browser: Any) -> None:
    lane = london.world.shop.lane  # type: ignore[union-attr]
    Location.objects.update(currency="KWD")
    assert "Currency KWD is not one that Tillbridge can count in." in saved(browser, lane)


def test_amounts_on_the_pages_carry_their_currency(london: Abroad, browser: Any) -> None:
    sale = london.sell()
    london.next_morning()
    page = words(browser.get(page_of(london.item(sale))))
    assert "GBP 25.00" in page
    assert "EUR 25.00" not in page
    assert Decimal("0.00") == london.world.books.balance("1300")
