"""Brings the sandbox's webhooks to the product: an HTTP request through the whole of Django, in this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.test import Client


@dataclass
class Postman:
    """`answers` keeps what the product said."""

    answers: list[int] = field(default_factory=list)

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> int:
        given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        kind = given.pop("HTTP_CONTENT_TYPE", "")
        answer = Client().generic("POST", urlsplit(url).path, body, content_type=kind, **given)
        self.answers.append(answer.status_code)
        return answer.status_code
