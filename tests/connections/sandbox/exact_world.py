"""An Exact site with one administration, an app and a token, mounted in process on a clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import requests

from connections.sandbox.adapter import SandboxAdapter
from connections.sandbox.app import Sandbox
from connections.sandbox.clock import SandboxClock
from connections.sandbox.exact import ExactDivision, Limits

DIVISION = 100001
REDIRECT = "https://tillbridge.example/callback"
START = datetime(2026, 3, 10, 12, 0, 5, tzinfo=UTC)
BASE = "http://sandbox.test"


def frozen_clock(start: datetime = START) -> SandboxClock:
    return SandboxClock(lambda: start)


class World:
    def __init__(self, *, region: str = "nl", limits: Limits | None = None, **app: Any) -> None:
        self.clock = frozen_clock()
        self.sandbox = Sandbox(clock=self.clock)
        self.site = self.sandbox.exact.site(region)
        self.division: ExactDivision = self.site.add_division(
            DIVISION, "Grachten Retail BV", registration_number="34567890"
        )
        self.site.register_app("app", "secret", [REDIRECT], limits=limits or Limits(10_000, 100_000), **app)
        self.session = requests.Session()
        self.session.mount(BASE, SandboxAdapter(self.sandbox))
        self.site_url = f"{BASE}/exact/{region}"
        self.url = f"{self.site_url}/api/v1/{DIVISION}/"
        self.tokens = self.site.issue_tokens("app")

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens.access_token}", "Accept": "application/json"}

    def get(self, path: str, **options: Any) -> requests.Response:
        """Options are `$select` and so on, without the dollar."""
        params = {f"${name}": value for name, value in options.items()}
        return self.session.get(self.url + path, params=params, headers=self.headers)

    def rows(self, path: str, **options: Any) -> list[dict[str, Any]]:
        """All pages."""
        found, answer = [], self.get(path, **options)
        while True:
            assert answer.status_code == 200, answer.text
            data = answer.json()["d"]
            if isinstance(data, list):
                return found + data
            found += data["results"]
            if "__next" not in data:
                return found
            answer = self.session.get(data["__next"], headers=self.headers)

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        return self.session.post(self.url + path, json=body, headers={**self.headers, **headers})

    def put(self, path: str, body: Any) -> requests.Response:
        return self.session.put(self.url + path, json=body, headers=self.headers)

    def delete(self, path: str) -> requests.Response:
        return self.session.delete(self.url + path, headers=self.headers)

    def gl(self, code: str) -> str:
        return str(self.division.gl(code)["ID"])

    @property
    def customer(self) -> str:
        return str(self.division.counter_sales["ID"])

    def sale(self, *lines: dict[str, Any], **header: Any) -> dict[str, Any]:
        """A body; without lines, one of 100.00 at 21 %."""
        lines = lines or ({"GLAccount": self.gl("8000"), "AmountFC": 100.0, "VATCode": "2"},)
        base = {"Customer": self.customer, "Journal": "70", "EntryDate": "2026-03-09", "YourRef": "TB-1"}
        return {**base, **header, "SalesEntryLines": list(lines)}

    def line(self, code: str, amount: float, vat: str | None = None, **more: Any) -> dict[str, Any]:
        return {"GLAccount": self.gl(code), "AmountFC": amount, **({"VATCode": vat} if vat else {}), **more}

    def receipt(self, *lines: dict[str, Any], journal: str = "21", **header: Any) -> dict[str, Any]:
        collection = "CashEntryLines" if journal == "10" else "BankEntryLines"
        return {"JournalCode": journal, **header, collection: list(lines)}

    def paid(self, amount: float, **more: Any) -> dict[str, Any]:
        """A line that takes money from the counter customer."""
        return {
            "GLAccount": self.gl("1300"),
            "Account": self.customer,
            "AmountFC": amount,
            "Date": "2026-03-09",
            **more,
        }

    def book_sale(self, *lines: dict[str, Any], **header: Any) -> dict[str, Any]:
        answer = self.post("salesentry/SalesEntries", self.sale(*lines, **header))
        assert answer.status_code == 201, answer.text
        return dict(answer.json()["d"])

    def booked(self) -> dict[str, str]:
        """What the ledger shows: account -> sum."""
        sums: dict[str, Any] = {}
        for line in self.division.lines():
            sums[line["GLAccountCode"]] = sums.get(line["GLAccountCode"], 0) + line["AmountDC"]
        return {code: str(amount) for code, amount in sorted(sums.items())}


def said(answer: requests.Response) -> str:
    """The sentence of an error envelope."""
    return str(answer.json()["error"]["message"]["value"])
