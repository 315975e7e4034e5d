"""A seller with two shops behind a clock that stands still until a test moves it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from connections.sandbox.clock import SandboxClock
from connections.sandbox.square import LineSpec, Sale, SquareSandbox, TenderSpec
from connections.sandbox.wire import Headers, Request, Response

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
MORNING = datetime(2026, 3, 2, 9, 30, 15, 720_000, tzinfo=UTC)
CALLBACK = "http://localhost/callback"


class World:
    def __init__(self, *, seed: int = 1) -> None:
        self.clock = SandboxClock(lambda: NOW)
        self.square = SquareSandbox(clock=self.clock, seed=seed)
        self.amsterdam = self.square.add_location("Amsterdam")["id"]
        self.utrecht = self.square.add_location("Utrecht")["id"]
        for name, percentage in (("VAT 21", "21"), ("VAT 9", "9"), ("VAT 0", "0")):
            self.square.add_tax(name, percentage)
        self.square.register_app("app", "secret", [CALLBACK])
        self.tokens = self.square.issue_tokens("app")

    def sell(self, at: datetime = MORNING, gross: int = 1000, where: str = "Amsterdam", **tender: Any) -> Sale:
        return self.square.sell(where, at, [LineSpec("Item", gross)], [TenderSpec(**tender)])

    def send(
        self, method: str, path: str, body: object = None, *, token: str | None = None, **headers: str
    ) -> Response:
        """`path` with its query. Header names with underscores."""
        url = urlsplit(path)
        bearer = self.tokens.access_token if token is None else token
        given = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        query = parse_qsl(url.query, keep_blank_values=True)
        return self.square.handle(Request(method, url.path, query, Headers(given), content, "http://sandbox/square"))

    def get(self, path: str, **headers: str) -> Any:
        return answered(self.send("GET", path, **headers))

    def post(self, path: str, body: object, **headers: str) -> Any:
        return answered(self.send("POST", path, body, **headers))

    def refused(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str, str]:
        """(status, code, field) of the first error."""
        response = self.send(method, path, body, **headers)
        error = json.loads(response.body)["errors"][0]
        assert error["category"]
        assert error["detail"]
        return response.status, error["code"], error.get("field", "")

    def listed(self, path: str) -> list[str]:
        """The ids of all pages."""
        found: list[str] = []
        cursor = ""
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}cursor={cursor}" if cursor else path)
            found += [item["id"] for name in ("payments", "refunds", "customers") for item in page.get(name, [])]
            cursor = page.get("cursor", "")
            if not cursor:
                return found

    def token_call(self, **body: Any) -> tuple[int, Any]:
        response = self.send("POST", "/oauth2/token", {"client_id": "app", **body}, authorization="")
        return response.status, json.loads(response.body)

    def consent(self, query: str, *, allow: bool = True) -> dict[str, str]:
        """What the redirect brings back after the person pressed a button on the page."""
        page = self.send("GET", f"/oauth2/authorize?{query}")
        if page.status == 302:
            return back(page)
        fields = parse_qs(query)
        form = "&".join(f"{name}={values[0]}" for name, values in fields.items())
        decision = "allow" if allow else "deny"
        return back(self.send("POST", "/oauth2/authorize", f"{form}&decision={decision}".encode()))


def answered(response: Response) -> Any:
    assert response.status == 200, response.body
    return json.loads(response.body)


def back(response: Response) -> dict[str, str]:
    assert response.status == 302, response.body
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))
