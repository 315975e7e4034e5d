"""A sandbox that remembers which entries were posted to Exact, and whether they stood there already."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.demo import shop as shops
from connections.sandbox.app import Sandbox
from connections.sandbox.faults import Fault
from connections.sandbox.wire import Request, Response

REFERENCE = re.compile(r"TB-[0-9A-HJKMNP-TV-Z]{16}")


@dataclass(frozen=True, slots=True)
class Post:
    """One entry on its way into the books, known by the first reference in its body."""

    reference: str
    digest: str
    stood_there: bool


class WitnessedSandbox(Sandbox):
    def __init__(self, **choices: Any) -> None:
        super().__init__(**choices)
        self.posts: list[Post] = []
        self.struck: list[tuple[Fault, int]] = []

    def calm(self) -> None:
        """Disarm every fault, remembering what each did."""
        self.struck += [(fault, times) for fault, times in self.faults.struck() if times]
        self.faults.clear()

    def handle(self, request: Request, *, patience: float | None = None) -> Response:
        is_post = request.method == "POST" and request.path.startswith("/exact/")
        if is_post and (found := REFERENCE.search(request.body.decode())):
            self._witness(found.group(), request.body)
        return super().handle(request, patience=patience)

    def _witness(self, reference: str, body: bytes) -> None:
        self.settle()
        with self.lock:
            stood_there = reference in references(self.lines())
            self.posts.append(Post(reference, hashlib.sha256(body).hexdigest(), stood_there))

    def lines(self) -> list[Mapping[str, Any]]:
        """Exact's ledger."""
        with self.lock:
            return list(self.exact.site(shops.REGION).division(shops.DIVISION).lines())


def references(lines: list[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Each of our references in the ledger, with the entries it stands in."""
    found: dict[str, set[str]] = {}
    for line in lines:
        for text in (line.get("YourRef"), line.get("Description")):
            if match := REFERENCE.match(text or ""):
                found.setdefault(match.group(), set()).add(str(line["EntryID"]))
    return found
