"""The work of a bookkeeper without a mouse, against the stand-ins of both vendors."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django_q.models import OrmQ

from connections.sandbox.square import LineSpec, TenderSpec
from tests.browser.conftest import Opens
from tests.journeys.conftest import Queue, queue, till
from tests.journeys.shop import Till

__all__ = ["queue", "till"]
PASSWORD = "correct horse battery"


@pytest.fixture
def waiting(transactional_db: None, till: Till) -> Till:
    """One sale waits for the rule of its tax."""
    till.world.sandbox.square.add_tax("Tourist tax 13", "13")
    till.sell(LineSpec("Tour", 1130, tax="Tourist tax 13"), tenders=(TenderSpec("cash"),))
    till.next_morning()
    return till


def test_a_waiting_record_is_found_mapped_and_seen_booked_with_the_keyboard_alone(
    waiting: Till, queue: Queue, opens: Opens
) -> None:
    User.objects.create_superuser("anna", password=PASSWORD)
    window = opens()
    window.page.goto("/admin/")
    window.tab_to("login")
    window.page.keyboard.type("anna")
    window.tab_to("password")
    window.page.keyboard.type(PASSWORD)
    window.enter("Sign in")

    window.pass_menu()
    window.enter("No rule for this tax")
    window.pass_menu()
    window.enter("2 Mar 2026")
    assert "No rule gives the account for revenue at 13 %" in window.words
    window.pass_menu()
    window.enter("Add GL mapping")
    window.choose("GL account", "8001")
    window.choose("VAT code", "9 %")
    window.enter("_save")
    queue.work()

    window.enter("Records")
    window.pass_menu()
    window.enter("2 Mar 2026")
    assert "done EUR 11.30 taken" in window.words
    assert waiting.ledger == {"1000": 1130, "8001": -1000, "1501": -130}
    assert window.complaints == []
    assert not OrmQ.objects.exists()
