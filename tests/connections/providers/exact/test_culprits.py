"""What a refusal names, in the four languages."""

from __future__ import annotations

import pytest

from connections.providers.exact import culprits
from connections.providers.exact.culprits import Culprit, Part
from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.messages import LANGUAGES, sentence

NAMED = (
    ("blocked", "GLAccount", "8000", Part.GL_ACCOUNT),
    ("reference", "GLAccount", "8000", Part.GL_ACCOUNT),
    ("blocked", "VATCode", "2", Part.VAT_CODE),
    ("invalid", "VATCode", "2", Part.VAT_CODE),
    ("not_allowed", "VATCode", "2", Part.VAT_CODE),
    ("blocked", "Account", "0000007", Part.CUSTOMER),
    ("blocked", "Customer", "0000007", Part.CUSTOMER),
    ("mandatory", "CostCenter", "X", Part.COST_CENTER),
    ("reference", "CostUnit", "X", Part.COST_UNIT),
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "field", "value", "part"), NAMED)
def test_a_field_with_its_value_names_a_part(kind: str, field: str, value: str, part: Part, language: str) -> None:
    assert culprits.named(sentence(Rule(kind, field, value), language)) == Culprit(part, value)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "field"), [("mandatory", "CostCenter"), ("reference", "VATCode"), ("duplicate", "")])
def test_a_sentence_without_a_value_names_nothing(kind: str, field: str, language: str) -> None:
    assert culprits.named(sentence(Rule(kind, field), language)) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Line 12: Mandatory: Cost center", "12"),
        ("Regel 3 - Ongeldig: Bedrag", "3"),
        ("Zeile Nr. 7: Ungültig: Betrag", "7"),
        ("Ligne n° 4 : Incorrect : Montant", "4"),
    ],
)
def test_the_number_of_a_line_is_read(told: str, expected: str) -> None:
    assert culprits.named(told) == Culprit(Part.LINE, expected)


@pytest.mark.parametrize(
    "told", ["Invalid: VAT percentage []", "Invalid: Email [x@y]", "Online 3 users", "Exact gave no reason.", ""]
)
def test_what_names_no_part_of_an_entry_names_nothing(told: str) -> None:
    assert culprits.named(told) is None
