"""A sandbox whose answers are changed on the wire: what no well-behaved vendor sends, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connections.sandbox.app import Sandbox
from connections.sandbox.wire import Request, Response

Change = Callable[[dict[str, Any]], None]


class TamperedSandbox(Sandbox):
    """`changes`: id of a Square payment or order -> what is done to it in every answer of Square."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.changes: dict[str, Change] = {}

    def handle(self, request: Request, *, patience: float | None = None) -> Response:
        answer = super().handle(request, patience=patience)
        if not (self.changes and request.path.startswith("/square/v2/")):
            return answer
        document = json.loads(answer.body)
        rows = [*document.get("payments", ()), *document.get("orders", ()), document.get("payment", {})]
        for row in rows:
            if change := self.changes.get(row.get("id")):
                change(row)
        return replace(answer, body=json.dumps(document).encode())
