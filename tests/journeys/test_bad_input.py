"""What no vendor should send and some day one does: the record waits with a sentence, all others go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync import actions
from sync.models import SyncItem
from tests.journeys.conftest import unfurnished
from tests.journeys.pages import page_of, words
from tests.journeys.shop import Till
from tests.journeys.tampered import Change, TamperedSandbox
from tests.world import world as make_world

BIGGEST = 2**63 - 1


def eur(amount: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def holds(**values: Any) -> Change:
    return lambda row: row.update(values)


def lacks(*names: str) -> Change:
    return lambda row: [row.pop(name) for name in names] and None


def nested(levels: int) -> dict[str, Any]:
    innermost: dict[str, Any] = {}
    for _ in range(levels):
        innermost = {"note": innermost}
    return innermost


def taxed(percentage: str) -> Change:
    return lambda row: row["taxes"][0].update(percentage=percentage)


UNREADABLE_PAYMENTS: dict[str, Change] = {
    "no id": lacks("id"),
    "an id that is a number": holds(id=5),
    "an empty id": holds(id=""),
    "an id without end": holds(id="x" * 400),
    "an id that is a way upwards": holds(id=".."),
    "no status": lacks("status"),
    "no amount": lacks("amount_money"),
    "an amount with a fraction": holds(amount_money=eur(12.5)),
    "an amount in words": holds(amount_money=eur("many")),
    "an amount beyond 64 bits": holds(amount_money=eur(2**64)),
    "an amount beyond all money": holds(amount_money=eur(BIGGEST), total_money=eur(BIGGEST)),
    "fees beyond all money": holds(processing_fee=[{"amount_money": eur(BIGGEST)}] * 2),
    "fees that are a word": holds(processing_fee="x"),
    "fees in another currency": holds(processing_fee=[{"amount_money": {"amount": 1, "currency": "USD"}}]),
    "no currency code": holds(amount_money={"amount": 2500, "currency": "EUROS"}),
    "a list for an amount": holds(amount_money=[2500]),
    "a day for a time": holds(created_at="yesterday"),
    "a time before all books": holds(created_at="0001-01-01T00:00:00Z"),
    "a time after all books": holds(created_at="9999-12-31T23:59:59Z"),
    "an order id without end": holds(order_id="o" * 400),
    "a customer id without end": holds(customer_id="c" * 400),
    "nesting without end": holds(note=nested(800)),
}
UNREADABLE_ORDERS: dict[str, Change] = {
    "lines that are no list": holds(line_items={}),
    "a tax that is no number": taxed("abc"),
    "a tax of infinity": taxed("Infinity"),
    "a tax that is not a number": taxed("sNaN"),
    "a tax beyond all rates": taxed("1e400"),
    "a total in words": holds(total_money="x"),
    "a state that is a number": holds(state=5),
}
# Odd, and no reason not to book.
HARMLESS: dict[str, Change] = {
    "a number with a fraction": holds(latitude=52.37),
    "signs that no database holds": holds(note="a\0b\ud800c", receipt_number="\udfff\0"),
    "a receipt number without end": holds(receipt_number="9" * 50),
    "markup": holds(note="<script>alert(1)</script>", receipt_number="<b>x</b>"),
    "unknown members": holds(new_thing={"a": [1, None]}),
}


@pytest.fixture
def tampered(db: None) -> Iterator[Till]:
    with make_world(sandbox=TamperedSandbox) as world:
        till = unfurnished(world)
        world.furnish()
        yield till


def sell_all(till: Till, payments: dict[str, Change], orders: dict[str, Change]) -> dict[str, str]:
    """One sale per oddity; returns name -> Square's payment id."""
    sales = {name: till.sell() for name in (*payments, *orders)}
    changes = {sales[name].payment_ids[0]: change for name, change in payments.items()}
    changes |= {sales[name].order_id: change for name, change in orders.items()}
    till.world.sandbox.changes = changes
    return {name: sale.payment_ids[0] for name, sale in sales.items()}


def states(ids: dict[str, str]) -> dict[str, str]:
    kept = {item.source_id: f"{item.state} {item.problem_kind}".strip() for item in SyncItem.objects.all()}
    return {name: kept.get(source_id, "not kept under its id") for name, source_id in ids.items()}


def test_an_unreadable_record_waits_and_its_page_goes_on(tampered: Till, browser: Any) -> None:
    ids = sell_all(tampered, UNREADABLE_PAYMENTS, UNREADABLE_ORDERS)
    good = tampered.sell()

    run = tampered.next_morning()

    assert run.state == "done", run.sentence
    assert tampered.item(good).state == "done"
    nameless = {"no id", "an id that is a number", "an empty id", "an id without end", "an id that is a way upwards"}
    assert {name: state for name, state in states(ids).items() if state != "waiting unreadable"} == dict.fromkeys(
        nameless, "not kept under its id"
    )
    assert SyncItem.objects.filter(problem_kind="unreadable").count() == len(ids)
    for item in SyncItem.objects.filter(state="waiting"):
        assert item.problem.endswith("."), item.problem
        assert "cannot be read" in words(browser.get(page_of(item)))
        assert browser.get(page_of(item, "preview")).status_code == 200
    assert browser.get("/admin/").status_code == 200


def test_what_is_merely_odd_is_booked(tampered: Till, browser: Any) -> None:
    ids = sell_all(tampered, HARMLESS, {})

    assert tampered.next_morning().state == "done"

    assert set(states(ids).values()) == {"done"}
    for item in SyncItem.objects.all():
        page = browser.get(page_of(item))
        assert page.status_code == 200
        assert b"<script>alert" not in page.content
        assert b"<b>x</b>" not in page.content


def test_a_replayed_record_that_square_no_longer_knows_does_not_stop_the_lane(tampered: Till) -> None:
    ids = sell_all(tampered, {"gone": lacks("status")}, {})
    tampered.next_morning()
    item = SyncItem.objects.get(source_id=ids["gone"])
    SyncItem.objects.filter(pk=item.pk).update(source_id="another")
    tampered.world.sandbox.changes = {}
    item.refresh_from_db()
    actions.replay_items([item], by="anna")
    replayed = tampered.world.run()
    assert replayed.state == "done", replayed.sentence
    good = tampered.sell()

    run = tampered.next_morning()

    assert run.state == "done", run.sentence
    assert tampered.item(good).state == "done"
    item.refresh_from_db()
    assert item.state == "waiting"
