"""A message to an address that a person entered: to the world only, never into the own network by accident.

Whoever may enter an address could otherwise make this machine knock on doors that only it can reach. So: https, a name
that resolves to public addresses only, the connection goes to the address that was checked, and no redirect is
followed. An address of the own network is allowed by name in OUTGOING_HOSTS, by whoever runs the machine.
Reference: OWASP, Server Side Request Forgery Prevention.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

import certifi
import urllib3
from django.conf import settings

TIMEOUT = 10.0
MOST_READ = 10_000
HTTPS, DEFAULT_PORTS = "https", {"https": 443, "http": 80}


class NotSent(Exception):
    """It did not arrive, as far as we know; the message says why, without the address."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: `address` is what was checked, `host` the name on the certificate."""

    scheme: str
    host: str
    address: str
    port: int
    path: str


def objection_to(url: str) -> str:
    """Why no message may go there, by the look of it alone; "" when it may. Asks no name server."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "This is not an address."
    if not parts.hostname or parts.username or parts.password:
        return "Enter an address like https://hooks.example.com/services/…"
    if _is_allowed(parts.hostname, port or DEFAULT_PORTS.get(parts.scheme, 0)):
        return "" if parts.scheme in DEFAULT_PORTS else "The address must begin with https://."
    if parts.scheme != HTTPS:
        return "The address must begin with https://."
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return ""
    return "" if literal.is_global else _private(parts.hostname)


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


def post_json(url: str, document: Mapping[str, Any]) -> None:
    """Raises `NotSent`. Anything but 2xx counts as not taken; the answer is not kept."""
    target = _target(url)
    pool: urllib3.HTTPConnectionPool
    if target.scheme == HTTPS:
        pool = urllib3.HTTPSConnectionPool(
            target.address, target.port, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where(),
            server_hostname=target.host, assert_hostname=target.host,
        )  # fmt: skip
    else:
        pool = urllib3.HTTPConnectionPool(target.address, target.port)
    headers = {"Host": _named(target), "Content-Type": "application/json", "User-Agent": "Tillbridge"}
    try:
        answer = pool.urlopen(
            "POST", target.path, body=json.dumps(document).encode(), headers=headers, redirect=False, retries=False,
            timeout=TIMEOUT, preload_content=False,
        )  # fmt: skip
        answer.read(MOST_READ)
        answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NotSent(f"{target.host} did not answer ({type(error).__name__}).") from error
    finally:
        pool.close()
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotSent(f"{target.host} answered HTTP {answer.status}.")


def _target(url: str) -> Target:
    if wrong := objection_to(url):
        raise NotSent(wrong)
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    host = str(parts.hostname)
    addresses = _resolved(host, port)
    if not _is_allowed(host, port) and not all(ipaddress.ip_address(one).is_global for one in addresses):
        raise NotSent(_private(host))
    return Target(parts.scheme, host, addresses[0], port, _path(parts))


def _resolved(host: str, port: int) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotSent(f"{host} cannot be found.") from error
    return [str(row[4][0]).partition("%")[0] for row in found]


def _is_allowed(host: str, port: int) -> bool:
    return f"{host}:{port}" in settings.OUTGOING_HOSTS


def _private(host: str) -> str:
    return (
        f"{host} is in a private network, where nothing is sent. If it should be, whoever runs this machine adds it to "
        "OUTGOING_HOSTS as host:port."
    )


def _path(parts: SplitResult) -> str:
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def _named(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == DEFAULT_PORTS[target.scheme] else f"{host}:{target.port}"
