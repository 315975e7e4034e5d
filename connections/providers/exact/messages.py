"""What Exact says when it refuses, turned into a kind and what to do about it.

Exact answers in the language of the user who gave consent. English and Dutch texts were reported by integrators
(exact-online.md section 6); all German and French ones are our translation, a guess that a refusal recorded on those
sites would settle. A sentence that no row knows is shown as it came, kind "unknown".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class RefusalKind(StrEnum):
    MANDATORY = "mandatory"
    NOT_A_CUSTOMER = "not_a_customer"
    NOT_A_SUPPLIER = "not_a_supplier"
    WRONG_JOURNAL = "wrong_journal"
    INVALID_REFERENCE = "invalid_reference"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    NUMBER_IN_USE = "number_in_use"
    PERIOD_CLOSED = "period_closed"
    YEAR_UNKNOWN = "year_unknown"
    YEAR_FIXED = "year_fixed"
    ALREADY_PROCESSED = "already_processed"
    IN_USE = "in_use"
    UNBALANCED = "unbalanced"
    VAT_NOT_ALLOWED = "vat_not_allowed"
    BLOCKED = "blocked"
    RATE_MISSING = "rate_missing"
    CURRENCY = "currency"
    COST_CODE = "cost_code"
    GL_ACCOUNT = "gl_account"
    VAT_CODE = "vat_code"
    FILTER_REQUIRED = "filter_required"
    FILTER_UNSUPPORTED = "filter_unsupported"
    SELECT_REQUIRED = "select_required"
    SYNTAX = "syntax"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`field` is Exact's own name for what is wrong, in the user's language; "" when it names none."""

    kind: RefusalKind
    remedy: str
    field: str = ""

    @property
    def is_known(self) -> bool:
        return self.kind is not RefusalKind.UNKNOWN


REMEDIES: dict[RefusalKind, str] = {
    RefusalKind.MANDATORY: (
        "Exact wants a value that the entry does not carry. Complete the mapping or the master data it comes "
        "from, then replay."
    ),
    RefusalKind.NOT_A_CUSTOMER: (
        "The account is not a customer. Set its status to Customer in Exact, or map to another account, then replay."
    ),
    RefusalKind.NOT_A_SUPPLIER: (
        "The account is not a supplier. Mark it as one in Exact, or choose another, then replay."
    ),
    RefusalKind.WRONG_JOURNAL: (
        "The journal is unknown or of the wrong type for this entry. Choose another journal on the lane, then replay."
    ),
    RefusalKind.INVALID_REFERENCE: (
        "A code or account that the entry names does not exist in this division. Refresh the division's data,"
        " correct the mapping, then replay."
    ),
    RefusalKind.INVALID: (
        "Exact does not accept one of the values. Correct the mapping or the master data it comes from, then replay."
    ),
    RefusalKind.DUPLICATE: "Exact already holds this. Look the document up before anything is sent again.",
    RefusalKind.NUMBER_IN_USE: "The number is taken in Exact. Leave the numbering to Exact, then replay.",
    RefusalKind.PERIOD_CLOSED: (
        "The period is closed. Open it in Exact, or choose 'next open day' on the lane, then replay."
    ),
    RefusalKind.YEAR_UNKNOWN: "The financial year does not exist in this division. Create it in Exact, then replay.",
    RefusalKind.YEAR_FIXED: "An entry cannot move to another financial year. Reverse it and post it again.",
    RefusalKind.ALREADY_PROCESSED: "The document is processed and can no longer be changed. Post a correction instead.",
    RefusalKind.IN_USE: "Other documents in Exact use it. Remove those first, or leave it as it is.",
    RefusalKind.UNBALANCED: (
        "The amounts do not add up for Exact. Compare the entry with the journal's last balance, then replay."
    ),
    RefusalKind.VAT_NOT_ALLOWED: (
        "The journal or account takes no VAT code. Remove the code from the mapping, then replay."
    ),
    RefusalKind.BLOCKED: "The account, code or journal is blocked. Unblock it in Exact or map to another, then replay.",
    RefusalKind.RATE_MISSING: (
        "Exact has no exchange rate for the day of the entry. Add one under exchange rates in Exact, then replay."
    ),
    RefusalKind.CURRENCY: (
        "The journal does not take the currency of this entry. Allow other currencies on it in Exact, or choose a "
        "journal kept in that currency on the lane, then replay."
    ),
    RefusalKind.COST_CODE: (
        "The cost centre or cost unit is missing, unknown or ended. Correct it on the GL mapping or in Exact, then "
        "replay."
    ),
    RefusalKind.GL_ACCOUNT: (
        "The GL account is missing or of a type that this entry cannot use. Put it right in Exact "
        "or on the GL mapping, read the division's data again, then replay."
    ),
    RefusalKind.VAT_CODE: (
        "The VAT code is missing or cannot be used in this entry, such as one for purchases on a sale. Put it right in "
        "Exact or on the GL mapping, read the division's data again, then replay."
    ),
    RefusalKind.FILTER_REQUIRED: "Exact wants this list filtered. This is a fault of Tillbridge: please report it.",
    RefusalKind.FILTER_UNSUPPORTED: "Exact does not filter on this. This is a fault of Tillbridge: please report it.",
    RefusalKind.SELECT_REQUIRED: "Exact wants the properties named. This is a fault of Tillbridge: please report it.",
    RefusalKind.SYNTAX: "Exact did not understand the request. This is a fault of Tillbridge: please report it.",
    RefusalKind.UNKNOWN: "Read Exact's sentence, put right what it names, then replay.",
}

# What follows "Mandatory:", "Invalid:" and their like: up to the value in brackets, which is not kept.
FIELD = r"\s*:\s*(?P<field>[^\[\n]*?)\s*(?:\[.*)?$"

# What may stand before the colon when a named value is missing, unknown or wrong.
_BEFORE = {
    "en": r"Mandatory|Invalid|Unknown",
    "nl": r"Verplicht|Ongeldige?|Onbekend",
    "de": r"Pflichtfeld|Erforderlich|Obligatorisch|Ungültig|Unbekannt",
    "fr": r"Obligatoire|Non valide|Invalide|Incorrecte?|Inconnue?",
}

# First match wins, so the narrow rows stand above the wide ones. Reference: exact-online.md section 6.
ROWS: tuple[tuple[RefusalKind, Mapping[str, str]], ...] = (
    (RefusalKind.FILTER_REQUIRED, {"en": r"mandatory filtering applied"}),
    (
        RefusalKind.FILTER_UNSUPPORTED,
        {"en": r"Filtering on these fields is not supported|\$filter parameter is not supported"},
    ),
    (RefusalKind.SELECT_REQUIRED, {"en": r"add a \$select or a \$top"}),
    (RefusalKind.SYNTAX, {"en": r"Error in query syntax"}),
    (
        RefusalKind.NOT_A_CUSTOMER,
        {
            "en": r"Invalid\s*:\s*(?P<field>Customer)\s*\(",
            "nl": r"Ongeldig\s*:\s*(?P<field>Klant)\s*\(",
            "de": r"Ungültig\s*:\s*(?P<field>Kunde)\s*\(",
            "fr": r"(?:Non valide|Invalide|Incorrecte?)\s*:\s*(?P<field>Client)\s*\(",
        },
    ),
    (
        RefusalKind.NOT_A_SUPPLIER,
        {
            "en": r"Invalid\s*:\s*(?P<field>Supplier)\s*\(",
            "nl": r"Ongeldig\s*:\s*(?P<field>Leverancier)\s*\(",
            "de": r"Ungültig\s*:\s*(?P<field>Lieferant)\s*\(",
            "fr": r"(?:Non valide|Invalide|Incorrecte?)\s*:\s*(?P<field>Fournisseur)\s*\(",
        },
    ),
    (
        RefusalKind.WRONG_JOURNAL,
        {
            "en": r"Invalid\s*:\s*(?P<field>Journal)\b",
            "nl": r"Ongeldig\s*:\s*(?P<field>Dagboek)\b",
            "de": r"Ungültig\s*:\s*(?P<field>Journal|Tagebuch)\b",
            "fr": r"(?:Non valide|Invalide|Incorrecte?)\s*:\s*(?P<field>Journal)\b",
        },
    ),
    (
        RefusalKind.PERIOD_CLOSED,
        {
            "en": r"Period is closed",
            "nl": r"Periode is (?:af)?gesloten",
            "de": r"Periode ist (?:ab)?geschlossen",
            "fr": r"période est (?:clôturée|fermée|close)",
        },
    ),
    (
        RefusalKind.YEAR_UNKNOWN,
        {
            "en": r"Unknown\s*:\s*(?P<field>(?:Fiscal|Financial) year)",
            "nl": r"Onbekend\s*:\s*(?P<field>Boekjaar)",
            "de": r"Unbekannt\s*:\s*(?P<field>Geschäftsjahr)",
            "fr": r"Inconnu\s*:\s*(?P<field>Exercice)",
        },
    ),
    (
        RefusalKind.YEAR_FIXED,
        {
            "en": r"financial year cannot be changed",
            "nl": r"boekjaar kan niet (?:worden gewijzigd|gewijzigd worden)",
            "de": r"Geschäftsjahr kann nicht geändert werden",
            "fr": r"exercice ne peut pas être modifié",
        },
    ),
    (
        RefusalKind.VAT_NOT_ALLOWED,
        {
            "en": r"Not allowed\s*:\s*(?P<field>VAT code)",
            "nl": r"Niet toegestaan\s*:\s*(?P<field>Btw-code)",
            "de": r"Nicht (?:erlaubt|zulässig)\s*:\s*(?P<field>(?:USt|MwSt)\S*)",
            "fr": r"Non autorisé\s*:\s*(?P<field>Code TVA)",
        },
    ),
    # Guesses from here to the cost centres, in every language but where section 6 names a sentence: the words before
    # the colon are reported, these fields with them are not.
    (
        RefusalKind.RATE_MISSING,
        {
            "en": rf"(?:{_BEFORE['en']})\s*:\s*(?P<field>(?:Exchange )?rate)\b",
            "nl": rf"(?:{_BEFORE['nl']})\s*:\s*(?P<field>(?:Wissel)?koers)\b",
            "de": rf"(?:{_BEFORE['de']})\s*:\s*(?P<field>(?:Wechsel|Umrechnungs)kurs)\b",
            "fr": rf"(?:{_BEFORE['fr']})\s*:\s*(?P<field>(?:Taux de change|Cours))\b",
        },
    ),
    (
        RefusalKind.CURRENCY,
        {
            "en": rf"(?:{_BEFORE['en']})\s*:\s*(?P<field>Currency)\b",
            "nl": rf"(?:{_BEFORE['nl']})\s*:\s*(?P<field>Valuta)\b",
            "de": rf"(?:{_BEFORE['de']})\s*:\s*(?P<field>Währung)\b",
            "fr": rf"(?:{_BEFORE['fr']})\s*:\s*(?P<field>Devise)\b",
        },
    ),
    (
        RefusalKind.COST_CODE,
        {
            "en": rf"(?:{_BEFORE['en']})\s*:\s*(?P<field>Cost (?:cent(?:er|re)|unit))\b",
            "nl": rf"(?:{_BEFORE['nl']})\s*:\s*(?P<field>Kosten(?:plaats|drager))\b",
            "de": rf"(?:{_BEFORE['de']})\s*:\s*(?P<field>Kosten(?:stelle|träger))\b",
            "fr": rf"(?:{_BEFORE['fr']})\s*:\s*(?P<field>Centre de co[uû]ts|Unité d'œuvre)",
        },
    ),
    (
        RefusalKind.GL_ACCOUNT,
        {
            "en": rf"(?:{_BEFORE['en']})\s*:\s*(?P<field>G/?L account)\b",
            "nl": rf"(?:{_BEFORE['nl']})\s*:\s*(?P<field>Grootboekrekening)\b",
            "de": rf"(?:{_BEFORE['de']})\s*:\s*(?P<field>Sachkonto)\b",
            "fr": rf"(?:{_BEFORE['fr']})\s*:\s*(?P<field>Compte général)",
        },
    ),
    (
        RefusalKind.VAT_CODE,
        {
            "en": rf"(?:{_BEFORE['en']})\s*:\s*(?P<field>VAT code)\b",
            "nl": rf"(?:{_BEFORE['nl']})\s*:\s*(?P<field>Btw-code)\b",
            "de": rf"(?:{_BEFORE['de']})\s*:\s*(?P<field>(?:USt|MwSt)\.?-(?:Code|Kode|Schlüssel))",
            "fr": rf"(?:{_BEFORE['fr']})\s*:\s*(?P<field>Code (?:de )?TVA)\b",
        },
    ),
    (
        RefusalKind.NUMBER_IN_USE,
        {
            "en": r"(?P<field>(?:Invoice|Entry) number) is already used|In use\s*:\s*(?P<other>Entry number)",
            "nl": r"In gebruik\s*:\s*(?P<field>Boekstuknummer|Factuurnummer)",
            "de": r"In (?:Benutzung|Gebrauch)\s*:\s*(?P<field>\S*nummer)",
            "fr": r"Utilisé\s*:\s*(?P<field>Numéro[^\[\n]*)",
        },
    ),
    (
        RefusalKind.DUPLICATE,
        {
            "en": r"Data already exists",
            "nl": r"Gegeven bestaat reeds",
            "de": r"Daten (?:bestehen|existieren) bereits",
            "fr": r"donnée existe déjà|données existent déjà|donnée déjà existante",
        },
    ),
    (
        RefusalKind.ALREADY_PROCESSED,
        {"en": r"Already processed", "nl": r"Reeds verwerkt", "de": r"Bereits verarbeitet", "fr": r"Déjà traité"},
    ),
    (
        RefusalKind.IN_USE,
        {
            "en": r"Cannot (?:be )?deleted?\b",
            "nl": r"Kan niet verwijderen",
            "de": r"Kann nicht gelöscht werden",
            "fr": r"Impossible de supprimer",
        },
    ),
    (
        RefusalKind.UNBALANCED,
        {
            "en": r"not in balance|(?:opening|closing) balance",
            "nl": r"niet in evenwicht|(?:begin|eind)saldo",
            "de": r"nicht ausgeglichen|(?:Anfangs|End)saldo",
            "fr": r"pas équilibrée|solde (?:initial|final|d'ouverture|de clôture)",
        },
    ),
    (
        RefusalKind.INVALID_REFERENCE,
        {
            "en": r"Invalid reference" + FIELD + r"|Unrecognized Guid",
            "nl": r"Ongeldige referentie" + FIELD + r"|Niet herkende GUID",
            "de": r"Ungültiger? (?:Referenz|Verweis)" + FIELD,
            "fr": r"Référence (?:non valide|incorrecte)" + FIELD,
        },
    ),
    (
        RefusalKind.BLOCKED,  # a guess in every language: reported to exist, its words not recorded
        {
            "en": r"Blocked" + FIELD + r"|\bis blocked\b",
            "nl": r"Geblokkeerd" + FIELD + r"|\bis geblokkeerd\b",
            "de": r"Gesperrt" + FIELD + r"|\bist gesperrt\b",
            "fr": r"Bloquée?" + FIELD + r"|\best bloquée?\b",
        },
    ),
    (
        RefusalKind.MANDATORY,
        {
            "en": r"Mandatory" + FIELD,
            "nl": r"Verplicht" + FIELD,
            "de": r"(?:Pflichtfeld|Erforderlich|Obligatorisch)" + FIELD,
            "fr": r"Obligatoire" + FIELD,
        },
    ),
    (
        RefusalKind.INVALID,
        {
            "en": r"Invalid" + FIELD,
            "nl": r"Ongeldig" + FIELD,
            "de": r"Ungültig" + FIELD,
            "fr": r"(?:Non valide|Invalide|Incorrecte?)" + FIELD,
        },
    ),
)
TABLE = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, languages in ROWS for pattern in languages.values())


def explain(sentence: str) -> Explanation:
    """Kind, remedy and field of one of Exact's sentences, whatever its language."""
    for kind, pattern in TABLE:
        if found := pattern.search(sentence):
            return Explanation(kind=kind, remedy=REMEDIES[kind], field=_field(found))
    return Explanation(kind=RefusalKind.UNKNOWN, remedy=REMEDIES[RefusalKind.UNKNOWN])


def _field(found: re.Match[str]) -> str:
    names = (value for value in found.groupdict().values() if value)
    return next(names, "").strip(" .:")
