"""When two ways of writing mean the same: names, numbers and addresses, by the habits of their country.

Pure: text in, text out; "" where there is nothing to compare. What cannot be read stays as it is written, so two sides
that wrote the same oddity still agree.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

# Forms of companies by what they look like without dots, wherever they are registered.
LEGAL_FORMS = frozenset(
    (
        *("bv", "nv", "vof", "cv", "bvba", "srl", "sprl", "comm", "vzw", "stichting", "vereniging", "maatschap"),
        *("gmbh", "ag", "kg", "ohg", "ug", "gbr", "ev", "mbh", "co", "ltd", "limited", "plc", "llp", "llc", "inc"),
        *("sarl", "sa", "sas", "eurl", "sasu", "sl", "slu", "spa", "holding"),
    )
)
DIALLING = {
    "NL": "31", "BE": "32", "DE": "49", "FR": "33", "GB": "44", "UK": "44", "ES": "34", "US": "1", "CA": "1",
    "IE": "353", "LU": "352", "AT": "43", "IT": "39", "AU": "61",
}  # fmt: skip
KEEPS_ZERO = frozenset(("IT",))
VAT_COUNTRIES = {"GR": "EL", "UK": "GB"}
SHORTEST_PHONE, BELGIAN_DIGITS = 6, 9
ALIKE = 0.88
LETTERS, LEVELS = 64, 3


def plain(text: str) -> str:
    """Lower case without accents: 'Café' is 'cafe'."""
    # Signs such as ㎐ are taken apart into capitals; small again, they may be in parts once more.
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def words(name: str) -> tuple[str, ...]:
    """The words of a name, sorted, without its legal form: 'De Molen B.V.' and 'Molen, de' are one name."""
    found = re.findall(r"[^\W_]+", re.sub(r"(?<=\w)[.'’](?=\w)|\.(?=\W|$)", "", plain(name)))
    meant = [word for word in found if word not in LEGAL_FORMS]
    return tuple(sorted(meant or found))


def name(text: str) -> str:
    return " ".join(words(text))


def is_alike(one: str, other: str) -> bool:
    """Names that differ by a slip of the pen; the same whichever side is asked first."""
    return alike_names(name(one), name(other))


def alike_names(one: str, other: str) -> bool:
    """`is_alike` of names in their one way of writing already."""
    first, second = sorted((one, other))
    if not first or not second:
        return False
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def sketch(name: str) -> int:
    """How often each letter stands in a name, at most three times, a bit each: what `may_be_alike` compares."""
    found = 0
    for sign in name:
        place = ord(sign) % LETTERS
        bits = (1 << place + LETTERS * level for level in range(LEVELS))
        found |= next((bit for bit in bits if not found & bit), 0)
    return found


def may_be_alike(one: int, other: int, length: int) -> bool:
    """By the sketches of two names and their length together: False only for names that are not alike.

    Each letter that one has more often than the other is one that cannot match, so this is a bound on the likeness.
    A hundred times cheaper, and what a look-up among thousands of customers does most.
    """
    return length > 0 and (length - (one ^ other).bit_count()) / length >= ALIKE


def bare(text: str) -> str:
    return "".join(sign for sign in plain(text) if sign.isalnum()).upper()


def vat_number(text: str, country: str) -> str:
    """With the letters of its country: 'NL 8562.40.123.B01' and '856240123B01' of the Netherlands are one number."""
    number = bare(text)
    if not number:
        return ""
    home = VAT_COUNTRIES.get(_country(country), _country(country))
    if home == "EL" and number.startswith("GR"):
        number = f"EL{number[2:]}"  # the country's own letters, which its VAT numbers do not have
    digits = number.removeprefix(home) if home else number
    if home == "BE" and len(digits) == BELGIAN_DIGITS and digits.isdigit():
        digits = f"0{digits}"  # written without its zero until 2007
    if number[:2].isalpha():
        return f"{home}{digits}" if number.startswith(home or "?") else number
    return f"{home}{digits}"


def registration(text: str) -> str:
    """A chamber-of-commerce number: leading zeros get lost in spreadsheets."""
    return bare(text).lstrip("0")


def email(text: str) -> str:
    return text.strip().casefold()


def phone(text: str, country: str) -> str:
    """Digits with the country's number in front: '06-1234 5678' of the Netherlands is 31612345678."""
    kept = re.sub(r"\(0\)", "", text)
    digits = "".join(sign for sign in kept if sign.isdecimal())
    if len(digits) < SHORTEST_PHONE:
        return ""
    if kept.strip().startswith("+"):
        return digits
    if digits.startswith("00"):
        return digits[2:]
    home = _country(country)
    code = DIALLING.get(home, "")
    return code + (digits if home in KEEPS_ZERO else digits.removeprefix("0")) if code else digits


def address(street: str, postcode: str) -> str:
    """Postcode and house number: what post needs. "" when either is missing."""
    house = re.search(r"\d+", street)
    area = bare(postcode)
    return f"{area} {house.group()}" if house and area else ""


def _country(code: str) -> str:
    return code.strip().upper()
