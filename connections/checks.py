"""What would silently lose data or secrets is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from connections.clock import Clock

SHORTEST_KEY = 16
SQLITE = "django.db.backends.sqlite3"

Apps = Iterable[AppConfig] | None


@register(Tags.security)
def sealing_keys(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's signature
    """`SALT_KEY` as text is one key for ever: adding a second would make the first one's secrets unreadable."""
    salts = settings.SALT_KEY
    if not isinstance(salts, list) or not salts:
        return [Error("SALT_KEY must be a list of keys, the newest first.", id="connections.E001")]
    if any(len(key) < SHORTEST_KEY for key in [*salts, settings.SECRET_KEY]):
        sentence = f"SECRET_KEY and every SALT_KEY need at least {SHORTEST_KEY} characters."
        return [Error(sentence, hint="Make one with `openssl rand -base64 33`.", id="connections.E002")]
    return []


@register(Tags.compatibility)
def database_options(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Without WAL and IMMEDIATE 120 of 400 tasks were lost to "database is locked"; a pool broke the workers."""
    found: list[CheckMessage] = []
    for alias, database in settings.DATABASES.items():
        options = database.get("OPTIONS", {})
        if database["ENGINE"] == SQLITE and not _is_tuned(options):
            sentence = f"Database {alias!r} is SQLite without transaction_mode=IMMEDIATE and journal_mode=WAL."
            found.append(Error(sentence, hint="Both stand in config/settings.py; keep them.", id="connections.E003"))
        if options.get("pool"):
            sentence = f"Database {alias!r} uses a connection pool, which the forking workers cannot share."
            found.append(Error(sentence, hint="Remove `pool`; CONN_MAX_AGE keeps connections.", id="connections.E004"))
    return found


def _is_tuned(options: dict[str, Any]) -> bool:
    commands = options.get("init_command", "").replace(" ", "").lower()
    return options.get("transaction_mode") == "IMMEDIATE" and "journal_mode=wal" in commands


@register(Tags.compatibility)
def clock_setting(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    try:
        Clock.parse(settings.TILLBRIDGE_CLOCK)
    except ValueError as wrong:
        return [Error(str(wrong), id="connections.E005")]
    return []


@register(Tags.database)
def fast_clock(app_configs: Apps, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    if not databases or "default" not in databases:
        return []
    sentence = clock_refusal()
    return [Error(sentence, id="connections.E006")] if sentence else []


def clock_refusal() -> str:
    """Why the clock may not run fast here, or nothing. A fast clock at a real vendor would book on wrong days."""
    if not settings.TILLBRIDGE_CLOCK or not _has_connections_table():
        return ""
    from connections.models import Connection

    real = Connection.objects.exclude(environment=Connection.Environment.LOCAL_SANDBOX).values_list("label", flat=True)
    labels = ", ".join(real[:5])
    return f"TILLBRIDGE_CLOCK is set, but these connections are not a local sandbox: {labels}." if labels else ""


def require_honest_clock() -> None:
    """For the start of a worker. Raises `ImproperlyConfigured`."""
    sentence = clock_refusal()
    if sentence:
        raise ImproperlyConfigured(f"{sentence} Remove TILLBRIDGE_CLOCK, or these connections.")


def _has_connections_table() -> bool:
    try:
        return "connections_connection" in connections["default"].introspection.table_names()
    except DatabaseError:
        return False
