"""A sandbox mounted in a `requests.Session`: no socket, the same errors."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.response import HTTPResponse

from connections.sandbox.wire import AnswerTooLate, ConnectionDropped, Headers, Request, Response

if TYPE_CHECKING:
    from connections.sandbox.app import Sandbox


class SandboxAdapter(BaseAdapter):
    """`session.mount("http://sandbox.test", SandboxAdapter(sandbox))`; the paths are those of the server."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.sandbox = sandbox

    def send(  # noqa: PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        try:
            answer = self.sandbox.handle(translated(request), patience=patience)
        except AnswerTooLate:
            raise requests.ReadTimeout(f"Read timed out. (read timeout={patience})", request=request) from None
        except ConnectionDropped:
            raise requests.ConnectionError("Connection aborted: closed without response", request=request) from None
        return _received(answer, request)

    def close(self) -> None:
        """Nothing is held."""


def translated(request: requests.PreparedRequest) -> Request:
    """What the sandbox's server would have made of it."""
    url = urlsplit(str(request.url))
    body = request.body or b""
    return Request(
        method=str(request.method),
        path=unquote(url.path) or "/",
        query=parse_qsl(url.query, keep_blank_values=True),
        headers=Headers({name: str(value) for name, value in request.headers.items()}),
        body=body.encode() if isinstance(body, str) else bytes(body),
        base_url=f"{url.scheme}://{url.netloc}",
    )


def _received(answer: Response, request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response.url = str(request.url)
    response.request = request
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response.raw = HTTPResponse(
        BytesIO(answer.body), headers=answer.headers, status=answer.status, preload_content=False
    )
    return response
