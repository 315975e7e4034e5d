"""Names exactly as Snowflake keeps them, in a database (DuckDB) that takes upper and lower case for the same.

Unquoted names are upper case, quoted ones stay as they are (section 3). Inside the engine a name is in capitals, with
`~` before and after each stretch of small letters, so that "id", ID and "Id" are three columns.
"""

from __future__ import annotations

import re
from itertools import groupby

SWITCH = "~"
LONGEST = 255
_PART = r'(?:"(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_$]*)'
PATH = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")
PARTS = re.compile(_PART)


def inner(name: str) -> str:
    """The name inside the engine. Raises `ValueError` for what no real name holds."""
    if SWITCH in name or len(name) > LONGEST:
        raise ValueError(f"{name[:40]!r} cannot be a name here")
    parts = [
        f"{SWITCH}{''.join(run).upper()}{SWITCH}" if small else "".join(run)
        for small, run in groupby(name, str.islower)
    ]
    return "".join(parts)


def outer(name: str) -> str:
    """The name as Snowflake shows it."""
    return "".join(part.lower() if place % 2 else part for place, part in enumerate(name.split(SWITCH)))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def shown(name: str) -> str:
    """As SHOW GRANTS and error messages print it: quoted only where it must be."""
    return name if re.fullmatch(r"[A-Z_][A-Z0-9_$]*", name) else quoted(name)


def exact(text: str, *, ignore_case: bool = False) -> str:
    """One written name as Snowflake resolves it."""
    if not text.startswith('"'):
        return text.upper()
    name = text[1:-1].replace('""', '"')
    return name.upper() if ignore_case else name


def path(text: str, *, ignore_case: bool = False) -> tuple[str, ...]:
    """A dotted path of written names."""
    return tuple(exact(part, ignore_case=ignore_case) for part in PARTS.findall(text))
