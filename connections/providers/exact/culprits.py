"""Which part of an entry one of Exact's refusals names, so that only the records behind it have to wait.

Exact names a field in the user's language and, in square brackets, its value: "Blocked: G/L account [8000]". The
labels are those of exact-online.md section 6; German and French ones are our translation, as in `messages`. That a
sentence may name the line by its number is a guess, which a recorded answer would settle: such a record is tried on its
own, never condemned by the number alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from connections.providers.exact import messages
from connections.providers.exact.messages import RefusalKind


class Part(StrEnum):
    """What a refusal can name, each the key of records: those with a line on that account, with that code, ..."""

    GL_ACCOUNT = "gl_account"
    VAT_CODE = "vat_code"
    CUSTOMER = "customer"
    COST_CENTER = "cost_center"
    COST_UNIT = "cost_unit"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Culprit:
    """`value` is the code as Exact shows it, trimmed; of a line its number, counted from 1."""

    part: Part
    value: str


# About the entry as a whole: no half of it would fare better.
OF_THE_WHOLE = frozenset(
    {
        # Part of what is said to stand there already must not be booked beside it.
        RefusalKind.DUPLICATE,
        RefusalKind.PERIOD_CLOSED, RefusalKind.YEAR_UNKNOWN, RefusalKind.YEAR_FIXED, RefusalKind.WRONG_JOURNAL,
        RefusalKind.NUMBER_IN_USE, RefusalKind.ALREADY_PROCESSED, RefusalKind.UNBALANCED, RefusalKind.IN_USE,
        RefusalKind.FILTER_REQUIRED, RefusalKind.FILTER_UNSUPPORTED, RefusalKind.SELECT_REQUIRED, RefusalKind.SYNTAX,
    }
)  # fmt: skip
# What the division's reference data would have shown, had it been read since.
OUTDATED = frozenset(
    {RefusalKind.PERIOD_CLOSED, RefusalKind.BLOCKED, RefusalKind.INVALID_REFERENCE, RefusalKind.NOT_A_CUSTOMER}
)
# First match wins: "Konto" is inside "Sachkonto", "Relation" may be a customer or any account.
LABELS: tuple[tuple[Part, str], ...] = (
    (Part.GL_ACCOUNT, r"G/L account|GL account|Grootboekrekening|Sachkonto|Compte général"),
    (Part.VAT_CODE, r"VAT code|Btw-code|(?:MwSt|USt)\.?-?Code|Code TVA"),
    (Part.COST_CENTER, r"Cost cent(?:er|re)|Kostenplaats|Kostenstelle|Centre de coûts"),
    (Part.COST_UNIT, r"Cost unit|Kostendrager|Kostenträger|Unité d'œuvre"),
    (Part.CUSTOMER, r"Customer|Account|Klant|Relatie|Debiteur|Kunde|Konto|Debitor|Client|Relation"),
)
TABLE = tuple((part, re.compile(words, re.IGNORECASE)) for part, words in LABELS)
VALUE = re.compile(r"\[\s*([^\[\]]+?)\s*\]")
LINE = re.compile(r"\b(?:line|regel|Zeile|ligne)\s*(?:no\.?|nr\.?|n°)?\s*:?\s*(\d{1,4})\b", re.IGNORECASE)


def named(sentence: str) -> Culprit | None:
    """What the sentence names with its value; None where it names nothing that tells records apart."""
    if found := LINE.search(sentence):
        return Culprit(Part.LINE, found[1])
    value = VALUE.search(sentence)
    if value is None:
        return None
    told = messages.explain(sentence).field or sentence[: value.start()]
    part = next((part for part, pattern in TABLE if pattern.search(told)), None)
    return Culprit(part, value[1]) if part else None
