"""Refused statements in people's words: what kind of thing is missing, and what to do. Reference: snowflake.md 1.2."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    ROLE = "role"
    WAREHOUSE = "warehouse"
    PRIVILEGE = "privilege"
    OBJECT = "object"
    SHAPE = "shape"
    SIZE = "size"
    VALUE = "value"
    STATEMENT = "statement"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


_CODES = {
    "390189": Kind.ROLE,
    "390201": Kind.OBJECT,
    "000606": Kind.WAREHOUSE,
    "003001": Kind.PRIVILEGE,
    "002003": Kind.OBJECT,
    "002043": Kind.OBJECT,
    "090105": Kind.OBJECT,
    "000904": Kind.SHAPE,
    "002020": Kind.SHAPE,
    "002023": Kind.SHAPE,
    "100072": Kind.SHAPE,
    "001795": Kind.SIZE,
    "100082": Kind.SIZE,
    "100078": Kind.SIZE,
    "100069": Kind.VALUE,
    "100035": Kind.VALUE,
    "100037": Kind.VALUE,
    "100038": Kind.VALUE,
    "001003": Kind.STATEMENT,
    "000604": Kind.CANCELLED,
    "000630": Kind.CANCELLED,
}
# What a suspended warehouse answers is not documented; its SQL state is.
_STATES = {"57P03": Kind.WAREHOUSE, "42501": Kind.PRIVILEGE, "42S02": Kind.OBJECT, "57014": Kind.CANCELLED}
_REMEDIES = {
    Kind.ROLE: "Grant the role to the user, or name another one on the connection.",
    Kind.WAREHOUSE: (
        "The warehouse does not exist, the role may not use it, or it is suspended and does not resume by itself. "
        "'Test connection' says which."
    ),
    Kind.PRIVILEGE: "Grant the missing privilege to the role of the connection; 'Test connection' shows the command.",
    Kind.OBJECT: "It was removed or renamed, or the role may not see it. Names count letter for letter.",
    Kind.SHAPE: (
        "The table has another shape than the archive writes. Rename it, so that a new one is made beside it; nothing "
        "of it is changed."
    ),
    Kind.SIZE: "The statement or a value in it is larger than Snowflake takes.",
    Kind.VALUE: "A value in it cannot be stored as it is.",
    Kind.CANCELLED: "Somebody ended it in Snowflake, or its time limit did; it may be sent again.",
}


def kind(code: str, state: str = "", message: str = "") -> Kind:
    """Duplicate keys and sizes share a code with unreadable JSON; the message tells them apart."""
    if code == "100069" and "too large" in message.lower():
        return Kind.SIZE
    return _CODES.get(code) or _STATES.get(state) or Kind.UNKNOWN


def remedy(code: str, state: str = "", message: str = "") -> str:
    """A sentence, or nothing for what is not known."""
    return _REMEDIES.get(kind(code, state, message), "")
