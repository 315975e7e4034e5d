"""What the published Square schema says about requests: paths, methods, scopes, parameters, body properties.

Reference: Square OpenAPI description, Square-Version 2025-08-20; OAuth `use_jwt` from 2026-09-16.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@cache
def facts() -> Json:
    data: Json = json.loads(Path(__file__).with_name("facts.json").read_text(encoding="utf-8"))
    return data


def endpoint(name: str) -> Json:
    """Facts of `GET /v2/payments`: `scopes`, `query` (name -> type) and `body` (schema name), each where it applies."""
    found: Json = facts()["endpoints"].get(name, {})
    return found


def schema(name: str) -> Json:
    found: Json = facts()["schemas"][name]
    return found


def enum(name: str) -> list[str]:
    values: list[str] = facts()["enums"][name]
    return values
