"""An account identifier, and the host and token name that follow from it.

The host is computed and never entered: whatever a person types, calls go to a name under snowflakecomputing.com.
Reference: snowflake.md section 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DOMAIN = "snowflakecomputing.com"
LONGEST = 63
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
_IDENTIFIER = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,3}}")


class NoIdentifier(ValueError):
    """A text that names no account. The sentence is for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Account:
    """`identifier` as a person knows it: ORGANISATION-ACCOUNT, or a locator with its region, `xy12345.eu-west-1`."""

    identifier: str

    @classmethod
    def read(cls, text: str) -> Account:
        """Also from the address of the account, as people copy it. Raises `NoIdentifier`."""
        found = text.strip().removeprefix("https://").rstrip("/")
        if found.lower().endswith(f".{DOMAIN}"):
            found = found[: -len(DOMAIN) - 1]
        if not _IDENTIFIER.fullmatch(found) or any(len(label) > LONGEST for label in found.split(".")):
            raise NoIdentifier(
                "This is no account identifier. It reads ORGANISATION-ACCOUNT with a hyphen, such as MYORG-ARCHIVE, or "
                "a locator with its region, such as xy12345.eu-west-1; Snowflake shows it under 'View account details'."
            )
        return cls(found)

    @property
    def host(self) -> str:
        """Underscores become hyphens: they are no letters of a host name."""
        return f"{self.identifier.lower().replace('_', '-')}.{DOMAIN}"

    @property
    def base_url(self) -> str:
        return f"https://{self.host}"

    @property
    def token_name(self) -> str:
        """In tokens: upper case, without the region of a locator. An underscore stays, which is a guess; whoever enters
        the identifier with hyphens gets them in both places, and a refused token (390144) would settle it.
        """
        return self.identifier.partition(".")[0].upper()
