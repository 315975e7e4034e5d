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


# A row of the table each, in English, Dutch, German and French. What is not in REPORTED is a guess in our words.
ROWS = {
    "not_a_customer": (
        "Invalid: Customer (Type)", "Ongeldig: Klant (Type)", "Ungültig: Kunde (Typ)", "Incorrect : Client (Type)",
    ),
    "not_a_supplier": (
        "Invalid: Supplier (Type)", "Ongeldig: Leverancier (Type)", "Ungültig: Lieferant (Typ)",
        "Non valide : Fournisseur (Type)",
    ),
    "wrong_journal": (
        "Invalid: Journal (type)", "Ongeldig: Dagboek (type)", "Ungültig: Journal (Typ)", "Incorrect : Journal (type)",
    ),
    "period_closed": (
        "Period is closed: 2026 - 03", "Periode is afgesloten: 2026 - 03", "Periode ist abgeschlossen: 2026 - 03",
        "La période est clôturée : 2026 - 03",
    ),
    "year_unknown": (
        "Unknown: Fiscal year (Period - date table)", "Onbekend: Boekjaar (Periode - datum tabel)",
        "Unbekannt: Geschäftsjahr (Periode - Datumstabelle)", "Inconnu : Exercice (Table période - date)",
    ),
    "year_fixed": (
        "The financial year cannot be changed.", "Het boekjaar kan niet worden gewijzigd.",
        "Das Geschäftsjahr kann nicht geändert werden.", "L'exercice ne peut pas être modifié.",
    ),
    "vat_not_allowed": (
        "Not allowed: VAT code", "Niet toegestaan: Btw-code", "Nicht zulässig: MwSt.-Code", "Non autorisé : Code TVA",
    ),
    "number_in_use": (
        "In use: Entry number", "In gebruik: Boekstuknummer", "In Gebrauch: Buchungsnummer",
        "Utilisé : Numéro d'écriture",
    ),
    "duplicate": (
        "Data already exists", "Gegeven bestaat reeds.", "Daten existieren bereits.", "La donnée existe déjà.",
    ),
    "already_processed": ("Already processed", "Reeds verwerkt", "Bereits verarbeitet", "Déjà traité"),
    "in_use": (
        "Cannot delete: Account - Used in: Documents", "Kan niet verwijderen: Relatie - Gebruikt in: Documenten",
        "Kann nicht gelöscht werden: Konto - Verwendet in: Belege", "Impossible de supprimer : Relation",
    ),
    "unbalanced": (
        "The entry is not in balance on: 2026 / 3", "De boeking is niet in evenwicht op: 2026 / 3",
        "Die Buchung ist nicht ausgeglichen: 2026 / 3", "L'écriture n'est pas équilibrée : 2026 / 3",
    ),
    "invalid_reference": (
        "Invalid reference: Payment condition", "Ongeldige referentie: Betalingsconditie",
        "Ungültiger Verweis: Zahlungsbedingung", "Référence incorrecte : Condition de paiement",
    ),
    "blocked": (
        "Blocked: G/L account [8000]", "Geblokkeerd: Grootboekrekening [8000]", "Gesperrt: Sachkonto [8000]",
        "Bloqué : Compte général [8000]",
    ),
    "rate_missing": (
        "Mandatory: Exchange rate", "Verplicht: Wisselkoers", "Obligatorisch: Wechselkurs",
        "Obligatoire : Taux de change",
    ),
    "currency": (
        "Invalid: Currency [USD]", "Ongeldig: Valuta [USD]", "Ungültig: Währung [USD]", "Incorrect : Devise [USD]",
    ),
    "cost_code": (
        "Mandatory: Cost center", "Verplicht: Kostenplaats", "Obligatorisch: Kostenstelle",
        "Obligatoire : Centre de coûts",
    ),
    "gl_account": (
        "Invalid: G/L account", "Ongeldig: Grootboekrekening", "Ungültig: Sachkonto", "Incorrect : Compte général",
    ),
    "vat_code": (
        "Invalid: VAT code [21]", "Ongeldig: Btw-code [21]", "Ungültig: MwSt.-Code [21]", "Incorrect : Code TVA [21]",
    ),
    "mandatory": ("Mandatory: Name", "Verplicht: Naam", "Obligatorisch: Name", "Obligatoire : Nom"),
    "invalid": ("Invalid: Amount", "Ongeldig: Bedrag", "Ungültig: Betrag", "Incorrect : Montant"),
}  # fmt: skip
SPOKEN = [
    (kind, language, sentence)
    for kind, sentences in ROWS.items()
    for language, sentence in zip(("en", "nl", "de", "fr"), sentences, strict=True)
]


@pytest.mark.parametrize(("kind", "language", "sentence"), SPOKEN, ids=[f"{row[0]}-{row[1]}" for row in SPOKEN])
def test_each_row_is_understood_in_each_language(kind: str, language: str, sentence: str) -> None:
    assert explain(sentence).kind == kind


def test_each_row_of_the_table_stands_here() -> None:
    only_english = {"filter_required", "filter_unsupported", "select_required", "syntax", "unknown"}
    assert {kind.value for kind in RefusalKind} == {*ROWS, *only_english}


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
