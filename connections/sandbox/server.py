"""The sandbox on a socket: HTTP/1.1 with keep-alive, a thread per connection, drops that really drop."""

from __future__ import annotations

import socket
import struct
import sys
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connections.sandbox.wire import ConnectionDropped, Headers, Request, Response

if TYPE_CHECKING:
    from connections.sandbox.app import Sandbox

LARGEST_BODY = 12_000_000
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Sandbox"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 120
    server: _Server

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._write(Response.html("The body needs a Content-Length of at most 12 MB.", 411))
            return
        body = self.rfile.read(int(length))
        try:
            self._write(self.server.sandbox.handle(self._request(body)))
        except ConnectionDropped:
            self._reset()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - the names http.server calls

    def _request(self, body: bytes) -> Request:
        url = urlsplit(self.path)
        host = self.headers.get("Host") or f"127.0.0.1:{self.server.port}"
        return Request(
            method=self.command,
            path=unquote(url.path) or "/",
            query=parse_qsl(url.query, keep_blank_values=True),
            headers=Headers(self.headers.items()),
            body=body,
            base_url=f"http://{host}",
        )

    def _write(self, response: Response) -> None:
        status = response.status
        now = format_datetime(self.server.sandbox.clock.now(), usegmt=True)
        lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, '')}", f"Date: {now}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if status not in (204, 304):
            lines.append(f"Content-Length: {len(response.body)}")
        if self.close_connection:
            lines.append("Connection: close")
        body = b"" if self.command == "HEAD" else response.body
        self.wfile.write("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)

    def _reset(self) -> None:
        """Close with RST: no byte of an answer, no orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
        """The sandbox keeps its own log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, sandbox: Sandbox, host: str, port: int) -> None:
        self.sandbox = sandbox
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who hangs up is no error of the sandbox; anything else is."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class SandboxServer:
    def __init__(self, sandbox: Sandbox, host: str, port: int) -> None:
        self.sandbox = sandbox
        self._server = _Server(sandbox, host, port)
        self.host, self.port = host, self._server.port
        self.base_url = f"http://{host}:{self.port}"
        self.square_url = f"{self.base_url}/square"
        self.exact_url = f"{self.base_url}/exact/{{region}}"
        self.snowflake_url = f"{self.base_url}/snowflake/{{account}}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        self._thread.start()
        sandbox.courier.start()

    def stop(self) -> None:
        self.sandbox.courier.stop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def wait(self) -> None:
        """Until it is stopped."""
        self._thread.join()

    def __enter__(self) -> SandboxServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> SandboxServer:
    """Start serving. Raises `OSError` when the port is taken."""
    return SandboxServer(sandbox, host, port)
