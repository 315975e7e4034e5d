"""The keys of a connection to Snowflake: opened for signing, and what became of the last test.

There is no consent and nothing to refresh: whoever has the key signs in. A connection is live once a test has passed,
and stops being it when Snowflake refuses every key it holds.
"""

from __future__ import annotations

from django.db import transaction

from audit import trail
from connections import clock, credentials, endpoints
from connections.models import Connection
from connections.providers.errors import NotAuthorised
from connections.providers.snowflake.accounts import Account
from connections.providers.snowflake.keypair import KeyPair, KeyPairTokens, WrongKey

REFUSED = (
    "Snowflake takes none of the keys of this connection. Compare the fingerprints with DESC USER, register the public "
    "key again or enter another, then press 'Test connection'."
)
KEYS = (("private_key", "private_key_passphrase"), ("second_private_key", "second_private_key_passphrase"))


class KeyUnusable(NotAuthorised):
    """The stored key opens with the present secrets, but is none that signs."""


def pairs(row: Connection) -> list[KeyPair]:
    """The first key and, while keys are changed, the second. Raises `Locked` or `KeyUnusable`."""
    found = []
    for key, passphrase in KEYS:
        text = credentials.read(row, key)
        if text:
            found.append(_pair(text, credentials.read(row, passphrase)))
    if not found:
        raise KeyUnusable("The connection holds no private key. Enter one.", code="revoked")
    return found


def _pair(text: str, passphrase: str) -> KeyPair:
    try:
        return KeyPair.read(text, passphrase)
    except WrongKey as wrong:
        raise KeyUnusable(str(wrong), code="revoked") from None


class PresentKeys:
    """For the connection test: says what Snowflake says, and changes nothing."""

    def __init__(self, row: Connection) -> None:
        self.row = row
        account = Account.read(row.account_identifier)
        self.tokens = KeyPairTokens(pairs(row), account=account.token_name, user=row.user_name.upper(), now=clock.now)

    def current(self) -> str:
        return self.tokens.current()

    def renewed(self, refused: str) -> str:
        return self.tokens.renewed(refused)

    @property
    def needs_the_second(self) -> bool:
        """Whether the first key was refused and the second was not."""
        return self.tokens.place > 0


class StoredKeys(PresentKeys):
    """For work: when no key is left to try, all calls stop until somebody has looked."""

    def __init__(self, row: Connection) -> None:
        """Raises `NeedsConsent` or `Locked` when no call can be made."""
        super().__init__(credentials.usable(row.pk))

    def renewed(self, refused: str) -> str:
        fresh = super().renewed(refused)
        if fresh == refused:
            credentials.require_consent(self.row, REFUSED)
        return fresh


def prove(row: Connection, *, who: str, warnings: tuple[str, ...]) -> None:
    """A test has passed: calls may be made. What it warned of is shown until the next one."""
    now = clock.now()
    warning = " ".join(warnings)
    values = {
        "status": Connection.Status.LIVE, "status_reason": "", "granted_at": now, "consented_at": now,
        "granted_by": endpoints.base_url(row), "account_name": who[:200], "warning": warning,
        "status_changed_at": row.status_changed_at if row.status == Connection.Status.LIVE else now,
    }  # fmt: skip
    with transaction.atomic():
        same = Connection.objects.filter(pk=row.pk, public_key=row.public_key, refresh_fence=row.refresh_fence)
        if not same.update(**values):
            return
        facts = [trail.Fact("connection.proved", "connection", row.pk, row.label, detail={"as": who})]
        if warning and warning != row.warning:
            detail = {"warning": warning}
            facts.append(trail.Fact("connection.warned", "connection", row.pk, row.label, detail=detail))
        trail.record(facts, at=now)


def warn(row: Connection, warning: str, *, instead_of: str) -> None:
    """Something that works is told to somebody, or, where `warning` is empty, no longer. Other warnings stand."""
    before = row.warning
    row.warning = " ".join(filter(None, [before.replace(instead_of, "").strip(), warning]))
    if row.warning == before:
        return
    with transaction.atomic():
        Connection.objects.filter(pk=row.pk).update(warning=row.warning)
        if warning:
            fact = trail.Fact("connection.warned", "connection", row.pk, row.label, detail={"warning": warning})
            trail.record([fact], at=clock.now())


def swap(row: Connection, *, by: str) -> bool:
    """The second key becomes the first and the first the second. Nothing is opened. False when there is no second."""
    with transaction.atomic():
        held = Connection.objects.select_for_update().get(pk=row.pk)
        if held.second_private_key is None:
            return False
        Connection.objects.filter(pk=row.pk).update(
            private_key=held.second_private_key, private_key_passphrase=held.second_private_key_passphrase,
            public_key=held.second_public_key, second_private_key=held.private_key,
            second_private_key_passphrase=held.private_key_passphrase, second_public_key=held.public_key,
        )  # fmt: skip
        fact = trail.Fact("connection.keys_swapped", "connection", row.pk, row.label, detail={"by": by})
        trail.record([fact], at=clock.now())
    return True
