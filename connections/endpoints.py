"""Where a connection's calls go. Addresses are constants chosen by region and environment: no field holds one."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse

from connections.models import Connection
from connections.providers.exact.regions import REGIONS
from connections.providers.snowflake.accounts import Account, NoIdentifier

# Reference: square.md 1.1
SQUARE = {
    Connection.Environment.PRODUCTION: "https://connect.squareup.com",
    Connection.Environment.VENDOR_SANDBOX: "https://connect.squareupsandbox.com",
}


def base_url(connection: Connection) -> str:
    """Scheme, host and, at a local sandbox, the prefix. Raises `ImproperlyConfigured` where no call may go."""
    if connection.environment == Connection.Environment.LOCAL_SANDBOX:
        return _local(connection)
    if settings.TILLBRIDGE_CLOCK:
        raise ImproperlyConfigured(f"TILLBRIDGE_CLOCK is set: '{connection.label}' at a real vendor is not called.")
    if connection.system == Connection.System.SQUARE:
        return SQUARE[Connection.Environment(connection.environment)]
    if connection.system == Connection.System.SNOWFLAKE:
        return _account(connection).base_url
    return REGIONS[connection.region].base_url


def origin(connection: Connection) -> str:
    """Scheme and host, for the page that hands a person over to the vendor."""
    url = urlsplit(base_url(connection))
    return f"{url.scheme}://{url.netloc}"


def redirect_address(system: str) -> str:
    """What the vendor sends a person back to; must be registered there letter for letter."""
    return str(settings.PUBLIC_URL) + reverse("connections:callback", args=[system])


def site_name(connection: Connection) -> str:
    """Whom we talk to, in words: 'Exact Online Belgium', 'Square (vendor sandbox)'."""
    which = connection.account_identifier or connection.get_region_display()
    name = f"{connection.get_system_display()} {which}".strip()
    is_real = connection.environment == Connection.Environment.PRODUCTION
    return name if is_real else f"{name} ({connection.get_environment_display()})"


def _local(connection: Connection) -> str:
    if connection.system == Connection.System.SQUARE:
        return str(settings.SANDBOX_SQUARE_URL)
    if connection.system == Connection.System.SNOWFLAKE:
        identifier = _account(connection).identifier.lower()
        return str(settings.SANDBOX_SNOWFLAKE_URL).replace("{account}", identifier)
    return str(settings.SANDBOX_EXACT_URL).replace("{region}", connection.region)


def _account(connection: Connection) -> Account:
    try:
        return Account.read(connection.account_identifier)
    except NoIdentifier as wrong:
        raise ImproperlyConfigured(str(wrong)) from None
