"""What a side-by-side page says of each field, as a table of cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.conflicts import comparing
from mappings.conflicts.comparing import Cell, Verdict
from mappings.suggestions import Party


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "verdict"),
    [
        ("name", {"name": "De Molen B.V."}, {"name": "Molen, de"}, Verdict.AGREES),
        ("name", {"name": "Bakkerij Janssen"}, {"name": "Bakkerij Jansen"}, Verdict.ALMOST),
        ("name", {"name": "Bakkerij Jansen"}, {"name": "Kwekerij Bos"}, Verdict.DIFFERS),
        ("VAT number", {"vat_number": "NL 8562.40.123.B01"}, {"vat_number": "856240123B01"}, Verdict.AGREES),
        ("VAT number", {"vat_number": "NL856240123B01"}, {}, Verdict.ONLY_OURS),
        ("VAT number", {}, {"vat_number": "NL856240123B01"}, Verdict.ONLY_THEIRS),
        ("VAT number", {}, {}, Verdict.NOTHING),
        ("phone", {"phone": "06-1234 5678"}, {"phone": "+31 6 12345678"}, Verdict.AGREES),
        ("phone", {"phone": "06-1234 5678"}, {"phone": "06-1234 5679"}, Verdict.DIFFERS),
        ("e-mail", {"email": "Info@Bos.example"}, {"email": "info@bos.example "}, Verdict.AGREES),
        (
            "address",
            {"street": "Oudegracht 12", "postcode": "3511 AB"},
            {"street": "O.gracht 12", "postcode": "3511ab"},
            Verdict.AGREES,
        ),
        ("chamber of commerce", {"registration": "01234567"}, {"registration": "1234567"}, Verdict.AGREES),
    ],
)  # fmt: skip
def test_a_field_is_compared_as_it_is_meant_and_not_as_it_is_written(
    field: str, ours: dict[str, str], theirs: dict[str, str], verdict: Verdict
) -> None:
    one = Party(**{"name": "", "country": "NL", **ours})
    other = Party(**{"name": "", "country": "NL", **theirs})
    assert comparing.verdicts(one, other)[field] is verdict


@given(st.text(max_size=12), st.text(max_size=12))
def test_both_sides_agree_on_whether_they_agree(one: str, other: str) -> None:
    there = comparing.verdicts(Party(name=one), Party(name=other))["name"]
    back = comparing.verdicts(Party(name=other), Party(name=one))["name"]
    mirrored = {Verdict.ONLY_OURS: Verdict.ONLY_THEIRS, Verdict.ONLY_THEIRS: Verdict.ONLY_OURS}
    assert back is mirrored.get(there, there)


def test_each_verdict_is_told_apart_by_word_and_by_sign_and_not_by_colour_alone() -> None:
    told = [(Cell("x", verdict).sign, str(verdict)) for verdict in Verdict]
    assert len(set(told)) == len(told)
    signs = {verdict: Cell("x", verdict).sign for verdict in (Verdict.AGREES, Verdict.ALMOST, Verdict.DIFFERS)}
    assert len(set(signs.values())) == 3


def test_a_field_that_no_side_has_is_no_line() -> None:
    made = comparing.lines([("Name", "Bos"), ("Contact", "")], [{"Name": Cell("Bos"), "Contact": Cell("")}])
    assert [line.label for line in made] == ["Name"]
