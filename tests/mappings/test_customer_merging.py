"""Whose word counts: worked cases, and what must hold whatever two people type on the two sides."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.customers import fields, merging
from mappings.customers.fields import NOTHING, Field, Value
from mappings.customers.merging import Chosen, Direction, Owner, Pair, Rules, Standing, Verdict

OLD, NEW, OTHER = ("a@x.example",), ("b@x.example",), ("c@x.example",)
AGREED = Pair(OLD, OLD)


def rules(owner: Owner = Owner.BOTH, direction: Direction = Direction.BOTH) -> Rules:
    return Rules(dict.fromkeys(Field, owner), direction, home="NL")


def to_exact(value: Value) -> Verdict:
    return Verdict(Standing.TO_EXACT, to_exact=value)


def to_square(value: Value) -> Verdict:
    return Verdict(Standing.TO_SQUARE, to_square=value)


@pytest.mark.parametrize(
    ("square", "exact", "base", "owner", "verdict"),
    [
        (OLD, OLD, AGREED, Owner.BOTH, merging.AGREED),
        (NEW, OLD, AGREED, Owner.BOTH, to_exact(NEW)),
        (OLD, NEW, AGREED, Owner.BOTH, to_square(NEW)),
        (NEW, OTHER, AGREED, Owner.BOTH, merging.CONFLICT),
        (NEW, NEW, AGREED, Owner.BOTH, merging.AGREED),  # both made the same edit
        (("A@X.example",), OLD, AGREED, Owner.BOTH, merging.AGREED),  # only written otherwise
        (NOTHING, OLD, AGREED, Owner.BOTH, to_exact(NOTHING)),  # emptied by somebody
        (NEW, OTHER, AGREED, Owner.EXACT, to_square(OTHER)),
        (NEW, OTHER, AGREED, Owner.SQUARE, to_exact(NEW)),
        (NEW, OLD, AGREED, Owner.EXACT, to_square(OLD)),
        (NEW, OTHER, AGREED, Owner.NONE, merging.LEFT),
        # The first meeting: fill what is empty, ask where both say something.
        (NEW, NOTHING, None, Owner.BOTH, to_exact(NEW)),
        (NOTHING, NEW, None, Owner.BOTH, to_square(NEW)),
        (NEW, OTHER, None, Owner.BOTH, merging.CONFLICT),
        (NEW, OTHER, None, Owner.EXACT, to_square(OTHER)),
        (NEW, NOTHING, None, Owner.EXACT, merging.LEFT),  # nothing is cleared
        (NOTHING, NEW, None, Owner.SQUARE, merging.LEFT),
        # The vendors write it their own way each: nobody changed anything.
        (NEW, OTHER, Pair(NEW, OTHER), Owner.BOTH, merging.AGREED),
        (NEW, OTHER, Pair(NEW, OTHER), Owner.EXACT, merging.AGREED),
        # A person has taken one side; then the other changes again.
        (NEW, OTHER, merging.take_square(OTHER), Owner.BOTH, to_exact(NEW)),
        (NEW, OTHER, merging.take_exact(NEW), Owner.BOTH, to_square(OTHER)),
        (NEW, OLD, merging.take_square(OTHER), Owner.BOTH, merging.CONFLICT),
    ],
)
def test_a_field_goes_to_whoever_has_not_heard_of_it(
    square: Value, exact: Value, base: Pair | None, owner: Owner, verdict: Verdict
) -> None:
    assert merging.merge(Field.EMAIL, square, exact, rules=rules(owner), base=base) == verdict


@pytest.mark.parametrize(
    ("direction", "square", "exact", "standing"),
    [
        (Direction.TO_EXACT, NEW, OLD, Standing.TO_EXACT),
        (Direction.TO_EXACT, OLD, NEW, Standing.LEFT),
        (Direction.TO_SQUARE, NEW, OLD, Standing.LEFT),
        (Direction.TO_SQUARE, OLD, NEW, Standing.TO_SQUARE),
        (Direction.TO_EXACT, NEW, OTHER, Standing.CONFLICT),
    ],
)
def test_the_switch_keeps_a_direction_shut(
    direction: Direction, square: Value, exact: Value, standing: Standing
) -> None:
    verdict = merging.merge(Field.EMAIL, square, exact, rules=rules(direction=direction), base=AGREED)
    assert verdict.standing is standing


def test_a_value_chosen_by_a_person_goes_to_both_until_somebody_changes_it_again() -> None:
    chosen = Chosen(("d@x.example",), square=NEW, exact=OTHER)

    def meeting(square: Value, exact: Value) -> Verdict:
        return merging.merge(Field.EMAIL, square, exact, rules=rules(), base=AGREED, chosen=chosen)

    assert meeting(NEW, OTHER) == Verdict(Standing.TO_BOTH, chosen.value, chosen.value)
    assert meeting(NEW, chosen.value) == to_square(chosen.value)  # Exact's answer came, Square's did not
    assert meeting(chosen.value, chosen.value) == merging.AGREED
    assert meeting(("e@x.example",), OTHER) == merging.CONFLICT


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        (Field.PHONE, ("06-1234 5678",), ("+31 6 12345678",)),
        (Field.VAT, ("NL 8562.40.123.B01",), ("856240123B01",)),
        (Field.EMAIL, ("Info@Zon.example",), ("info@zon.example",)),
        (Field.ADDRESS, ("Damrak 1", "", "1012 LG", "Amsterdam", ""), ("Damrak 1", "", "1012lg", "Amsterdam", "NL")),
    ],
)
def test_two_ways_of_writing_are_no_difference(field: Field, one: Value, other: Value) -> None:
    assert fields.same(field, one, other, home="NL")
    assert merging.merge(field, one, other, rules=rules()) == merging.AGREED


# --- whatever happens ------------------------------------------------------------------------------------------------
values = st.sampled_from([NOTHING, *((f"{letter}@x.example",) for letter in "abcde")])
owners, directions = st.sampled_from(list(Owner)), st.sampled_from(list(Direction))
edits = st.lists(st.tuples(st.sampled_from(["square", "exact", "run"]), values), max_size=20)


@dataclass
class TwoSides:
    """A field on both sides, and a lane that runs between people's edits. `sent`: how often it wrote."""

    rules: Rules
    square: Value = NOTHING
    exact: Value = NOTHING
    base: Pair | None = None
    sent: int = 0

    def run(self) -> Verdict:
        verdict = merging.merge(Field.EMAIL, self.square, self.exact, rules=self.rules, base=self.base)
        if verdict.to_exact is not None:
            self.exact, self.sent = _exacts_way(verdict.to_exact), self.sent + 1
        if verdict.to_square is not None:
            self.square, self.sent = _squares_way(verdict.to_square), self.sent + 1
        if verdict.standing not in {Standing.CONFLICT, Standing.LEFT}:
            self.base = Pair(self.square, self.exact)
        return verdict


def _exacts_way(value: Value) -> Value:
    """A vendor that keeps no more than so many signs of what it is sent."""
    return tuple(part[:-1] for part in value)


def _squares_way(value: Value) -> Value:
    return tuple(part.upper() for part in value)


@given(edits=edits, owner=owners, direction=directions)
def test_idle_runs_write_nothing_whatever_the_vendors_make_of_a_value(
    edits: list[tuple[str, Value]], owner: Owner, direction: Direction
) -> None:
    sides = TwoSides(rules(owner, direction))
    for who, value in edits:
        if who == "run":
            sides.run()
        else:
            setattr(sides, who, value)
    sides.run()
    sides.run()
    before = sides.sent
    for _ in range(3):
        sides.run()
    assert sides.sent == before


@given(square=values, exact=values, base=values)
def test_nobodys_edit_is_lost_where_nobody_owns_the_field(square: Value, exact: Value, base: Value) -> None:
    """What a side holds is overwritten only if it is what both had agreed on."""
    verdict = merging.merge(Field.EMAIL, square, exact, rules=rules(), base=Pair(base, base))
    assert verdict.to_square is None or square == base
    assert verdict.to_exact is None or exact == base
    if len({square, exact, base}) == 3:
        assert verdict.standing is Standing.CONFLICT


@given(edit=values, base=values)
def test_what_one_side_changed_is_what_both_hold_then(edit: Value, base: Value) -> None:
    from_square = merging.merge(Field.EMAIL, edit, base, rules=rules(), base=Pair(base, base))
    from_exact = merging.merge(Field.EMAIL, base, edit, rules=rules(), base=Pair(base, base))
    assert (from_square.to_exact, from_exact.to_square) == ((None, None) if edit == base else (edit, edit))


@given(square=values, exact=values, base=st.none() | values)
def test_the_sides_are_judged_alike(square: Value, exact: Value, base: Value | None) -> None:
    """Exchange the sides and the verdict is exchanged: no side is looked at first."""
    pair = None if base is None else Pair(base, base)
    one = merging.merge(Field.EMAIL, square, exact, rules=rules(), base=pair)
    other = merging.merge(Field.EMAIL, exact, square, rules=rules(), base=pair)
    assert (one.to_square, one.to_exact) == (other.to_exact, other.to_square)
    assert (one.standing is Standing.CONFLICT) == (other.standing is Standing.CONFLICT)


@given(square=values, exact=values, owner=owners)
def test_the_first_meeting_clears_nothing(square: Value, exact: Value, owner: Owner) -> None:
    verdict = merging.merge(Field.EMAIL, square, exact, rules=rules(owner))
    assert NOTHING not in {verdict.to_square, verdict.to_exact}


@given(squares=st.lists(values, min_size=3, max_size=3), order=st.permutations([Field.NAME, Field.EMAIL, Field.VAT]))
def test_each_field_is_judged_by_itself(squares: list[Value], order: list[Field]) -> None:
    """So the order in which fields are looked at decides nothing."""
    held = dict(zip((Field.NAME, Field.EMAIL, Field.VAT), squares, strict=True))
    found = {field: merging.merge(field, held[field], OLD, rules=rules(), base=AGREED) for field in order}
    again = {field: merging.merge(field, held[field], OLD, rules=rules(), base=AGREED) for field in reversed(order)}
    assert found == again
