"""What the verbs of the trail mean, in words for people. Upper apps add theirs; an unknown verb reads as it is."""

from __future__ import annotations

from collections.abc import Mapping

_words: dict[str, str] = {
    "audit.export_started": "began an export of the audit trail",
    "audit.exported": "exported the audit trail",
    "audit.archived": "moved audit entries to a signed file",
    "audit.verified": "verified the audit trail",
    "audit.broken": "found the audit trail altered",
    "audit.summary_sent": "mailed the nightly summary",
    "audit.summary_failed": "could not mail the nightly summary",
}
# What a fact with this verb asks for: bad news is red, good news green.
_tones: dict[str, str] = {
    "audit.verified": "good", "audit.broken": "bad", "audit.summary_failed": "bad",
}  # fmt: skip

TRIGGERS = {
    "schedule": "on schedule",
    "person": "at a person's request",
    "webhook": "after a message from the vendor",
    "replay": "on replay",
    "backfill": "in a backfill",
    "system": "by itself",
}


def add(words: Mapping[str, str], *, tones: Mapping[str, str] | None = None) -> None:
    """`tones`: verb -> good, busy, wait or bad, for the badge beside it."""
    _words.update(words)
    _tones.update(tones or {})


def say(verb: str) -> str:
    """'posting.refused' -> 'entry refused by Exact'; an unknown verb -> its own words."""
    return _words.get(verb) or verb.replace(".", " ").replace("_", " ")


def tone(verb: str) -> str:
    return _tones.get(verb, "quiet")


def choices() -> list[tuple[str, str]]:
    """All verbs that have words, for the filter of the trail."""
    return sorted(_words.items())
