"""Exact's webhook subscriptions and notifications, as integrators report them."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from tests.connections.sandbox.postbox import Postbox

from .exact_world import DIVISION, World

CALLBACK = "https://tillbridge.example/webhooks/exact/1/"
PATH = "webhooks/WebhookSubscriptions"


@pytest.fixture
def world(box: Postbox) -> World:
    world = World()
    world.sandbox.courier.send = box
    return world


def subscribe(world: World, topic: str = "Accounts", address: str = CALLBACK):
    body = {"CallbackURL": address, "Topic": topic}
    return world.session.post(world.url + PATH, json=body, headers=world.headers)


def said(answer) -> str:
    return answer.json()["error"]["message"]["value"]


def test_an_address_is_tried_with_an_empty_body_while_the_subscription_is_made(world, box):
    answer = subscribe(world)

    assert answer.status_code == 201
    assert [(url, body) for url, _, body in box.arrived] == [(CALLBACK, b"")]
    assert [row["Topic"] for row in world.rows(PATH, select="Topic,CallbackURL")] == ["Accounts"]


@pytest.mark.parametrize("status", [0, 204, 403, 503])
def test_an_address_that_does_not_answer_200_or_201_makes_no_subscription(world, box, status):
    box.answers = [status]
    answer = subscribe(world)

    assert answer.status_code == 500
    assert said(answer).startswith("Invalid: Post to callback URL endpoint returns")
    assert world.rows(PATH, select="Topic") == []


@pytest.mark.parametrize(
    ("topic", "address"),
    [("Accounts", "http://tillbridge.example/"), ("Accounts", "https://other.example/"), ("Nonsense", CALLBACK)],
)
def test_a_foreign_address_or_an_unknown_topic_is_refused(world, topic, address):
    assert subscribe(world, topic, address).status_code == 500


def test_the_same_topic_twice_already_exists_and_a_removed_one_may_come_again(world):
    key = subscribe(world).json()["d"]["ID"]
    assert said(subscribe(world)) == "Data already exists"
    assert world.session.delete(f"{world.url}{PATH}(guid'{key}')", headers=world.headers).status_code == 204
    assert subscribe(world).status_code == 201


def test_a_change_is_told_without_its_data_and_with_its_hash(world, box):
    subscribe(world)
    row = world.division.add_account("Hotel Zon")
    world.sandbox.courier.deliver_due()

    url, _, body = box.arrived[-1]
    content = body[len(b'{"Content":') : body.rindex(b',"HashCode":')]
    code = hmac.new(b"sandbox-webhook-secret", content, hashlib.sha256).hexdigest().upper()
    told = json.loads(body)
    assert (url, told["HashCode"]) == (CALLBACK, code)
    assert list(told["Content"]) == [
        "Topic", "ClientId", "Division", "Action", "Key", "ExactOnlineEndpoint", "EventCreatedOn",
    ]  # fmt: skip
    assert (told["Content"]["Action"], told["Content"]["Key"], told["Content"]["Division"]) == (
        "Create", row["ID"], DIVISION,
    )  # fmt: skip
    assert told["Content"]["EventCreatedOn"].startswith("2026-03-10T13:00:05")  # the site's own clock
    assert b"Hotel" not in body


def test_only_the_topic_and_division_that_were_asked_for_are_told(world, box):
    subscribe(world, "GLAccounts")
    world.division.add_account("Hotel Zon")
    world.division.block_account("8000")
    world.site.add_division(100002, "Other").block_account("8000")
    world.sandbox.courier.deliver_due()

    assert [event["Content"]["Topic"] for event in box.events] == ["GLAccounts"]
    assert [event["Content"]["Action"] for event in box.events] == ["Update"]


def test_a_notification_is_tried_ten_times_more_each_time_twice_as_late(world, box):
    subscribe(world)
    box.answers = [202]
    world.division.add_account("Hotel Zon")
    world.sandbox.courier.deliver_due()
    for n in range(1, 11):
        world.clock.advance(60 * 2**n)
        assert world.sandbox.courier.deliver_due() == 1

    assert (world.sandbox.courier.pending, world.sandbox.courier.given_up) == (0, 1)


def test_the_control_interface_plays_tricks_and_shows_deliveries(world, box):
    def control(method, path, **body):
        return world.session.request(method, f"http://sandbox.test/_sandbox/{path}", json=body).json()

    subscribe(world)
    assert control("POST", "webhooks", kind="duplicate", system="exact")["times"] == 1
    assert "Unknown trick" in control("POST", "webhooks", kind="nonsense")["error"]
    world.division.add_account("Hotel Zon")

    assert control("POST", "webhooks/deliver") == {"attempts": 3}
    shown = control("GET", "webhooks")
    assert [attempt["status"] for attempt in shown["attempts"]] == [200] * 3
    assert shown["pending"] == 0
