"""Consent: a person is sent to the vendor with a one-time state, and comes back with a code.

The state is bound to the person's session, lives ten minutes and works once. Whatever goes wrong on the way back is
explained and stores nothing.
Reference: exact-online.md 2.2 and 2.3, square.md 2.1.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction

from audit import trail
from connections import clients, clock, credentials, divisions, endpoints, grants, locations
from connections.grants import Grant
from connections.ledger import TokenLedger
from connections.models import Connection, ConsentState
from connections.providers.errors import NoAnswer, NotAuthorised, Refused, Throttled, Unreachable, VendorError
from connections.providers.square.oauth import SCOPES

LIFETIME = timedelta(minutes=10)
# An error of OAuth is a word; this one came through a browser. Reference: RFC 6749, 4.1.2.1
ODD = re.compile(r"[^ -~]")


class NotGranted(Exception):
    """The consent came to nothing. `sentence` says why, `remedy` what to do; `status` is that of the page."""

    def __init__(self, sentence: str, remedy: str, *, status: int = 400, connection: Connection | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.status = status
        self.connection = connection


def start(connection: Connection, *, session_key: str, by: str) -> str:
    """The vendor's consent address. Raises `Locked` when the app's secret cannot be opened."""
    if connection.system == Connection.System.SNOWFLAKE:
        raise NotGranted(
            "Snowflake asks for no consent.", "Press 'Test connection' on its page.", connection=connection
        )
    if not credentials.read(connection, "client_secret"):
        raise NotGranted("The application secret is missing.", "Enter it on the connection, save, and try again.")
    state = secrets.token_urlsafe(32)
    now = clock.now()
    with transaction.atomic():
        ConsentState.objects.filter(started_at__lt=now - timedelta(days=1)).delete()
        ConsentState.objects.create(
            connection=connection,
            state_digest=_digest(state),
            session_digest=_digest(session_key),
            started_by=by,
            started_at=now,
        )
        _record(connection, "connection.consent_started")
    return grants.authorize_url(connection, state=state)


def finish(system: str, answer: Mapping[str, str], *, session_key: str) -> tuple[Connection, str]:
    """Turn the vendor's redirect into stored tokens. Returns the connection and what could not be read, if anything.

    1. Use up the state. 2. A denial ends here. 3. Exchange the code. 4. Store the pair. 5. Read who it is for.
    Raises `NotGranted`; until step 4 nothing is stored.
    """
    connection = _claimed(system, answer.get("state", ""), session_key=session_key)
    if answer.get("error"):
        raise _denied(connection, answer["error"])
    code = answer.get("code", "")
    if not code:
        raise NotGranted(*_NOTHING_CAME, connection=connection)
    grant = _exchanged(connection, code)
    _refuse_other_merchant(connection, grant)
    row = credentials.adopt(connection, grant, account_id=grant.account_id)
    return row, _read_account(row)


def _claimed(system: str, state: str, *, session_key: str) -> Connection:
    """The connection this state was made for; from now on the state is used."""
    row = ConsentState.objects.select_related("connection").filter(state_digest=_digest(state)).first()
    if row is None or row.connection.system != system or row.session_digest != _digest(session_key):
        raise NotGranted(*_FOREIGN)
    if row.started_at < clock.now() - LIFETIME:
        raise NotGranted(*_TOO_LATE, connection=row.connection)
    if not ConsentState.objects.filter(pk=row.pk, used_at=None).update(used_at=clock.now()):
        raise NotGranted(*_USED, connection=row.connection)
    return row.connection


def _denied(connection: Connection, error: str) -> NotGranted:
    site = endpoints.site_name(connection)
    with transaction.atomic():
        _record(connection, "connection.consent_denied", error=ODD.sub("?", error)[:100])
    if error == "access_denied":
        return NotGranted(
            f"{site} says that the consent was declined.",
            "If that was a mistake, start again and choose 'Allow'. Nothing was changed.",
            connection=connection,
        )
    return NotGranted(
        f"{site} did not give consent.",
        "Compare application id and redirect address with the registration at the vendor, then start again.",
        connection=connection,
    )


def _exchanged(connection: Connection, code: str) -> Grant:
    secret = credentials.read(connection, "client_secret")
    ledger = TokenLedger(connection)
    try:
        return grants.exchange(connection, client_secret=secret, code=code, ledger=ledger)
    except (NotAuthorised, Refused) as refusal:
        raise NotGranted(refusal.sentence, _AGAIN, connection=connection) from refusal
    except (Unreachable, NoAnswer, Throttled) as failure:
        raise NotGranted(failure.sentence, _AGAIN, status=502, connection=connection) from failure
    finally:
        ledger.write()


def _refuse_other_merchant(connection: Connection, grant: Grant) -> None:
    """Another seller's consent would mix two businesses' payments in the lanes of one."""
    if not (grant.account_id and connection.account_id) or grant.account_id == connection.account_id:
        return
    raise NotGranted(
        f"This consent is for another Square account than '{connection.account_name or connection.account_id}'.",
        "Sign out of Square and consent as the right account, or make a new connection for the other one.",
        connection=connection,
    )


def _read_account(row: Connection) -> str:
    """Who the consent is for. The tokens are stored already, so a failure is told and can be repeated."""
    try:
        if row.system == Connection.System.EXACT:
            divisions.discover(row)
        else:
            _check_scopes(row)
            locations.discover(row)
    except VendorError as problem:
        return problem.sentence
    return ""


def _check_scopes(row: Connection) -> None:
    """Square grants a default set in silence when it misreads the scopes, so what it granted is read back."""
    granted = clients.square_client(row).token_status().scopes
    Connection.objects.filter(pk=row.pk).update(scopes=" ".join(sorted(granted)))
    missing = [scope for scope in SCOPES if scope not in granted]
    if not missing:
        return
    sentence = f"Square granted no {', '.join(missing)}. Give consent again and allow everything asked for."
    credentials.require_consent(row, sentence)
    raise NotAuthorised(sentence, code="scope")


def _record(connection: Connection, verb: str, **detail: object) -> None:
    fact = trail.Fact(verb, "connection", connection.pk, connection.label, detail=detail)
    trail.record([fact], at=clock.now())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


_AGAIN = "Open the connection and choose 'Give consent' again."
_FOREIGN = (
    "This answer does not belong to a consent that you started in this browser.",
    "Nothing was stored. Open the connection, choose 'Give consent', and stay in the same browser and session.",
)
_TOO_LATE = ("This consent was started more than ten minutes ago.", f"Nothing was stored. {_AGAIN}")
_USED = (
    "This answer was used before: a consent works once.",
    "Look at the connection; if it is live, all is well. Otherwise start the consent again.",
)
_NOTHING_CAME = ("The vendor sent you back without a code.", f"Nothing was stored. {_AGAIN}")
