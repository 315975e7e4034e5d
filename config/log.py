"""Log lines leave this process without tokens, and in one line each."""

from __future__ import annotations

import logging
import re
from types import TracebackType

from audit.redaction import redacted_text

# What moves a terminal's cursor or begins a line, in any of the ways that programs know.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class RedactingFilter(logging.Filter):
    """Masks what looks like a credential and escapes line breaks, so that a name cannot forge a log line."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _in_one_line(redacted_text(record.getMessage())), None
        return True


class RedactingFormatter(logging.Formatter):
    """A traceback ends in the error's own words, which may quote what was sent: the same care for each of its lines."""

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - logging's name
        # Each line is indented, so that none of them passes for a log line of its own.
        return "\n".join(f"  {_in_one_line(line)}" for line in redacted_text(super().formatException(ei)).splitlines())


def _in_one_line(text: str) -> str:
    return CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
