"""What each side takes: the properties a value becomes there, or why it cannot be sent, naming the field.

# Reference: square.md 3.5 for Square's lengths and formats. Exact's reference lists no lengths: those here are guesses
# from its screens; an answer of Exact that refuses or cuts a value would settle them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mappings import likeness
from mappings.customers.fields import ADDRESS_PARTS, NOTHING, WORDS, Field, Value

EXACT_LENGTHS = {
    Field.NAME: 50, Field.EMAIL: 100, Field.PHONE: 30, "line1": 60, "line2": 60, "postcode": 20, "city": 30,
    Field.CONTACT: 40,
}  # fmt: skip
SQUARE_LENGTHS = {Field.NAME: 500, Field.EMAIL: 254, Field.VAT: 20, "person": 300, "line": 500}
FEWEST_DIGITS, MOST_DIGITS = 9, 16
EMAIL = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+\.[^\s@.,;<>]{2,}")
PHONE = re.compile(r"\+?[0-9 ().\-/]+")
# Reference: European Commission, structure of VAT identification numbers; GB and XI by HMRC. Forms only, no check
# digits: those differ per country and change.
VAT_FORMS: Mapping[str, str] = {
    "AT": r"U[0-9]{8}", "BE": r"[01][0-9]{9}", "BG": r"[0-9]{9,10}", "CY": r"[0-9]{8}[A-Z]", "CZ": r"[0-9]{8,10}",
    "DE": r"[0-9]{9}", "DK": r"[0-9]{8}", "EE": r"[0-9]{9}", "EL": r"[0-9]{9}", "ES": r"[A-Z0-9][0-9]{7}[A-Z0-9]",
    "FI": r"[0-9]{8}", "FR": r"[A-HJ-NP-Z0-9]{2}[0-9]{9}", "HR": r"[0-9]{11}", "HU": r"[0-9]{8}",
    "IE": r"[0-9][A-Z0-9+*][0-9]{5}[A-Z]{1,2}", "IT": r"[0-9]{11}", "LT": r"([0-9]{9}|[0-9]{12})", "LU": r"[0-9]{8}",
    "LV": r"[0-9]{11}", "MT": r"[0-9]{8}", "NL": r"[0-9]{9}B[0-9]{2}", "PL": r"[0-9]{10}", "PT": r"[0-9]{9}",
    "RO": r"[0-9]{2,10}", "SE": r"[0-9]{12}", "SI": r"[0-9]{8}", "SK": r"[0-9]{10}",
    "GB": r"([0-9]{9}|[0-9]{12}|GD[0-9]{3}|HA[0-9]{3})", "XI": r"([0-9]{9}|[0-9]{12}|GD[0-9]{3}|HA[0-9]{3})",
}  # fmt: skip
# Reference: ISO 3166-1. Square also has ZZ for "unknown", which no country of Exact's is.
ISO_3166 = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
    "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
    "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(ISO_3166.split())
COUNTRY = ADDRESS_PARTS.index("country")
EXACT_ADDRESS = dict(zip(ADDRESS_PARTS, ("AddressLine1", "AddressLine2", "Postcode", "City", "Country"), strict=True))
SQUARE_ADDRESS = dict(
    zip(ADDRESS_PARTS, ("address_line_1", "address_line_2", "postal_code", "locality", "country"), strict=True)
)
NO_PARTS = ("",) * len(ADDRESS_PARTS)


class Unfit(Exception):
    """The value cannot be sent to that side; the message is a sentence that names the field, not the value."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the receiving side holds of the field, so that only what differs is sent. `is_company`: Square knows the
    customer by a company's name.
    """

    value: Value = NOTHING
    is_company: bool = True


def for_exact(field: Field, value: Value, held: Held, *, home: str) -> dict[str, Any]:
    """The properties of crm/Accounts that make it so; null clears. Raises `Unfit`."""
    match field:
        case Field.NAME:
            return {"Name": _named(value, EXACT_LENGTHS[field], "Exact")}
        case Field.EMAIL:
            return {"Email": _email(value, EXACT_LENGTHS[field], "Exact")}
        case Field.PHONE:
            return {"Phone": _short(value[0] if value else "", EXACT_LENGTHS[field], WORDS[field], "Exact") or None}
        case Field.VAT:
            return {"VATNumber": _vat(value, home)}
        case Field.ADDRESS:
            return _address(value, held.value, EXACT_ADDRESS, "Exact")
    raise Unfit(f"The {WORDS[field]} is no part of an account in Exact.")


def for_square(field: Field, value: Value, held: Held, *, home: str) -> dict[str, Any]:
    """The members of a Square customer that make it so, sparse; null clears. Raises `Unfit`."""
    match field:
        case Field.NAME:
            return _square_name(value, is_company=held.is_company)
        case Field.EMAIL:
            return {"email_address": _email(value, SQUARE_LENGTHS[field], "Square")}
        case Field.PHONE:
            return {"phone_number": _square_phone(value)}
        case Field.VAT:
            return {"tax_ids": {"eu_vat": _vat(value, home)}}
        case Field.ADDRESS:
            parts = _address(value, held.value, SQUARE_ADDRESS, "Square")
            return {"address": parts if value else None}
    raise Unfit(f"The {WORDS[field]} is written in Square by hand only.")


def contact(value: Value) -> dict[str, Any]:
    """The properties of crm/Contacts. Exact wants both names. Raises `Unfit`."""
    if not all(value) or not value:
        raise Unfit("The contact has only one name in Square; Exact wants a first and a last name. Complete it there.")
    given, family = (_short(part, EXACT_LENGTHS[Field.CONTACT], "contact's name", "Exact") for part in value)
    return {"FirstName": given, "LastName": family}


def _named(value: Value, longest: int, side: str) -> str:
    if not value:
        raise Unfit(
            f"The name is empty, and {side} keeps no customer without one. Give it a name where it was emptied."
        )
    return _short(value[0], longest, "name", side)


def _square_name(value: Value, *, is_company: bool) -> dict[str, Any]:
    """A person's name is cut at its first blank: Jan | de Vries."""
    if is_company:
        return {"company_name": _named(value, SQUARE_LENGTHS[Field.NAME], "Square")}
    given, _, family = _named(value, SQUARE_LENGTHS["person"], "Square").partition(" ")
    return {"given_name": given, "family_name": family or None}


def _short(text: str, longest: int, word: str, side: str) -> str:
    if len(text) > longest:
        sentence = f"The {word} has {len(text)} characters; {side} takes {longest}. Shorten it where it was written."
        raise Unfit(sentence)
    return text


def _email(value: Value, longest: int, side: str) -> str | None:
    if not value:
        return None
    if not EMAIL.fullmatch(value[0]):
        raise Unfit(f"The e-mail is no address that {side} takes. Correct it where it was written.")
    return _short(value[0], longest, "e-mail", side)


def _square_phone(value: Value) -> str | None:
    if not value:
        return None
    digits = sum(sign.isdecimal() for sign in value[0])
    if not PHONE.fullmatch(value[0]) or not FEWEST_DIGITS <= digits <= MOST_DIGITS:
        sentence = (
            f"The phone number is none that Square takes: {FEWEST_DIGITS} to {MOST_DIGITS} digits, with an optional +. "
            "Correct it in Exact."
        )
        raise Unfit(sentence)
    return value[0]


def _vat(value: Value, home: str) -> str | None:
    """With the letters of its country and nothing but letters and digits, as both sides take it."""
    if not value:
        return None
    number = likeness.vat_number(value[0], home)
    if number.startswith("GR"):
        number = f"EL{number[2:]}"
    form = VAT_FORMS.get(number[:2])
    if form is None or not re.fullmatch(form, number[2:]):
        sentence = (
            "The VAT number is not one: no country of the EU or the United Kingdom writes its numbers so. Correct it "
            "where it was written; until then it is not sent."
        )
        raise Unfit(sentence)
    return number


def _address(value: Value, held: Value, names: Mapping[str, str], side: str) -> dict[str, Any]:
    """Only the parts that differ."""
    wanted, has = value or NO_PARTS, held or NO_PARTS
    if wanted[COUNTRY] and wanted[COUNTRY] not in COUNTRIES:
        raise Unfit(f"The address names the country {wanted[COUNTRY][:3]}, which {side} does not know. Correct it.")
    if side == "Exact":
        for part, word in zip(ADDRESS_PARTS[:4], ("first line", "second line", "postcode", "city"), strict=True):
            _short(wanted[ADDRESS_PARTS.index(part)], EXACT_LENGTHS[part], f"address's {word}", side)
    changed = [place for place, part in enumerate(wanted) if part != has[place]]
    # An address without a country keeps the one it has: emptied, it would say that it is nowhere.
    return {
        names[ADDRESS_PARTS[place]]: wanted[place] or None for place in changed if place != COUNTRY or wanted[COUNTRY]
    }
