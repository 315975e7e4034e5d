"""How Snowflake says no: before a statement is looked at (`Denied`), and about a statement (`Failed`)."""

from __future__ import annotations


class Denied(Exception):
    """The request itself is wrong; nothing was executed. `reason` is for the sandbox's log only."""

    def __init__(self, status: int, code: str, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.reason = reason or message


class Failed(Exception):
    """The statement failed: HTTP 422 with a code and an SQL state. `reason` is for the sandbox's log only."""

    def __init__(self, code: str, state: str, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.code, self.state, self.message = code, state, message
        self.reason = reason


# Reference: 1.2. The form of the body and this sentence are a guess; the code is in a documented sample.
def malformed(reason: str) -> Denied:
    return Denied(400, "390142", "Incoming request does not contain a valid payload.", reason=reason)


def bad_token(incident: str, reason: str) -> Denied:
    """# Reference: 1.2 and 2. The reason is not told to the caller, only to an administrator who asks for it."""
    return Denied(401, "390144", f"JWT token is invalid. [{incident}]", reason=reason)


def syntax(message: str) -> Failed:
    return Failed("001003", "42000", f"SQL compilation error:\n{message}")


def missing(kind: str, name: str) -> Failed:
    return Failed("002003", "42S02", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


def unprivileged(kind: str, name: str) -> Failed:
    sentence = f"SQL access control error:\nInsufficient privileges to operate on {kind} '{name}'"
    return Failed("003001", "42501", sentence)


def invalid_identifier(name: str) -> Failed:
    return Failed("000904", "42000", f"SQL compilation error: error line 1 at position 0\ninvalid identifier '{name}'")


def null_in(column: str) -> Failed:
    said = f"DML operation to table failed on column {column} with error: NULL result in a non-nullable column"
    return Failed("100072", "22000", said)


def no_warehouse() -> Failed:
    """# Reference: 1.2, also for a warehouse the role may not use. For one that is suspended and does not resume by
    itself it is a guess (section 7, item 6).
    """
    return Failed(
        "000606",
        "57P03",
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' "
        "command.",
    )


def unsupported(what: str) -> Failed:
    """A guess for whatever the sandbox does not know; the log says so."""
    return Failed("000002", "0A000", f"Unsupported feature '{what}'.", reason=f"the sandbox does not know {what}")
