"""What upper apps hand down to the pages of lower ones: actions, where a subject of the trail lives, and the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Model
from django.utils import timezone

from audit.adminkit.formats import admin_url

if TYPE_CHECKING:
    from audit.adminkit.actions import ConfirmedAction

_actions: dict[type[Model], dict[str, ConfirmedAction]] = {}
_subjects: dict[str, type[Model]] = {}
_clock: Callable[[], datetime] = timezone.now


def add_action(model: type[Model], action: ConfirmedAction) -> None:
    """Put the action on the model's list and page. A second one of the same name takes the first one's place."""
    _actions.setdefault(model, {})[action.name] = action


def added_actions(model: type[Model]) -> tuple[ConfirmedAction, ...]:
    return tuple(_actions.get(model, {}).values())


def add_subject(subject_type: str, model: type[Model]) -> None:
    """Facts with this `subject_type` carry primary keys of `model`."""
    _subjects[subject_type] = model


def subject_types() -> tuple[str, ...]:
    return tuple(sorted(_subjects))


def subject_url(subject_type: str, subject_id: int | None) -> str:
    """The page of what a fact is about, or "" when it has none."""
    model = _subjects.get(subject_type)
    if model is None or subject_id is None:
        return ""
    return admin_url(model, subject_id)


def read_clock_from(clock: Callable[[], datetime]) -> None:
    """The pages of this lowest app tell the time by the product's one clock, which lives above it."""
    global _clock  # noqa: PLW0603 - one clock per process
    _clock = clock


def now() -> datetime:
    return _clock()
