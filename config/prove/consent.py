"""What a bookkeeper does when a token refresh died with its worker: gives consent again. The pages are skipped."""

from __future__ import annotations

from datetime import timedelta

from config.demo import shop as shops
from connections import clock, credentials
from connections.grants import Grant
from connections.models import Connection
from connections.sandbox.app import Sandbox


def give_again(sandbox: Sandbox) -> list[Connection]:
    """Consent for each connection that asks for it: a refresh token is single use, and its successor was lost."""
    asking = list(Connection.objects.filter(status=Connection.Status.NEEDS_CONSENT))
    for row in asking:
        grant = _square(sandbox) if row.system == Connection.System.SQUARE else _exact(sandbox)
        credentials.adopt(row, grant, scopes=row.scopes)
    return asking


def _square(sandbox: Sandbox) -> Grant:
    given, now = sandbox.square.issue_tokens(shops.SQUARE_APP), clock.now()
    return Grant(
        access=given.access_token, refresh=given.refresh_token, granted_at=now, access_expires_at=given.expires_at,
        renew_from=now + timedelta(days=7), dies_at=None, account_id=given.merchant_id,
    )  # fmt: skip


def _exact(sandbox: Sandbox) -> Grant:
    given, now = sandbox.exact.site(shops.REGION).issue_tokens(shops.EXACT_APP), clock.now()
    return Grant(
        access=given.access_token, refresh=given.refresh_token, granted_at=now, dies_at=now + timedelta(days=30),
        access_expires_at=now + timedelta(seconds=600), renew_from=now + timedelta(seconds=570),
    )  # fmt: skip
