"""The far end of the sandbox's webhooks: keeps what arrives and answers as told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from connections.sandbox.courier import NotDelivered


@dataclass
class Postbox:
    """`answers` are given one after the other, the last one for ever; 0 is no answer."""

    answers: list[int] = field(default_factory=lambda: [200])
    arrived: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.arrived.append((url, headers, body))
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not status:
            raise NotDelivered("http_timeout")
        return status

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.arrived if body]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]
