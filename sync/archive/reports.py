"""Views above those of single tables. The statements are the provider's; here stands when they are made."""

from __future__ import annotations

from hashlib import sha256

from connections.providers.snowflake import reports
from connections.providers.snowflake.statements import Statement

NAME = "reports"


def views() -> tuple[Statement, ...]:
    return reports.views()


def digest() -> str:
    return sha256("\n".join(statement.text for statement in views()).encode()).hexdigest()
