"""Ways of writing that mean the same, and some that do not."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mappings import likeness


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("De Molen B.V.", "de molen BV", True),
        ("Molen, De", "De Molen", True),
        ("Café Über", "cafe uber", True),
        ("Bäckerei Kranz GmbH & Co. KG", "Backerei Kranz", True),
        ("O'Brien Ltd.", "OBrien", True),
        ("BV", "NV", False),  # nothing but a form is still a name
        ("Hotel Zon", "Hotel Maan", False),
    ],
)
def test_names(one: str, other: str, is_same: bool) -> None:
    assert (likeness.name(one) == likeness.name(other)) is is_same


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (("NL 8562.40.123.B01", "NL"), ("856240123B01", "NL"), True),
        (("NL856240123B01", "DE"), ("856240123B01", "NL"), True),
        (("BE 123.456.789", "BE"), ("BE0123456789", "BE"), True),
        (("DE123456789", ""), ("123456789", "DE"), True),
        (("GR123", "GR"), ("EL123", "GR"), True),
        (("123456789", "DE"), ("123456789", "AT"), False),
    ],
)
def test_vat_numbers(one: tuple[str, str], other: tuple[str, str], is_same: bool) -> None:
    assert (likeness.vat_number(*one) == likeness.vat_number(*other)) is is_same


@pytest.mark.parametrize(
    ("text", "country", "digits"),
    [
        ("06-1234 5678", "NL", "31612345678"),
        ("+31 (0)6 1234 5678", "NL", "31612345678"),
        ("0031612345678", "", "31612345678"),
        ("(020) 555 01 01", "NL ", "31205550101"),
        ("02 1234567", "IT", "39021234567"),  # Italy keeps its zero
        ("415-555-0100", "US", "14155550100"),
        ("112", "NL", ""),
        ("", "NL", ""),
    ],
)
def test_phones(text: str, country: str, digits: str) -> None:
    assert likeness.phone(text, country) == digits


def test_an_address_is_its_postcode_and_house_number() -> None:
    assert likeness.address("Prinsengracht 12 hs", "1015 dv") == "1015DV 12"
    assert likeness.address("Prinsengr. 12", "1015DV") == "1015DV 12"
    assert likeness.address("Prinsengracht", "1015DV") == ""


def test_a_registration_number_lost_its_zeros_in_a_spreadsheet() -> None:
    assert likeness.registration("01234567") == likeness.registration("1234567")


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_of_names_is_the_same_from_either_side(one: str, other: str) -> None:
    assert likeness.is_alike(one, other) == likeness.is_alike(other, one)


@given(st.text(max_size=40), st.sampled_from(["NL", "BE", "DE", "", "XX"]))
@example("㎐", "NL")
def test_what_is_in_its_one_way_of_writing_stays_so(text: str, country: str) -> None:
    assert likeness.name(likeness.name(text)) == likeness.name(text)
    number = likeness.vat_number(text, country)
    assert likeness.vat_number(number, country) == number


SIMILAR = st.text(st.sampled_from("abbccdé z1"), max_size=30)


@given(SIMILAR, SIMILAR, st.integers(0, 30))
def test_the_quick_look_never_misses_names_that_are_alike(one: str, more: str, cut: int) -> None:
    other = one[:cut] + more[:2] + one[cut:]
    for first, second in ((one, other), (one, more)):
        if likeness.alike_names(first, second):
            sketches = likeness.sketch(first), likeness.sketch(second)
            assert likeness.may_be_alike(*sketches, len(first) + len(second))


def test_the_quick_look_spares_names_that_have_little_in_common() -> None:
    one, other = "hotel zon", "hotel maan"
    assert not likeness.may_be_alike(likeness.sketch(one), likeness.sketch(other), len(one) + len(other))
