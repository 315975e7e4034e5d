from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.connections.vendors import Vendors
from tests.connections.vendors import vendors as open_vendors


@pytest.fixture
def vendors(settings: Settings) -> Iterator[Vendors]:
    with open_vendors(settings) as opened:
        yield opened
