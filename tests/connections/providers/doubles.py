"""Stand-ins that the client tests share: a token that can be renewed, a clock that stands still, a witness of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connections.providers.errors import VendorError
from connections.providers.http import Call, Observer, Transport

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


@dataclass
class Tokens:
    """Gives "first", and after a refusal the tokens of `fresh` one by one; then the refused one again."""

    token: str = "first"
    fresh: list[str] = field(default_factory=lambda: ["second"])
    renewals: list[str] = field(default_factory=list)

    def current(self) -> str:
        return self.token

    def renewed(self, refused: str) -> str:
        self.renewals.append(refused)
        if self.fresh:
            self.token = self.fresh.pop(0)
        return self.token


@dataclass
class Seen:
    call: Call
    status: int | None
    headers: Mapping[str, str]
    error: VendorError | None


@dataclass
class Witness:
    begun: list[Call] = field(default_factory=list)
    ended: list[Seen] = field(default_factory=list)

    def before(self, call: Call) -> None:
        self.begun.append(call)

    def after(
        self, call: Call, *, status: int | None, duration_ms: int, headers: Mapping[str, str], error: VendorError | None
    ) -> None:
        assert duration_ms >= 0
        self.ended.append(Seen(call, status, headers, error))


def transport(observer: Observer | None = None) -> Transport:
    return Transport(observer=observer, now=lambda: NOW)
