from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.commands.flush import Command as Flush
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from tests.audit.intruder import unguarded
from tests.world import World
from tests.world import world as make_world

# How fast examples come says something about the machine and who else uses it, nothing about what is tested.
hypothesis.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("tests")


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with make_world() as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def _flushing() -> Iterator[None]:
    """Tests that commit are cleaned up by `flush`, which the audit trail's guard refuses. It is down only meanwhile."""
    handle = Flush.handle

    def handled(command: Flush, **options: Any) -> None:
        with unguarded():
            handle(command, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flush, "handle", handled)
        yield
