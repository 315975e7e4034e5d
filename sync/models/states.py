"""The words of a state machine as choices of a column."""

from __future__ import annotations


def choices(words: type) -> list[tuple[str, str]]:
    """Choices of a StrEnum, with the word on the screen being the word in the code."""
    return [(word.value, word.value.replace("_", " ")) for word in words]  # type: ignore[attr-defined]
