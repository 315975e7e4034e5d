from __future__ import annotations

import pytest

from tests.connections.sandbox.postbox import Postbox


@pytest.fixture
def box() -> Postbox:
    """Where a world's courier brings what it carries."""
    return Postbox()
