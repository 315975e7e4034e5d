"""What is wrong with a connection, if anything: asked of the vendor now, answered in one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured

from connections import clients, endpoints, snowflake_diagnosis
from connections.credentials import Locked, NeedsConsent
from connections.models import Connection
from connections.providers.errors import (
    NoAnswer,
    NotAuthorised,
    Throttled,
    Unreachable,
    VendorError,
)
from connections.providers.exact import resources
from connections.providers.exact.client import ExactClient
from connections.providers.square.oauth import SCOPES
from connections.verdicts import Kind, Verdict

# A page waits for the answer, so it waits for the governor no longer than this.
PATIENCE = 3.0
# One small read per right that booking needs. Whether writing is allowed shows only when something is written.
# Reference: exact-online.md 2.5, scope areas per endpoint.
PROBES = (
    (resources.GL_ACCOUNTS, "ledger accounts"),
    (resources.JOURNALS, "journals"),
    (resources.VAT_CODES, "VAT codes"),
    (resources.ACCOUNTS, "customers"),
    (resources.SALES_ENTRIES, "sales entries"),
    (resources.BANK_ENTRIES, "bank entries"),
    (resources.TRANSACTION_LINES, "ledger lines"),
)


KINDS: tuple[tuple[type[VendorError], Kind], ...] = (
    (NotAuthorised, Kind.REVOKED),
    (Throttled, Kind.THROTTLED),
    (Unreachable, Kind.UNREACHABLE),
    (NoAnswer, Kind.UNREACHABLE),
)
SENTENCES = {
    Kind.REVOKED: (
        "{site} refuses the token although it has not expired: the consent was withdrawn, or the same user gave it to "
        "another installation. Give consent again."
    ),
    Kind.MISSING_SCOPE: "{said} Add it in the app registration and give consent again.",
    Kind.THROTTLED: "{said} The connection itself was not tested; try again then.",
    Kind.UNREACHABLE: "{site} gives no answer. {said} Try again in some minutes.",
    Kind.UNCLEAR: "{site} answered in an unexpected way: {said}",
}


def test_connection(connection: Connection) -> Verdict:
    """Ask the vendor. Reads only; raises nothing that a vendor can cause."""
    row = Connection.objects.get(pk=connection.pk)
    try:
        return _asked(row)
    except VendorError as problem:
        return _verdict(row, problem)
    except ImproperlyConfigured as refusal:
        return Verdict(Kind.UNCLEAR, str(refusal))


def _asked(row: Connection) -> Verdict:
    if row.system == Connection.System.SNOWFLAKE:
        return snowflake_diagnosis.examine(row, wait_at_most=PATIENCE)
    return _is_elsewhere(row) or (_exact(row) if row.system == Connection.System.EXACT else _square(row))


def _is_elsewhere(row: Connection) -> Verdict | None:
    """The tokens came from another site than the one the row now names."""
    if not row.granted_by or row.granted_by == endpoints.base_url(row):
        return None
    return Verdict(
        Kind.WRONG_REGION,
        f"The consent was given at {row.granted_by}, but this connection is set to {endpoints.site_name(row)}. "
        "Tokens of one site are worthless at another: put the former setting back, or give consent again.",
    )


def _exact(row: Connection) -> Verdict:
    me = clients.testing_exact_client(row, division=None, wait_at_most=PATIENCE).me()
    division = row.divisions.filter(is_pinned=True).values_list("code", flat=True).first() or me.current_division
    client = clients.testing_exact_client(row, division=division, wait_at_most=PATIENCE)
    reached = client.divisions(me.current_division)
    if division not in {found.code for found in reached}:
        return Verdict(
            Kind.DIVISION_GONE,
            f"The consent works, but no longer reaches division {division}, which is pinned. "
            "Give the user access to it in Exact, or unpin it.",
        )
    missing = list(_unreadable(client))
    if missing:
        return Verdict(
            Kind.MISSING_SCOPE,
            f"The consent works, but not for {', '.join(missing)}. Extend the rights of the app registration or of the "
            "user in Exact, then give consent again.",
        )
    who = me.full_name or me.user_name
    return Verdict(
        Kind.LIVE, f"{endpoints.site_name(row)} answers as {who}; {_counted(len(reached), 'division')} within reach."
    )


def _unreadable(client: ExactClient) -> Iterator[str]:
    for resource, name in PROBES:
        try:
            client.first(resource.path, select=resource.select)
        except NotAuthorised as refusal:
            if refusal.code not in {"scope", "forbidden"}:
                raise
            yield f"{name} (scope {refusal.field})" if refusal.field else name


def _square(row: Connection) -> Verdict:
    client = clients.testing_square_client(row, wait_at_most=PATIENCE)
    granted = client.token_status().scopes
    missing = [scope for scope in SCOPES if scope not in granted]
    if missing:
        return Verdict(
            Kind.MISSING_SCOPE,
            f"Square granted no {', '.join(missing)}. Give consent again and allow everything asked for.",
        )
    locations = client.locations()
    return Verdict(
        Kind.LIVE, f"{endpoints.site_name(row)} answers; {_counted(len(locations), 'location')} within reach."
    )


def _verdict(row: Connection, problem: VendorError) -> Verdict:
    if isinstance(problem, NeedsConsent | Locked):
        return Verdict(_without_consent(row, problem), problem.sentence)
    kind = _kind(problem)
    return Verdict(kind, SENTENCES[kind].format(site=endpoints.site_name(row), said=problem.sentence))


def _kind(problem: VendorError) -> Kind:
    if isinstance(problem, NotAuthorised) and problem.code in {"scope", "forbidden"}:
        return Kind.MISSING_SCOPE
    return next((kind for family, kind in KINDS if isinstance(problem, family)), Kind.UNCLEAR)


def _without_consent(row: Connection, problem: VendorError) -> Kind:
    if isinstance(problem, Locked):
        return Kind.LOCKED
    if row.status == Connection.Status.NEW:
        return Kind.NO_CONSENT
    granted = set(row.scopes.split())
    return Kind.MISSING_SCOPE if granted and not granted.issuperset(SCOPES) else Kind.REVOKED


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
