"""Views above those of single tables."""

from __future__ import annotations

from connections.providers.snowflake.statements import Statement


def views() -> tuple[Statement, ...]:
    return ()
