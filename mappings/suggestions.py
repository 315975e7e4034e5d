"""Who is probably who and which account is probably which, with the evidence: pure, so that it can be measured.

A score is per mille. Agreements add up like independent witnesses: what one leaves open, the next narrows. What differs
takes a share away. So more agreement never scores lower, and the order in which candidates come decides nothing.
The weights are a judgement, not learned: `make bench` prints what they are worth on a year that they have not seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from mappings import likeness
from mappings.roles import Role

CERTAIN = 1000
# What may be accepted in bulk, and by how much the best must lead the next.
THRESHOLD, LEAD = 900, 150
# Below this a candidate is shown, and makes no conflict.
POSSIBLE = 400


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who speaks for a customer of Exact."""

    name: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Party:
    """A customer on either side. `id`, `code` and `contacts` are Exact's; of a Square customer they are empty."""

    name: str
    vat_number: str = ""
    registration: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    postcode: str = ""
    country: str = ""
    id: str = ""
    code: str = ""
    contacts: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A candidate: score per mille, and what agrees and differs in the words finance uses."""

    party: Party
    score: int
    agrees: tuple[str, ...]
    differs: tuple[str, ...]


NAME, SIMILAR_NAME, EMAIL, PHONE = "name", "name (almost)", "e-mail", "phone"
OF_CONTACT = {EMAIL: "e-mail of contact", PHONE: "phone of contact"}
# What an agreement proves, and what a difference takes away, per mille. Square keeps a chamber-of-commerce number in a
# free field if at all, so there a difference says nothing. A contact may speak for several customers, or buy something
# in private, so that proves less.
AGREES = {
    "VAT number": 950, "chamber of commerce": 930, EMAIL: 900, PHONE: 650, NAME: 600, SIMILAR_NAME: 450,
    "address": 500, OF_CONTACT[EMAIL]: 800, OF_CONTACT[PHONE]: 550,
}  # fmt: skip
DIFFERS = {"VAT number": 800, EMAIL: 60, PHONE: 60, NAME: 300, "address": 120}


def facts(party: Party) -> dict[str, str]:
    """What can be compared of a party, each in its one way of writing."""
    return {
        "VAT number": likeness.vat_number(party.vat_number, party.country),
        "chamber of commerce": likeness.registration(party.registration),
        EMAIL: likeness.email(party.email),
        PHONE: likeness.phone(party.phone, party.country),
        NAME: likeness.name(party.name),
        "address": likeness.address(party.street, party.postcode),
    }


def unnamed(agreement: str) -> str:
    """What agrees, without the name of the contact whose it is: for what is kept for ever."""
    return next((word for word in OF_CONTACT.values() if agreement.startswith(word)), agreement)


def reached_by(party: Party) -> dict[tuple[str, str], Person]:
    """(e-mail or phone, as it is compared) -> the contact who has it; of several the first."""
    found: dict[tuple[str, str], Person] = {}
    for person in party.contacts:
        own = [(EMAIL, likeness.email(text)) for text in person.emails]
        own += [(PHONE, likeness.phone(text, party.country)) for text in person.phones]
        for key in own:
            if key[1]:
                found.setdefault(key, person)
    return found


def compare(one: Party, other: Party) -> Match:
    """`other` as a candidate for `one`."""
    return _compared(facts(one), other, facts(other), reached_by(other))


def _compared(
    ours: Mapping[str, str], other: Party, theirs: Mapping[str, str], contacts: Mapping[tuple[str, str], Person]
) -> Match:
    both = [word for word in ours if ours[word] and theirs[word]]
    agrees = [word for word in both if ours[word] == theirs[word]]
    differs = [word for word in both if ours[word] != theirs[word] and word in DIFFERS]
    if NAME in differs and likeness.alike_names(ours[NAME], theirs[NAME]):
        differs.remove(NAME)
        agrees.append(SIMILAR_NAME)
    told = list(agrees)
    for word, of_contact in OF_CONTACT.items():
        person = contacts.get((word, ours[word])) if word not in agrees else None
        if person is None:
            continue
        agrees.append(of_contact)
        told.append(f"{of_contact} {person.name}".strip())
        # Who orders for a company often gives their own name and address of mail: then these do not speak against it.
        own_name = likeness.name(person.name)
        differs = [known for known in differs if known != word and not (known == NAME and ours[NAME] == own_name)]
    return Match(other, scored(tuple(agrees), tuple(differs)), tuple(told), tuple(differs))


@lru_cache(maxsize=4096)
def scored(agrees: tuple[str, ...], differs: tuple[str, ...]) -> int:
    """The score of what agrees and differs: kept, because few sets of either are ever met."""
    return _rounded(_together(AGREES[word] for word in agrees) * _left(DIFFERS[word] for word in differs))


def _together(weights: Iterable[int | Fraction]) -> Fraction:
    """Independent witnesses: 1 less the share that all of them leave open."""
    return 1 - _left(weights)


def _left(weights: Iterable[int | Fraction]) -> Fraction:
    left = Fraction(1)
    for weight in weights:
        left *= 1 - Fraction(weight) / CERTAIN
    return left


def _rounded(share: Fraction) -> int:
    """Downwards: nothing is certain that is not."""
    return int(share * CERTAIN)


@dataclass(frozen=True, slots=True)
class _Known:
    """A customer of the directory, with what is compared of them."""

    party: Party
    facts: dict[str, str]
    contacts: dict[tuple[str, str], Person]
    sketch: int


class Directory:
    """The customers of a division, findable by anything that may agree; built once for many look-ups."""

    def __init__(self, parties: Iterable[Party]) -> None:
        self._by_fact: defaultdict[tuple[str, str], list[_Known]] = defaultdict(list)
        self._by_end: defaultdict[tuple[str, str], list[_Known]] = defaultdict(list)
        for party in parties:
            compared = facts(party)
            known = _Known(party, compared, reached_by(party), likeness.sketch(compared[NAME]))
            for key in {*_keys(compared), *known.contacts}:
                self._by_fact[key].append(known)
            for key in _ends(compared[NAME]):
                self._by_end[key].append(known)

    def matches(self, party: Party) -> list[Match]:
        """Candidates with something that agrees, best first; of equals the lower code, then GUID."""
        ours = facts(party)
        near = {known.party.id: known for key in _keys(ours) for known in self._by_fact.get(key, ())}
        near |= {known.party.id: known for known in self._alike(ours[NAME]) if known.party.id not in near}
        found = [
            match
            for known in near.values()
            if (match := _compared(ours, known.party, known.facts, known.contacts)).agrees
        ]
        return sorted(found, key=lambda match: (-match.score, match.party.code, match.party.id))

    def _alike(self, name: str) -> Iterator[_Known]:
        """Whose name begins or ends like this one and may be alike: hundreds share an end, few are alike."""
        sketch, length = likeness.sketch(name), len(name)
        for key in _ends(name):
            for known in self._by_end.get(key, ()):
                if likeness.may_be_alike(sketch, known.sketch, length + len(known.facts[NAME])):
                    yield known


def _keys(known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each fact."""
    return ((word, value) for word, value in known.items() if value)


def _ends(name: str) -> Iterator[tuple[str, str]]:
    """Both ends of a name: a slip leaves one of them as it was."""
    if name:
        yield "begins", name[:6]
        yield "ends", name[-6:]


def clear(scores: Sequence[int], *, threshold: int = THRESHOLD) -> bool:
    """Whether the best of these, best first, may be accepted without a look: sure enough, and well ahead."""
    return bool(scores) and scores[0] >= threshold and (len(scores) == 1 or scores[0] - scores[1] >= LEAD)


# --- GL accounts -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rule is missing for. `tax_rate` in per cents (21); None: none named, and for a taxed role no tax."""

    role: Role
    tax_rate: Decimal | None = None
    tax_name: str = ""
    category: str = ""
    tender: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that can be used for the role. `vat_code`: its default in Exact."""

    id: str
    code: str
    name: str
    vat_code: str = ""


@dataclass(frozen=True, slots=True)
class Precedent:
    """An accepted rule of another division."""

    wanted: Wanted
    account_code: str
    account_name: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Lines of the division's own ledger on an account with a VAT code, in journals of a type."""

    account: str
    vat_code: str
    journal_type: int
    lines: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An account with its score, why, and the VAT code its lines carry ("" for none)."""

    candidate: Candidate
    score: int
    reasons: tuple[str, ...]
    vat_code: str = ""


# The journals in which an ordinary ledger has lines of a role: 10 cash, 12 bank, 20 sales, 22 purchase, 90 general.
SALES, MONEY, COST, ANY = (20,), (10, 12), (12, 22, 90), (10, 12, 16, 20, 22, 90)
JOURNALS: dict[Role, tuple[int, ...]] = {
    **dict.fromkeys((Role.REVENUE, Role.SERVICE_CHARGE, Role.DISCOUNT, Role.GIFT_CARD), SALES),
    **dict.fromkeys((Role.PROCESSING_FEE, Role.PLATFORM_FEE), COST),
    **dict.fromkeys((Role.CLEARING, Role.CASH, Role.TRANSIT, Role.OTHER_TENDER), MONEY),
}
# How accounts for a role are called in Dutch, English, German and French charts; without accents.
NAMED: dict[Role, tuple[str, ...]] = {
    Role.REVENUE: ("revenue", "omzet", "sales", "turnover", "erlose", "umsatz", "ventes"),
    Role.SERVICE_CHARGE: ("service",),
    Role.DISCOUNT: ("discount", "korting", "rabatt", "remise"),
    Role.TIPS: ("tip", "fooi", "trinkgeld", "pourboire"),
    Role.GIFT_CARD: ("gift", "cadeau", "voucher", "gutschein", "waardebon"),
    Role.BREAKAGE: ("breakage", "expired", "verlopen"),
    Role.PROCESSING_FEE: ("fee", "kosten betaal", "transactiekosten", "payment cost", "gebuhr", "frais"),
    Role.PLATFORM_FEE: ("platform", "subscription", "abonnement", "software"),
    Role.ROUNDING: ("rounding", "afronding", "rundung", "arrondi"),
    Role.CLEARING: ("square", "clearing", "tussenrekening"),
    Role.CASH: ("cash", "kas", "kasse", "caisse"),
    Role.TRANSIT: ("transit", "kruispost", "onderweg"),
    Role.SUSPENSE: ("suspense", "vraagpost"),
    Role.DISPUTE: ("dispute", "chargeback"),
    Role.DISPUTE_LOSS: ("dispute", "chargeback", "loss"),
    Role.RESERVE: ("reserve",),
    Role.LOAN: ("loan", "lening", "darlehen"),
}
OF_OTHERS, OF_LEDGER, OF_NAME, OF_DEFAULT = 900, 950, 350, 300


def accounts(
    wanted: Wanted,
    candidates: Iterable[Candidate],
    *,
    precedents: Iterable[Precedent] = (),
    history: Iterable[Counted] = (),
    rates: Mapping[str, Decimal] | None = None,
) -> list[Suggestion]:
    """Accounts with evidence for what is wanted, best first; of equals the lower code.

    `rates`: VAT code -> per cents. Candidates must be of a type that suits the role and be usable.
    """
    rates = rates or {}
    others = [row for row in precedents if _is_like(wanted, row.wanted)]
    earlier = [row for row in history if _counts(wanted, row, rates)]
    found = [_suggested(wanted, candidate, others, earlier, rates) for candidate in candidates]
    return sorted(
        (one for one in found if one.score), key=lambda one: (-one.score, one.candidate.code, one.candidate.id)
    )


def _is_like(wanted: Wanted, other: Wanted) -> bool:
    """Whether a rule of another division speaks of the same: names of taxes differ between them, rates do not."""
    if wanted.role is not other.role or wanted.tax_rate != other.tax_rate:
        return False
    return (not other.tender or other.tender == wanted.tender) and (
        not other.category or likeness.name(other.category) == likeness.name(wanted.category)
    )


def _counts(wanted: Wanted, row: Counted, rates: Mapping[str, Decimal]) -> bool:
    if row.journal_type not in JOURNALS.get(wanted.role, ANY):
        return False
    return not wanted.role.is_taxed or rates.get(row.vat_code, Decimal(0)) == (wanted.tax_rate or 0)


def _suggested(
    wanted: Wanted,
    candidate: Candidate,
    others: Sequence[Precedent],
    earlier: Sequence[Counted],
    rates: Mapping[str, Decimal],
) -> Suggestion:
    weights: list[Fraction | int] = []
    reasons: list[str] = []
    name = likeness.name(candidate.name)
    same = sum(row.account_code == candidate.code or likeness.name(row.account_name) == name for row in others)
    if same:
        weights.append(Fraction(4 * OF_OTHERS * same, 4 * len(others) + 1))
        reasons.append(f"{same} of {len(others)} rules like this in other divisions")
    lines, total = _lines(candidate, earlier), sum(row.lines for row in earlier)
    if lines:
        weights.append(Fraction(OF_LEDGER * lines, total + 5))
        reasons.append(f"{lines} of {total} earlier lines like this")
    if any(word in likeness.plain(candidate.name) for word in NAMED.get(wanted.role, ())):
        weights.append(OF_NAME)
        reasons.append("its name")
    if wanted.role.is_taxed and candidate.vat_code and rates.get(candidate.vat_code) == (wanted.tax_rate or 0):
        weights.append(OF_DEFAULT)
        reasons.append(f"its VAT code in Exact is {candidate.vat_code}")
    code = _usual_code(candidate, earlier, wanted, rates)
    return Suggestion(candidate, _rounded(_together(weights)), tuple(reasons), code)


def _lines(candidate: Candidate, earlier: Iterable[Counted]) -> int:
    return sum(row.lines for row in earlier if row.account == candidate.code)


def _usual_code(candidate: Candidate, earlier: Iterable[Counted], wanted: Wanted, rates: Mapping[str, Decimal]) -> str:
    """The VAT code most lines on the account carry; else its default, if that has the rate."""
    if not wanted.role.is_taxed:
        return ""
    used: defaultdict[str, int] = defaultdict(int)
    for row in earlier:
        if row.account == candidate.code and row.vat_code:
            used[row.vat_code] += row.lines
    if used:
        return min(used, key=lambda code: (-used[code], code))
    fits = candidate.vat_code and rates.get(candidate.vat_code) == (wanted.tax_rate or 0)
    return candidate.vat_code if fits else ""
