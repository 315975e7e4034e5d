"""What can be set differently: where the reference leaves a question open, and how slow or small things are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Switches:
    # Reference: 1.1. Older pages say OAuth is assumed without the header, newer ones that the token is looked at.
    token_type_required: bool = False
    # Seconds of the sandbox clock that each statement takes. Beyond 45 the answer is 202.
    statement_seconds: float = 0
    # Rows in a partition. Snowflake's are sized by bytes.
    partition_rows: int = 10_000
    # Reference: 1.6, a larger request is cut in the history and `retry=true` cannot find it. The safe reading.
    history_bytes: int = 1_048_576
    # Reference: 1.9, how long `retry=true` still finds a request is not known; seconds of the sandbox clock.
    history_seconds: float = 86_400
    # Reference: section 3, the account parameter under which "abc" means ABC.
    quoted_identifiers_ignore_case: bool = False

    def set(self, name: str, value: object) -> None:
        """Raises `LookupError` or `TypeError`."""
        if name not in self.__dataclass_fields__:
            raise LookupError(f"Unknown switch {name!r}; known are {', '.join(sorted(self.__dataclass_fields__))}.")
        kind = type(getattr(self, name))
        if isinstance(value, bool) != (kind is bool) or not isinstance(value, bool | int | float):
            raise TypeError(f"{name} takes {'true or false' if kind is bool else 'a number'}.")
        setattr(self, name, value)
