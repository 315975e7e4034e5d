"""Square's webhook subscriptions and deliveries, as its documentation describes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

import pytest

from connections.sandbox.courier import Trick
from connections.sandbox.square import LineSpec
from tests.connections.sandbox.postbox import Postbox

from .square_world import World

URL = "https://tillbridge.example/hook/"
TYPES = ["payment.created", "payment.updated", "refund.created", "refund.updated", "invoice.created",
         "invoice.published", "invoice.payment_made", "payout.sent", "payout.paid", "dispute.created",
         "customer.created", "customer.deleted", "order.updated", "oauth.authorization.revoked"]  # fmt: skip
SUBSCRIPTIONS = "/v2/webhooks/subscriptions"


@pytest.fixture
def world(box: Postbox) -> World:
    world = World()
    world.square.courier.send = box
    return world


def personal(world: World) -> str:
    return world.square.personal_token("app")


def subscribe(world: World, **fields):
    body = {"idempotency_key": "k1", "subscription": {"name": "Books", "event_types": TYPES, "notification_url": URL}}
    body["subscription"].update(fields)
    return json.loads(world.send("POST", SUBSCRIPTIONS, body, token=personal(world)).body)["subscription"]


def test_only_the_application_s_own_token_reaches_subscriptions(world):
    status, code, _ = world.refused("GET", SUBSCRIPTIONS)
    assert (status, code) == (403, "FORBIDDEN")
    assert world.refused("GET", SUBSCRIPTIONS, token="nonsense")[0] == 401
    assert world.send("GET", SUBSCRIPTIONS, token=personal(world)).status == 200
    assert world.send("GET", "/v2/payments", token=personal(world)).status == 401


def test_a_subscription_is_made_once_for_a_key_listed_changed_and_removed(world):
    made = subscribe(world)
    assert subscribe(world) == made
    assert re.fullmatch(r"wbhk_[0-9a-f]{32}", made["id"])
    assert made["created_at"] == "2026-03-31 12:00:00 +0000 UTC"
    one = f"{SUBSCRIPTIONS}/{made['id']}"

    def send(method, path, body=None):
        return json.loads(world.send(method, path, body, token=personal(world)).body)

    assert send("PUT", one, {"subscription": {"enabled": False}})["subscription"]["enabled"] is False
    assert send("GET", SUBSCRIPTIONS) == {}
    assert len(send("GET", f"{SUBSCRIPTIONS}?include_disabled=true")["subscriptions"]) == 1
    key = send("POST", f"{one}/signature-key", {})["signature_key"]
    assert send("GET", one)["subscription"]["signature_key"] == key != made["signature_key"]
    assert send("DELETE", one) == {}
    assert world.refused("GET", one, token=personal(world))[0] == 404
    assert "payment.created" in send("GET", "/v2/webhooks/event-types")["event_types"]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [({"event_types": []}, "VALUE_EMPTY", "subscription.event_types"),
     ({"event_types": ["payment.failed"]}, "INVALID_VALUE", "subscription.event_types"),
     ({"notification_url": "http://tillbridge.example/"}, "INVALID_VALUE", "subscription.notification_url"),
     ({"notification_url": "nonsense"}, "INVALID_VALUE", "subscription.notification_url"),
     ({"name": "x" * 65}, "VALUE_TOO_LONG", "subscription.name"),
     ({"colour": "red"}, "UNKNOWN_BODY_PARAMETER", "subscription.colour")],
)  # fmt: skip
def test_what_square_would_not_take_is_refused(world, fields, code, field):
    given = {"name": "x", "event_types": TYPES, "notification_url": URL, **fields}
    found = world.refused("POST", SUBSCRIPTIONS, {"subscription": given}, token=personal(world))
    assert found == (400, code, field)


def test_a_payment_is_told_with_a_signature_over_address_and_body(world, box):
    key = subscribe(world)["signature_key"]
    sale = world.sell()
    world.square.courier.deliver_due()

    url, headers, body = box.arrived[0]
    event = json.loads(body)
    assert (url, event["type"], event["data"]["id"]) == (URL, "payment.created", sale.payment_ids[0])
    assert event["data"]["object"]["payment"]["total_money"] == {"amount": 1000, "currency": "EUR"}
    digest = hmac.new(key.encode(), URL.encode() + body, hashlib.sha256).digest()
    assert headers["x-square-hmacsha256-signature"] == base64.b64encode(digest).decode()
    assert headers["square-environment"] == "Sandbox"
    assert "square-retry-number" not in headers


def test_each_thing_that_happens_is_told_by_its_own_types(world, box):
    subscribe(world)
    square = world.square
    customer = square.add_customer(company_name="Acme")["id"]
    square.refund(world.sell().payment_ids[0], 100)
    square.dispute(world.sell().payment_ids[0])
    order = square.place_order("Amsterdam", [LineSpec("Item", 1000)])
    square.change_order(order["id"], ticket_name="Seven")
    invoice = square.invoice(order["id"], customer_id=customer)
    square.pay_invoice(invoice["id"])
    payout = square.pay_out("Amsterdam", at=world.clock.now())
    square.settle_payout(payout["id"])
    square.remove_customer(customer)
    square.courier.deliver_due()

    assert set(box.types) == set(TYPES) - {"refund.updated", "oauth.authorization.revoked"}
    sent = next(event for event in box.events if event["type"] == "payout.sent")
    assert (sent["location_id"], sent["data"]["id"]) == (world.amsterdam, payout["id"])
    gone = next(event for event in box.events if event["type"] == "customer.deleted")
    assert (gone["data"]["id"], gone["data"]["deleted"]) == (customer, True)
    changed = next(event for event in box.events if event["type"] == "order.updated")
    assert set(changed["data"]["object"]["order_updated"]) <= {
        "order_id", "version", "location_id", "state", "created_at", "updated_at",
    }  # fmt: skip


def test_a_seller_who_disconnects_is_the_last_thing_told(world, box):
    subscribe(world)
    world.square.revoke("app")
    world.sell()
    world.square.courier.deliver_due()

    assert box.types == ["oauth.authorization.revoked"]


def test_without_the_seller_s_scope_nothing_of_it_is_told(world, box):
    world.square.grants.revoke("app")
    world.square.issue_tokens("app", ["PAYMENTS_READ"])
    subscribe(world)
    world.square.add_customer(company_name="Acme")
    world.sell()
    world.square.pay_out("Amsterdam", at=world.clock.now())
    world.square.courier.deliver_due()

    assert {name.partition(".")[0] for name in box.types} == {"payment"}


def test_what_is_not_answered_by_2xx_is_tried_eleven_times_more_as_documented(world, box):
    box.answers = [0, 302, 500]
    subscribe(world, event_types=["payment.created"])
    world.sell()
    world.square.courier.deliver_due()
    waited = []
    for minutes in (1, 2, 4, 8, 16, 32, 60, 120, 240, 480, 480):
        world.clock.advance(minutes * 60 - 1)
        assert world.square.courier.deliver_due() == 0
        world.clock.advance(1)
        waited.append(world.square.courier.deliver_due())

    assert waited == [1] * 11
    assert [headers.get("square-retry-number") for _, headers, _ in box.arrived[:3]] == [None, "1", "2"]
    assert [headers.get("square-retry-reason") for _, headers, _ in box.arrived[:3]] == [
        None, "http_timeout", "http_error",
    ]  # fmt: skip
    assert len({event["event_id"] for event in box.events}) == 1
    assert (world.square.courier.pending, world.square.courier.given_up) == (0, 1)


@pytest.mark.parametrize(
    ("kind", "arrives"), [("duplicate", 3), ("drop", 0), ("wrong_signature", 1), ("delay", 0), ("reorder", 1)]
)
def test_a_trick_is_played_once(world, box, kind, arrives):
    key = subscribe(world, event_types=["payment.created"])["signature_key"]
    world.square.courier.play(Trick(kind, "square", seconds=60))
    world.sell()
    world.square.courier.deliver_due()

    assert len(box.arrived) == arrives
    for _, headers, body in box.arrived:
        right = base64.b64encode(hmac.new(key.encode(), URL.encode() + body, hashlib.sha256).digest()).decode()
        assert (headers["x-square-hmacsha256-signature"] == right) == (kind != "wrong_signature")
    world.clock.advance(60)
    assert world.square.courier.deliver_due() == (kind == "delay")


def test_what_happened_before_anybody_subscribed_is_not_told(world, box):
    world.sell()
    subscribe(world)
    world.square.courier.deliver_due()

    assert box.arrived == []


def test_lists_leave_out_what_is_hidden_until_it_shows(world):
    sale = world.sell()
    path = f"/v2/payments?location_id={world.amsterdam}"
    world.square.hide(*sale.payment_ids)
    assert world.get(path) == {}
    assert world.get(f"/v2/payments/{sale.payment_ids[0]}")["payment"]["id"] == sale.payment_ids[0]
    world.square.show(*sale.payment_ids)
    assert len(world.get(path)["payments"]) == 1
