"""What suggestions are worth on a year they have not seen: customers and ledger lines with known truth, and noise.

The weights in `mappings.suggestions` were not fitted to anything here. Ledger history is of nine months, the question
is asked of the last three. A row accepted by itself that is wrong costs a correction; one that is left costs a look.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from mappings import suggestions
from mappings.roles import Role
from mappings.suggestions import Candidate, Counted, Directory, Party, Person, Wanted
from tests.benchmarks.results import Row

SEED, CUSTOMERS, UNKNOWN = 2026, 1_000, 0.2
PRECISION = 99.0
LARGE, LONGEST_LOOK = 10_000, 2
FIRST = ("Anna", "Bas", "Carla", "Daan", "Eva", "Finn", "Greta", "Hugo", "Iris", "Joris", "Karin", "Lars")
LAST = ("Jansen", "de Vries", "Bakker", "Visser", "Smit", "Meijer", "Bos", "Mulder", "Peeters", "Janssens", "Müller")
TRADES = ("Hotel", "Bakkerij", "Atelier", "Museum", "Kwekerij", "Studio", "Café", "Drukkerij", "Praktijk", "Garage")
PLACES = ("Zon", "De Molen", "Noord", "Prinsengracht", "Oud-West", "Het Anker", "Vos", "Zuid", "De Brug", "Linde")
FORMS = {"NL": ("B.V.", "VOF", ""), "BE": ("BVBA", "NV"), "DE": ("GmbH", "AG")}


@dataclass(frozen=True, slots=True)
class Asked:
    """A Square customer, and the GUID of who it is in Exact; "" for nobody there."""

    party: Party
    truth: str


def customers(seed: int = SEED, size: int = CUSTOMERS) -> tuple[list[Party], list[Asked]]:
    """Those of Exact, and those of Square: most are somebody in Exact, written differently; some are nobody there."""
    chance = random.Random(seed)
    known = [_party(chance, number) for number in range(size)]
    asked = [Asked(_noisy(chance, party), party.id) for party in known]
    strangers = [_party(chance, size + number) for number in range(int(size * UNKNOWN))]
    return known, [*asked, *(Asked(_noisy(chance, party), "") for party in strangers)]


def _party(chance: random.Random, number: int) -> Party:
    """A third are people, who share names; the others are companies, some of them branches with one e-mail."""
    country = chance.choice(("NL", "NL", "NL", "BE", "DE"))
    is_person = chance.random() < 0.33
    name = (
        f"{chance.choice(FIRST)} {chance.choice(LAST)}"
        if is_person
        else f"{chance.choice(TRADES)} {chance.choice(PLACES)} {chance.choice(LAST)} {chance.choice(FORMS[country])}"
    ).strip()
    contacts = () if is_person else _contacts(chance, number)
    return Party(
        contacts=contacts,
        id=f"guid-{number:06}",
        code=str(number),
        name=name,
        country=country,
        vat_number="" if is_person else _vat(chance, country),
        registration="" if is_person else str(chance.randrange(10**7, 10**8)),
        email=f"mail{number // 50 if chance.random() < 0.03 else f'-{number}'}@shop.example",
        phone=f"0{chance.randrange(10**8, 10**9)}",
        street=f"Straat {chance.randrange(1, 200)}",
        postcode=f"{chance.randrange(1000, 9999)} AB" if country == "NL" else str(chance.randrange(1000, 9999)),
    )


def _contacts(chance: random.Random, number: int) -> tuple[Person, ...]:
    """Up to two people who speak for a company; a few of them are bookkeepers who speak for fifty others too."""
    return tuple(_contact(chance, number * 2 + place) for place in range(chance.choice((0, 1, 1, 2))))


def _contact(chance: random.Random, number: int) -> Person:
    who = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    whose = f"office{number // 100}" if chance.random() < 0.05 else f"person-{number}"
    return Person(who, (f"{whose}@people.example",), (f"06{chance.randrange(10**7, 10**8)}",))


def _vat(chance: random.Random, country: str) -> str:
    digits = {"NL": 9, "BE": 9, "DE": 9}[country]
    number = "".join(chance.choice("0123456789") for _ in range(digits))
    return {"NL": f"NL{number}B01", "BE": f"BE0{number}", "DE": f"DE{number}"}[country]


def _noisy(chance: random.Random, party: Party) -> Party:
    """As it may stand in Square: fields left out, an older e-mail, another way of writing, a slip in the name."""
    name = chance.choice((party.name, party.name.upper(), party.name.replace(".", ""), _slipped(chance, party.name)))
    return replace(
        party,
        id="",
        code="",
        contacts=(),
        name=name,
        registration="",
        vat_number=chance.choice(("", party.vat_number, party.vat_number.lower().replace("b", "-b"))),
        email=chance.choice(("", party.email, party.email.title(), f"old.{party.email}")),
        phone=chance.choice(("", party.phone, f"{party.phone[:3]}-{party.phone[3:]}", "0600000000")),
        street=chance.choice(("", party.street, f"{party.street} hs", "Laan 1")),
        postcode=chance.choice((party.postcode, party.postcode.replace(" ", "").lower())),
    )


def _ordered_by(chance: random.Random, party: Party) -> Party:
    """As it stands in Square where a contact of the customer ordered: their mail or phone, now and then their name."""
    who = chance.choice(party.contacts)
    told = _noisy(chance, party)
    return replace(
        told,
        name=chance.choice((told.name, told.name, who.name)),
        vat_number="",
        email=chance.choice((who.emails[0], who.emails[0].upper(), "")),
        phone=chance.choice((who.phones[0], "", told.phone)),
        contacts=(),
    )


def _slipped(chance: random.Random, name: str) -> str:
    at = chance.randrange(1, len(name))
    return name[: at - 1] + name[at:]


@dataclass(frozen=True, slots=True)
class Tally:
    """Of `asked`, `accepted` were sure enough, `right` of those were right."""

    asked: int
    accepted: int
    right: int

    @property
    def precision(self) -> float:
        return 100 * self.right / self.accepted if self.accepted else 0.0

    @property
    def reach(self) -> float:
        return 100 * self.right / self.asked if self.asked else 0.0


def measure_customers(seed: int = SEED, size: int = CUSTOMERS) -> Tally:
    """`asked` counts those who are somebody in Exact; one who is nobody there is right only when left alone."""
    known, asked = customers(seed, size)
    return _measured(Directory(known), asked)


def measure_contacts(seed: int = SEED, size: int = CUSTOMERS, *, known_by_exact: bool = True) -> Tally:
    """Of customers whom one of their contacts ordered for, and of contacts of strangers. `known_by_exact` False: the
    same with the contacts of Exact left out, which tells what they are worth.
    """
    chance = random.Random(seed)
    known = [_party(chance, number) for number in range(size)]
    strangers = [_party(chance, size + number) for number in range(int(size * UNKNOWN))]
    asked = [Asked(_ordered_by(chance, party), party.id) for party in known if party.contacts]
    asked += [Asked(_ordered_by(chance, party), "") for party in strangers if party.contacts]
    listed = known if known_by_exact else [replace(party, contacts=()) for party in known]
    return _measured(Directory(listed), asked)


def _measured(directory: Directory, asked: list[Asked]) -> Tally:
    accepted = right = 0
    for one in asked:
        found = directory.matches(one.party)
        if suggestions.clear([match.score for match in found]):
            accepted += 1
            right += found[0].party.id == one.truth
    return Tally(sum(bool(one.truth) for one in asked), accepted, right)


def measure_look_up(seed: int = SEED, size: int = LARGE, looks: int = 500) -> float:
    """Milliseconds a look-up in a division of that many customers takes, the building of the directory aside."""
    known, asked = customers(seed, size)
    directory = Directory(known)
    began = time.perf_counter()
    for one in asked[:: len(asked) // looks]:
        directory.matches(one.party)
    return 1_000 * (time.perf_counter() - began) / looks


RATES = {"NV": Decimal(0), "1": Decimal(9), "2": Decimal(21)}
ROLES = (
    (Wanted(Role.REVENUE, Decimal(21)), "2", 20, 110),
    (Wanted(Role.REVENUE, Decimal(9)), "1", 20, 110),
    (Wanted(Role.PROCESSING_FEE), "", 12, 120),
)
DIVISIONS, LINES, ASTRAY = 200, 240, 0.04


def measure_accounts(seed: int = SEED) -> Tally:
    """In each of many divisions, with charts of their own: nine months of lines, then what the last three use."""
    chance = random.Random(seed)
    found = [answer for _ in range(DIVISIONS) for answer in _division(chance)]
    return Tally(len(found), sum(answer is not None for answer in found), sum(answer is True for answer in found))


def _division(chance: random.Random) -> Iterator[bool | None]:
    """Per role: whether the account accepted is the one the last three months use most; None when left to a person."""
    for wanted, code, journal, kind in ROLES:
        chart = [Candidate(f"g{n}", str(kind * 10 + n), f"Account {n}") for n in chance.sample(range(10), 5)]
        habits = chance.choices((1, 2), weights=(4, 1))[0]  # one division in five uses two accounts for one thing
        lines = [_line(chance, chart, habits) for _ in range(LINES)]
        seen, held_out = lines[: LINES * 3 // 4], lines[LINES * 3 // 4 :]
        history = [Counted(account, code, journal, count) for account, count in sorted(Counter(seen).items())]
        ranked = suggestions.accounts(wanted, chart, history=history, rates=RATES)
        if suggestions.clear([one.score for one in ranked]):
            yield ranked[0].candidate.code == Counter(held_out).most_common(1)[0][0]
        else:
            yield None


def _line(chance: random.Random, chart: list[Candidate], habits: int) -> str:
    usual = chance.choice(chart[:habits])
    return chance.choice(chart).code if chance.random() < ASTRAY else usual.code


def rows() -> list[Row]:
    measured = (
        ("customers", measure_customers()),
        ("customers by their contacts", measure_contacts()),
        ("GL accounts", measure_accounts()),
    )
    look_up = round(measure_look_up(), 2)
    return [
        *(row for name, tally in measured for row in _rows(name, tally)),
        Row(f"a customer looked up among {LARGE:,}", look_up, "ms", f"<= {LONGEST_LOOK}", look_up <= LONGEST_LOOK),
    ]


def _rows(name: str, tally: Tally) -> Iterator[Row]:
    precision = round(tally.precision, 2)
    sure = suggestions.THRESHOLD // 10
    yield Row(
        f"suggested {name}: right of those accepted at {sure} %, held out", precision, "%", f">= {PRECISION:g}",
        precision >= PRECISION,
    )  # fmt: skip
    yield Row(f"suggested {name}: found of those there are", round(tally.reach, 1), "%")
