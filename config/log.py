"""Log lines leave this process without tokens, and in one line each."""

from __future__ import annotations

import logging

from audit.redaction import redacted_text


class RedactingFilter(logging.Filter):
    """Masks what looks like a credential and escapes line breaks, so that a name cannot forge a log line."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = redacted_text(record.getMessage()).replace("\r", "\\r").replace("\n", "\\n")
        record.msg, record.args = message, None
        return True
