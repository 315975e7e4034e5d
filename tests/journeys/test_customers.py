"""Who bought: known in Exact, unknown, or nobody in particular."""

from __future__ import annotations

import pytest

from mappings.models import CustomerMapping, DebtorAccount
from sync.models import SyncItem
from tests.journeys.pages import page_of, save_form


@pytest.mark.accepts("S000-08", "S000-22", "S000-23")
def test_a_known_customer_is_booked_on_its_own_account_every_time(till):
    hotel = till.world.customers[0]
    accounts = set()
    for _ in range(5):
        till.sell(customer_id=hotel)
        till.next_morning()
        accounts |= {line["AccountName"] for line in till.world.books.lines() if line["GLAccountCode"] == "1300"}

    assert accounts == {"Hotel Prinsengracht"}
    assert till.owed_by("Hotel Prinsengracht") == 0
    assert SyncItem.objects.filter(state="done").count() == 5


@pytest.mark.accepts("S000-08")
def test_nobody_in_particular_is_booked_on_the_collective_debtor(till):
    till.sell()

    till.next_morning()

    debtors = {line["AccountName"] for line in till.world.books.lines() if line["GLAccountCode"] == "1300"}
    assert debtors == {"Counter sales"}


@pytest.mark.accepts("S000-08")
def test_an_unknown_customer_waits_until_somebody_says_who_it_is(till, browser, django_capture_on_commit_callbacks):
    stranger = till.world.sandbox.square.add_customer(company_name="Nobody Knows BV")["id"]
    sale = till.sell(customer_id=stranger)
    till.next_morning()
    assert (till.item(sale).state, till.item(sale).problem_kind) == ("waiting", "unmapped_customer")
    assert stranger in till.item(sale).problem
    assert "8000" not in till.ledger  # the fee alone needs no customer

    proposed = CustomerMapping.objects.get(square_customer_id=stranger)
    with django_capture_on_commit_callbacks(execute=True):
        save_form(
            browser, page_of(proposed), status="matched", debtor=DebtorAccount.objects.get(name="Studio Noord").pk
        )
    till.run_after(minutes=1)

    assert till.item(sale).state == "done", till.item(sale).problem
    assert till.ledger == {"1105": 2456, "4960": 44, "8000": -2066, "1500": -434}
    assert {line["AccountName"] for line in till.world.books.lines() if line["GLAccountCode"] == "1300"} == {
        "Studio Noord"
    }


def test_an_unknown_customer_goes_to_the_collective_debtor_where_the_lane_says_so(till):
    lane = till.world.shop.lane
    lane.unknown_customers = "collective"
    lane.save()
    till.sell(customer_id=till.world.sandbox.square.add_customer(company_name="Nobody Knows BV")["id"])

    till.next_morning()

    assert till.ledger["8000"] == -2066
