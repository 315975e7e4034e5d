"""Keeps credentials out of everything that is written down: audit details, log lines, sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"
SECRET_NAMES = re.compile(r"(token|secret|password|passphrase|authorization|private_key|api_key|cookie|^code$)", re.I)
# What a credential looks like in running text: bearer values, Square and Exact tokens, form and JSON pairs, Fernet.
SECRET_TEXT = re.compile(
    r"(?i)(bearer\s+)[\w.~+/=!-]{8,}"
    r"|\b(?:EAAA|EQAA)[\w-]{8,}"
    r"|\bgAAAA[\w=-]{20,}"
    r"|((?:access_token|refresh_token|client_secret|password|code)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]{4,}"
)


def redacted_text(text: str) -> str:
    """The text with every credential-looking part replaced."""
    return SECRET_TEXT.sub(lambda found: (found.group(1) or found.group(2) or "") + MASK, text)


def redacted(value: Any) -> Any:
    """The same structure; values under secret names and credential-looking texts replaced."""
    if isinstance(value, Mapping):
        return {
            str(name): MASK if SECRET_NAMES.search(str(name)) and item else redacted(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return redacted_text(value) if isinstance(value, str) else value
