from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.exact.messages import REMEDIES, RefusalKind, explain

REPORTED = [
    ("Mandatory: Journal", "mandatory", "Journal"),
    ("Verplicht: Serie", "mandatory", "Serie"),
    ("Verplicht: Dagboek", "mandatory", "Dagboek"),
    ("Invalid: VAT percentage []", "invalid", "VAT percentage"),
    ("Invalid: Email [someone@example.org]", "invalid", "Email"),
    ("Invalid: Journal (type)", "wrong_journal", "Journal"),
    ("Invalid: Customer (Type)", "not_a_customer", "Customer"),
    ("Ongeldig: Klant (Type)", "not_a_customer", "Klant"),
    ("Ongeldig: Leverancier (Type)", "not_a_supplier", "Leverancier"),
    ("Ongeldige referentie: Btw-code", "invalid_reference", "Btw-code"),
    ("Ongeldige referentie: Betalingsconditie", "invalid_reference", "Betalingsconditie"),
    ("Niet herkende GUID-indeling", "invalid_reference", ""),
    ("Data already exists", "duplicate", ""),
    ("Gegeven bestaat reeds.", "duplicate", ""),
    ("In gebruik: Boekstuknummer", "number_in_use", "Boekstuknummer"),
    ("Invoice number is already used by another entry", "number_in_use", "Invoice number"),
    ("Period is closed", "period_closed", ""),
    ("Periode is afgesloten: 2026 – 3", "period_closed", ""),
    ("Unknown: Fiscal year (Period - date table)", "year_unknown", "Fiscal year"),
    ("The financial year cannot be changed.", "year_fixed", ""),
    ("Already processed", "already_processed", ""),
    ("Reeds verwerkt", "already_processed", ""),
    ("Kan niet verwijderen: Relatie - Gebruikt in: Documenten", "in_use", ""),
    ("De boeking is niet in evenwicht op: 2026 / 3 - Verschil: EUR -0,01", "unbalanced", ""),
    ("Not allowed: VAT code", "vat_not_allowed", "VAT code"),
    ("Niet toegestaan: Btw-code", "vat_not_allowed", "Btw-code"),
    ("Filtering on these fields is not supported: X", "filter_unsupported", ""),
    ("This $filter parameter is not supported for this resource", "filter_unsupported", ""),
    ("This endpoint has mandatory filtering applied. A GET request for this", "filter_required", ""),
    ("Please add a $select or a $top=1 statement to the query string.", "select_required", ""),
    ("Bad Request - Error in query syntax.", "syntax", ""),
]
# Our own translations, see the module: they hold the rows together, they prove nothing about Exact.
GUESSED = [
    ("Pflichtfeld: Journal", "mandatory", "Journal"),
    ("Obligatoire : Journal", "mandatory", "Journal"),
    ("Ungültig: Kunde (Typ)", "not_a_customer", "Kunde"),
    ("Non valide : Client (Type)", "not_a_customer", "Client"),
    ("Periode ist abgeschlossen", "period_closed", ""),
    ("La période est clôturée", "period_closed", ""),
    ("Daten existieren bereits", "duplicate", ""),
    ("La donnée existe déjà", "duplicate", ""),
    ("Blocked: GL account", "blocked", "GL account"),
    ("Geblokkeerd: Grootboekrekening", "blocked", "Grootboekrekening"),
    ("Das Konto ist gesperrt", "blocked", ""),
    ("Le compte est bloqué", "blocked", ""),
]


@pytest.mark.parametrize(("sentence", "kind", "field"), REPORTED + GUESSED)
def test_a_known_sentence_has_a_kind_a_field_and_a_remedy(sentence: str, kind: str, field: str) -> None:
    found = explain(sentence)
    assert (found.kind, found.field) == (kind, field)
    assert found.is_known
    assert found.remedy.endswith(".")


@pytest.mark.parametrize("sentence", ["", "Computer says no", "An error occurred in the accounting engine"])
def test_an_unknown_sentence_is_counted_as_new(sentence: str) -> None:
    found = explain(sentence)
    assert found.kind is RefusalKind.UNKNOWN
    assert not found.is_known


@given(st.text())
def test_any_sentence_is_explained(sentence: str) -> None:
    assert explain(sentence).remedy


def test_a_value_in_brackets_is_not_kept() -> None:
    assert "example" not in explain("Invalid: Email [someone@example.org]").field


def test_every_kind_has_a_remedy() -> None:
    assert set(REMEDIES) == set(RefusalKind)
