"""Whose word counts when a customer's two sides differ: decided per field from what they last agreed on.

Nobody's edit is lost in silence: where both sides changed and neither owns the field, a person decides. The base keeps
what each side held at the last agreement, side by side, so that a vendor which writes a value its own way (a phone
number with blanks) has not changed it, and the two never play ping-pong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mappings.customers.fields import NOTHING, Field, Value, same


class Owner(StrEnum):
    """Whose word counts for a field."""

    BOTH = "both"
    SQUARE = "square"
    EXACT = "exact"
    NONE = "none"


class Direction(StrEnum):
    BOTH = "both"
    TO_EXACT = "to_exact"
    TO_SQUARE = "to_square"


class Standing(StrEnum):
    AGREED = "agreed"
    TO_EXACT = "to_exact"
    TO_SQUARE = "to_square"
    TO_BOTH = "to_both"
    CONFLICT = "conflict"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Pair:
    """What each side held when they last agreed. None: that side's value has not been agreed on."""

    square: Value | None
    exact: Value | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A value that a person wrote for both sides, in sight of what they held then."""

    value: Value
    square: Value
    exact: Value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a field. A value that is None is not sent to that side."""

    standing: Standing
    to_square: Value | None = None
    to_exact: Value | None = None


AGREED, CONFLICT, LEFT = Verdict(Standing.AGREED), Verdict(Standing.CONFLICT), Verdict(Standing.LEFT)


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of a lane. `home`: country code of the division."""

    owners: Mapping[Field, Owner]
    direction: Direction = Direction.BOTH
    home: str = ""

    def owner(self, field: Field) -> Owner:
        return self.owners.get(field, Owner.NONE)


def merge(
    field: Field, square: Value, exact: Value, *, rules: Rules, base: Pair | None = None, chosen: Chosen | None = None
) -> Verdict:
    """What is to become of one field whose sides hold these values now."""
    sides = _Sides(field, square, exact, rules.home)
    if chosen and _stands(sides, chosen):
        verdict = _to_both(sides, chosen.value)
    elif sides.alike(square, exact):
        verdict = AGREED
    else:
        verdict = _differing(sides, rules.owner(field), base)
    is_against = (verdict.to_square is not None and rules.direction is Direction.TO_EXACT) or (
        verdict.to_exact is not None and rules.direction is Direction.TO_SQUARE
    )
    return LEFT if is_against else verdict


@dataclass(frozen=True, slots=True)
class _Sides:
    """What the sides of one field hold now."""

    field: Field
    square: Value
    exact: Value
    home: str

    def alike(self, one: Value, other: Value) -> bool:
        return same(self.field, one, other, home=self.home)


def _differing(sides: _Sides, owner: Owner, base: Pair | None) -> Verdict:
    if owner is Owner.NONE:
        return LEFT
    if base is None:
        return _first(sides.square, sides.exact, owner)
    square_moved = base.square is None or not sides.alike(sides.square, base.square)
    exact_moved = base.exact is None or not sides.alike(sides.exact, base.exact)
    if not square_moved and not exact_moved:
        return AGREED
    if owner is Owner.BOTH and square_moved and exact_moved:
        return CONFLICT
    is_squares = owner is Owner.SQUARE or (owner is Owner.BOTH and square_moved)
    return _to_exact(sides.square) if is_squares else _to_square(sides.exact)


def _stands(sides: _Sides, chosen: Chosen) -> bool:
    """A choice counts until either side holds something else than was seen, or than was chosen."""
    now_and_seen = ((sides.square, chosen.square), (sides.exact, chosen.exact))
    return all(sides.alike(now, seen) or sides.alike(now, chosen.value) for now, seen in now_and_seen)


def _to_both(sides: _Sides, value: Value) -> Verdict:
    to_square = None if sides.alike(sides.square, value) else value
    to_exact = None if sides.alike(sides.exact, value) else value
    if to_square is None and to_exact is None:
        return AGREED
    if to_square is None:
        return _to_exact(value)
    return _to_square(value) if to_exact is None else Verdict(Standing.TO_BOTH, to_square, to_exact)


def _first(square: Value, exact: Value, owner: Owner) -> Verdict:
    """At the first meeting nothing is cleared: what is empty is filled, what differs is the owner's or a conflict."""
    if square == NOTHING:
        return LEFT if owner is Owner.SQUARE else _to_square(exact)
    if exact == NOTHING:
        return LEFT if owner is Owner.EXACT else _to_exact(square)
    return {Owner.SQUARE: _to_exact(square), Owner.EXACT: _to_square(exact)}.get(owner, CONFLICT)


def _to_exact(value: Value) -> Verdict:
    return Verdict(Standing.TO_EXACT, to_exact=value)


def _to_square(value: Value) -> Verdict:
    return Verdict(Standing.TO_SQUARE, to_square=value)


def take_square(exact: Value) -> Pair:
    """The base with which a conflict becomes Square's word, until Exact changes again."""
    return Pair(square=None, exact=exact)


def take_exact(square: Value) -> Pair:
    return Pair(square=square, exact=None)
