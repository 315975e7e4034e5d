"""What a connection to Snowflake holds beside what all connections hold: where it writes, as whom, and its keys."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from connections.fields import SealedTextField

PLACES = ("account_identifier", "user_name", "role", "warehouse", "database", "schema")


class SnowflakeSettings(models.Model):
    """Names are kept exactly as Snowflake shows them, without SQL's quotes. Empty for the other systems."""

    account_identifier = models.CharField(
        max_length=200, blank=True,
        help_text="ORGANISATION-ACCOUNT with a hyphen, or a locator with its region; the account's address will do.",
    )  # fmt: skip
    user_name = models.CharField("user", max_length=255, blank=True)
    role = models.CharField(max_length=255, blank=True)
    warehouse = models.CharField(max_length=255, blank=True)
    database = models.CharField(max_length=255, blank=True)
    schema = models.CharField(max_length=255, blank=True)

    private_key = SealedTextField(blank=True, null=True)
    private_key_passphrase = SealedTextField("passphrase", blank=True, null=True)
    second_private_key = SealedTextField(blank=True, null=True)
    second_private_key_passphrase = SealedTextField("passphrase of the second key", blank=True, null=True)
    # The halves that anybody may know: their fingerprints are compared without opening a secret.
    public_key = models.TextField(blank=True, editable=False)
    second_public_key = models.TextField(blank=True, editable=False)
    warning = models.TextField(blank=True, editable=False)

    class Meta:
        abstract = True


def snowflake_constraints() -> list[models.CheckConstraint]:
    filled = Q()
    for name in (*PLACES, "public_key"):
        filled &= ~Q(**{name: ""})
    return [
        models.CheckConstraint(
            name="snowflake_has_a_place_and_a_key", condition=~Q(system="snowflake") | filled,
            violation_error_message="Snowflake needs an account, a user with a key, and where to write.",
        ),
        models.CheckConstraint(
            name="snowflake_has_no_vendor_sandbox",
            condition=~Q(system="snowflake") | ~Q(environment="vendor_sandbox"),
            violation_error_message="Snowflake has no sandbox of its own: use a trial account in production.",
        ),
    ]  # fmt: skip
