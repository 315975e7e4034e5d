from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from connections.models import Division
from tests import pictures
from tests.journeys.desk import Desk
from tests.journeys.shop import Till
from tests.world import World

RATES = (("VAT 21", "21"), ("VAT 9", "9"), ("VAT 0", "0"))


@pytest.fixture
def till(world: World) -> Till:
    """A shop in Amsterdam with three rates, connected and switched on."""
    till = unfurnished(world)
    pictures.furnish(world)
    return till


@pytest.fixture
def division(till: Till) -> Division:
    """That the till is booked in."""
    return till.world.shop.division


@pytest.fixture
def calls(till: Till) -> Callable[..., int]:
    """How many calls to Exact's data something costs; those that go with a new token aside."""

    def asked() -> int:
        return till.calls("exact", "GET") - till.calls("exact", "GET", "Me") - till.calls("exact", "GET", "Divisions")

    def count(read: Callable[..., object], *args: Any, **kwargs: Any) -> int:
        before = asked()
        read(*args, **kwargs)
        return asked() - before

    return count


@pytest.fixture
def desk(till: Till) -> Desk:
    """Who sends invoices at that till."""
    return Desk(till)


@pytest.fixture
def empty_till(world: World) -> Till:
    """The same, not connected yet: the journey chooses how the lane books."""
    return unfurnished(world)


@pytest.fixture
def booked(till: Till) -> Till:
    """One mug of 25.00 sold by card on 2 March, booked the next morning."""
    till.sell()
    run = till.next_morning()
    assert run.state == "done", run.sentence
    return till


def unfurnished(world: World) -> Till:
    world.sandbox.square.add_location("Amsterdam", "Europe/Amsterdam", "EUR")
    for name, rate in RATES:
        world.sandbox.square.add_tax(name, rate)
    return Till(world)


@dataclass
class Queue:
    """The queue between the pages and the workers. `work` does what a worker does with the tasks that were rung."""

    on_commit: Callable[..., AbstractContextManager[object]]

    def listening(self) -> AbstractContextManager[object]:
        """What is rung in this block is really put into the queue, as it is when a request commits."""
        return self.on_commit(execute=True)

    def work(self) -> None:
        while task := OrmQ.objects.order_by("id").first():
            rung = task.task
            task.delete()
            import_string(rung["func"])(*rung["args"])


@pytest.fixture
def queue(django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]]) -> Queue:
    return Queue(django_capture_on_commit_callbacks)
