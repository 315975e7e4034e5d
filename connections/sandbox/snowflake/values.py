"""Values of a result, each as a text. Reference: 1.4."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connections.sandbox.snowflake.documents import unmarked
from connections.sandbox.snowflake.relations import Type

MILLION = 1_000_000
UTC_OFFSET = 1440


def fetched(name: str, kind: Type) -> str:
    """How the engine is asked for a column, so that no value passes through a type of less precision."""
    match kind.kind:
        case "TIMESTAMP_TZ" | "TIMESTAMP_LTZ" | "TIMESTAMP_NTZ":
            return f"epoch_us({name})"
        case "DATE":
            return f"datediff('day', DATE '1970-01-01', {name})"
        case "TIME":
            return f"epoch_us({name})"
        case "VARIANT":
            return f"CAST(to_json({name}) AS VARCHAR)"
    return name


def encoded(value: Any, kind: Type) -> str | None:  # noqa: PLR0911 - one line per type
    if value is None:
        return None
    match kind.kind:
        case "FIXED":
            return f"{Decimal(value):.{kind.scale}f}"
        case "BOOLEAN":
            return "true" if value else "false"
        case "TIMESTAMP_TZ":
            return f"{_seconds(value)} {UTC_OFFSET}"
        case "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIME":
            return _seconds(value)
        case "VARIANT":
            return unmarked(value)
        case "BINARY":
            return str(bytes(value).hex().upper())
        case "REAL":
            return repr(float(value)).removesuffix(".0")
    return str(value)


def _seconds(ticks: int) -> str:
    """Microseconds as seconds with nine decimals."""
    sign, size = ("-", -ticks) if ticks < 0 else ("", ticks)
    return f"{sign}{size // MILLION}.{size % MILLION:06d}000"
