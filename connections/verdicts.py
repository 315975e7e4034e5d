"""What a connection test found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    LIVE = "live"
    NO_CONSENT = "no_consent"
    DIVISION_GONE = "division_gone"
    REVOKED = "revoked"
    WRONG_REGION = "wrong_region"
    MISSING_SCOPE = "missing_scope"
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    LOCKED = "locked"
    UNCLEAR = "unclear"
    # Snowflake's own
    NO_ACCOUNT = "no_account"
    WRONG_KEY = "wrong_key"
    MISSING_ROLE = "missing_role"
    MISSING_WAREHOUSE = "missing_warehouse"
    MISSING_PLACE = "missing_place"
    MISSING_PRIVILEGE = "missing_privilege"
    WRONG_QUOTING = "wrong_quoting"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`warnings` are for a live connection: it works, but somebody should do something."""

    kind: Kind
    sentence: str
    warnings: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        return self.kind == Kind.LIVE
