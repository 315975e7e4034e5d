"""A merchant and an administration ready to be connected: what `manage.py sandbox` opens with."""

from __future__ import annotations

from connections.sandbox.app import Sandbox
from connections.sandbox.exact import ExactDivision, Limits

CLIENT_ID = "tillbridge-local"
CLIENT_SECRET = "local-secret"  # noqa: S105 - of the stand-in, worth nothing anywhere else
DIVISION = 100001
NAME = "Grachten Retail BV"
REGISTRATION_NUMBER = "34567890"


def open_shop(
    sandbox: Sandbox, *, square_redirect: str, exact_redirect: str, region: str = "nl", limits: Limits | None = None
) -> ExactDivision:
    """Register one app at Square and one at the Exact site of that region, and add the administration."""
    site = sandbox.exact.site(region)
    site.register_app(CLIENT_ID, CLIENT_SECRET, [exact_redirect], limits=limits, loopback_redirect=True)
    sandbox.square.register_app(CLIENT_ID, CLIENT_SECRET, [square_redirect])
    return site.add_division(DIVISION, NAME, registration_number=REGISTRATION_NUMBER)
