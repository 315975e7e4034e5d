"""The part of a connection's page that is about Snowflake."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.adminkit import ConfirmedAction, Outcome
from connections import keys
from connections.models import Connection
from connections.providers.snowflake.keypair import fingerprint
from connections.providers.snowflake.statements import quoted
from connections.snowflake_models import PLACES

SNOWFLAKE = Connection.System.SNOWFLAKE
READONLY = ("first_key", "second_key", "tested", "warned")
LABELS = {
    Connection.Status.NEW: "not tested yet",
    Connection.Status.NEEDS_CONSENT: "to be tested again",
}
ENTERED = (
    ("What it is", {"fields": ("system", "environment", "label")}),
    (
        "Where the archive is",
        {
            "fields": PLACES,
            "description": "Tillbridge only ever adds rows there: it makes tables and views, inserts, and reads back.",
        },
    ),
    (
        "Key pair",
        {
            "fields": ("private_key", "private_key_passphrase"),
            "description": (
                'Make one with <code class="copy">openssl genrsa 2048 | openssl pkcs8 -topk8 -v2 aes-256-cbc -out '
                "tillbridge.p8</code>. After saving, this page shows the command that registers its public half."
            ),
        },
    ),
)
KEYS = (
    "Key pair",
    {
        "fields": (
            "first_key", "private_key", "private_key_passphrase", "second_key", "second_private_key",
            "second_private_key_passphrase", "forget_second_key",
        ),
        "description": (
            "To change keys: enter the new one as second key, register it, press 'Swap the keys' and 'Test "
            "connection', then forget the old one here and at the user."
        ),
    },
)  # fmt: skip
STATE = ("State", {"fields": ("state", "reason", "warned", "account", "tested")})


def fieldsets(row: Connection | None) -> list[Any]:
    if row is None:
        return list(ENTERED)
    what, places, _ = ENTERED
    key_fields = [name for name in KEYS[1]["fields"] if name != "forget_second_key" or row.second_public_key]
    return [what, places, (KEYS[0], {**KEYS[1], "fields": key_fields}), STATE]


def swap(request: HttpRequest, rows: QuerySet[Connection], reason: str) -> Outcome:  # noqa: ARG001
    skipped, done = [], 0
    for row in rows:
        if keys.swap(row, by=request.user.get_username()):
            done += 1
        else:
            skipped.append((row.label, "It has no second key."))
    return Outcome(
        done=done, skipped=skipped, sentence="The keys are swapped. Press 'Test connection'." if done else ""
    )


SWAP = ConfirmedAction(
    name="swap", label="Swap the keys", permission="connections.change_connection", on_list=False, run=swap,
    done="swapped", explains="The second key signs from now on; the first one is tried when it is refused.",
    reversible="Yes, by the same button.", applies=lambda row: bool(row.second_public_key),
)  # fmt: skip


class SnowflakePart:
    """Displays of `ConnectionAdmin`."""

    @admin.display(description="first key")
    def first_key(self, row: Connection) -> SafeString | str:
        return _key(row, row.public_key, "RSA_PUBLIC_KEY")

    @admin.display(description="second key")
    def second_key(self, row: Connection) -> SafeString | str:
        return _key(row, row.second_public_key, "RSA_PUBLIC_KEY_2")

    @admin.display(description="last test that passed")
    def tested(self, row: Connection) -> SafeString:
        from audit.adminkit import local_time

        return local_time(row.granted_at)

    @admin.display(description="warning")
    def warned(self, row: Connection) -> str:
        return row.warning or "–"


def _key(row: Connection, public: str, place: str) -> SafeString | str:
    if not public:
        return "–"
    command = f"ALTER USER {quoted(row.user_name)} SET {place} = '{public}';"
    return format_html(
        '<div>Fingerprint <code class="copy">{}</code></div><div class="quiet">DESC USER {} must show it as {}_FP, or '
        'as the other of the two. If it does not, an administrator runs</div><code class="copy">{}</code>',
        fingerprint(public), quoted(row.user_name), place, command,
    )  # fmt: skip
