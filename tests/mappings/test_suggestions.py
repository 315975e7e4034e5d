"""What a suggestion is worth: worked cases, and what must hold whatever the data."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings import likeness, suggestions
from mappings.roles import Role
from mappings.suggestions import AGREES, DIFFERS, Candidate, Counted, Directory, Party, Person, Precedent, Wanted
from tests.benchmarks import suggested

HOTEL = Party("Hotel Zon B.V.", vat_number="NL856240123B01", email="Info@Zon.example", phone="020 5550101",
              street="Damrak 1", postcode="1012 LG", country="NL", id="a", code="71")  # fmt: skip
LOW, HIGH = Candidate("l", "8001", "Omzet laag", "1"), Candidate("h", "8000", "Omzet hoog", "2")
OTHER = Candidate("o", "8090", "Overige opbrengsten")
RATES = {"1": Decimal(9), "2": Decimal(21), "NV": Decimal(0)}
NINE = Wanted(Role.REVENUE, Decimal(9), "VAT 9")


@pytest.mark.parametrize(
    ("party", "score", "agrees", "differs"),
    [
        # 1 - 0.05 x 0.1 x 0.35 x 0.4 x 0.5 = 0.99965
        (HOTEL, 999, ("VAT number", "e-mail", "phone", "name", "address"), ()),
        (Party("hotel zon", email="info@zon.example"), 960, ("e-mail", "name"), ()),  # 1 - 0.1 x 0.4
        (Party("Zon Hotel"), 600, ("name",), ()),
        (Party("Hotel Zonn", phone="+31205550101"), 807, ("phone", "name (almost)"), ()),  # 1 - 0.35 x 0.55
        (Party("Zon Catering", email="info@zon.example"), 630, ("e-mail",), ("name",)),  # 0.9 x 0.7
        # 0.6 x 0.2: the same name with another VAT number is most likely another company
        (Party("Hotel Zon", vat_number="NL111111111B01", country="NL"), 120, ("name",), ("VAT number",)),
    ],
)
def test_a_candidate_says_what_agrees_what_differs_and_how_sure_that_makes(
    party: Party, score: int, agrees: tuple[str, ...], differs: tuple[str, ...]
) -> None:
    (match,) = Directory([HOTEL]).matches(party)
    assert (match.score, match.agrees, match.differs) == (score, agrees, differs)


def test_who_has_nothing_in_common_is_no_candidate() -> None:
    assert Directory([HOTEL]).matches(Party("Bakker Bos", email="bos@example.test")) == []


ANNA = Person("Anna de Vries", ("anna@zon.example", "a.devries@work.example"), ("06-1234 5678",))
WITH_ANNA = Party("Hotel Zon B.V.", email="info@zon.example", phone="020 5550101", country="NL", id="a", code="71",
                  contacts=(Person("Bas Bos", (), ()), ANNA))  # fmt: skip


@pytest.mark.parametrize(
    ("party", "score", "agrees", "differs"),
    [
        # 0.8: not enough to be accepted without a look, because she may buy for herself
        (Party("", email="A.deVries@work.example"), 800, ("e-mail of contact Anna de Vries",), ()),
        # her own name does not speak against the hotel, and her mail is not "another e-mail"
        (Party("Anna de Vries", email="anna@zon.example"), 800, ("e-mail of contact Anna de Vries",), ()),
        # 0.8 x 0.7: somebody else's name does
        (Party("Bakker Bos", email="anna@zon.example"), 560, ("e-mail of contact Anna de Vries",), ("name",)),
        # 1 - 0.4 x 0.2
        (Party("Hotel Zon", email="anna@zon.example"), 920, ("name", "e-mail of contact Anna de Vries"), ()),
        (Party("", phone="+31612345678"), 550, ("phone of contact Anna de Vries",), ()),
        # 1 - 0.2 x 0.45: both of hers, and neither is another e-mail or phone
        (Party("", email="anna@zon.example", phone="0612345678", country="NL"), 910,
         ("e-mail of contact Anna de Vries", "phone of contact Anna de Vries"), ()),
        (Party("", email="info@zon.example", phone="+31612345678"), 955,  # 1 - 0.1 x 0.45
         ("e-mail", "phone of contact Anna de Vries"), ()),
    ],
)  # fmt: skip
def test_a_contact_of_the_customer_speaks_for_it_by_name(
    party: Party, score: int, agrees: tuple[str, ...], differs: tuple[str, ...]
) -> None:
    (match,) = Directory([WITH_ANNA, Party("Maan", id="m", code="2")]).matches(party)
    assert (match.score, match.agrees, match.differs) == (score, agrees, differs)
    assert match.party is WITH_ANNA


def test_who_is_a_contact_of_two_customers_decides_between_neither() -> None:
    other = Party("Restaurant Zuid", id="b", code="72", contacts=(ANNA,))
    found = Directory([WITH_ANNA, other]).matches(Party("Anna de Vries", email="anna@zon.example"))
    assert [(match.party.id, match.score) for match in found] == [("a", 800), ("b", 800)]
    assert not suggestions.clear([match.score for match in found], threshold=500)


@pytest.mark.parametrize(
    ("scores", "is_clear"), [([], False), ([900], True), ([899], False), ([990, 840], True), ([990, 841], False)]
)
def test_only_what_is_sure_and_well_ahead_is_accepted_without_a_look(scores: list[int], is_clear: bool) -> None:
    assert suggestions.clear(scores) is is_clear


def counted(*rows: tuple[str, str, int, int]) -> list[Counted]:
    return [Counted(*row) for row in rows]


def test_the_ledger_speaks_with_its_numbers() -> None:
    history = counted(("8001", "1", 20, 212), ("8090", "1", 20, 2), ("8000", "2", 20, 900), ("8001", "1", 90, 50))
    found = suggestions.accounts(NINE, [LOW, HIGH, OTHER], history=history, rates=RATES)

    assert [one.candidate.code for one in found] == ["8001", "8000", "8090"]
    assert found[0].reasons == ("212 of 214 earlier lines like this", "its name", "its VAT code in Exact is 1")
    # 950 x 212 / 219 = 919.6; 1 - 0.0804 x 0.65 x 0.7 = 0.9634
    assert (found[0].score, found[0].vat_code) == (963, "1")
    assert (found[1].score, found[1].reasons) == (350, ("its name",))


def test_other_divisions_speak_by_code_or_by_name() -> None:
    others = [Precedent(NINE, "8001", "Sales low"), Precedent(NINE, "8444", "Omzet laag"),
              Precedent(Wanted(Role.REVENUE, Decimal(21)), "8000", "Omzet hoog")]  # fmt: skip
    found = suggestions.accounts(NINE, [LOW, OTHER], precedents=others, rates=RATES)

    assert [one.candidate.code for one in found] == ["8001"]
    assert found[0].reasons[0] == "2 of 2 rules like this in other divisions"


def test_a_role_without_tax_asks_the_journals_where_its_lines_are() -> None:
    fee = Candidate("f", "4960", "Bank charges")
    history = counted(("4960", "", 12, 95), ("4960", "", 20, 7))
    (found,) = suggestions.accounts(Wanted(Role.PROCESSING_FEE), [fee], history=history)
    assert found.reasons == ("95 of 95 earlier lines like this",)
    assert (found.score, found.vat_code) == (902, "")  # 950 x 95 / 100 = 902.5, downwards


def test_without_evidence_nothing_is_suggested() -> None:
    assert suggestions.accounts(NINE, [OTHER], rates=RATES) == []


WORDS = st.lists(st.sampled_from(sorted(AGREES)), unique=True, max_size=len(AGREES))


@given(WORDS, WORDS, st.sampled_from(sorted(AGREES)))
def test_more_agreement_never_scores_lower(agrees: list[str], differs: list[str], more: str) -> None:
    differs = [word for word in differs if word in DIFFERS and word not in agrees]
    before = suggestions.scored(tuple(agrees), tuple(differs))
    after = suggestions.scored(tuple({*agrees, more}), tuple(word for word in differs if word != more))
    assert 0 <= before <= after <= 1000


NAMES = st.sampled_from(["Hotel Zon", "Hotel Zonn", "Zon BV", "Bakker Bos", "Maan", ""])
PEOPLE = st.builds(
    Person, name=NAMES, emails=st.lists(st.sampled_from(["", "a@b.example", "e@f.example"]), max_size=2).map(tuple),
    phones=st.lists(st.sampled_from(["0612345678"]), max_size=1).map(tuple),
)  # fmt: skip
PARTIES = st.builds(
    Party, name=NAMES, vat_number=st.sampled_from(["", "NL1", "2"]),
    contacts=st.lists(PEOPLE, max_size=2).map(tuple),
    email=st.sampled_from(["", "a@b.example", "c@d.example"]),
    phone=st.sampled_from(["", "0612345678", "+31612345678"]), country=st.sampled_from(["NL", "BE"]),
)  # fmt: skip


@given(st.lists(PARTIES, max_size=8), PARTIES, st.randoms())
def test_the_order_of_customers_decides_nothing(parties: list[Party], asked: Party, chance: object) -> None:
    listed = [Party(**{**_columns(party), "id": f"g{n}", "code": str(n)}) for n, party in enumerate(parties)]
    mixed = list(listed)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    found = Directory(listed).matches(asked)
    assert found == Directory(mixed).matches(asked)
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)


def _is_near(one: Party, other: Party) -> bool:
    """What makes a candidate, said plainly: a fact or a contact in common, or names alike that share an end."""
    ours, theirs, people = suggestions.facts(one), suggestions.facts(other), suggestions.reached_by(other)
    mine, name = ours["name"], theirs["name"]
    same_end = bool(mine and name) and (mine[:6] == name[:6] or mine[-6:] == name[-6:])
    return (
        any(ours[word] and ours[word] == theirs[word] for word in ours)
        or any(key in people for key in ours.items())
        or (same_end and likeness.is_alike(mine, name))
    )


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_a_look_up_finds_whom_comparing_with_everybody_finds(seed: int) -> None:
    known, asked = suggested.customers(seed=seed, size=120)
    directory = Directory(known)
    for one in asked[::9]:
        expected = [suggestions.compare(one.party, other) for other in known if _is_near(one.party, other)]
        expected.sort(key=lambda match: (-match.score, match.party.code))
        assert directory.matches(one.party) == expected


def _columns(party: Party) -> dict[str, str]:
    return {name: getattr(party, name) for name in Party.__dataclass_fields__}


COUNTS = st.lists(
    st.builds(
        Counted, account=st.sampled_from(["8000", "8001", "8090"]), vat_code=st.sampled_from(["", "1", "2"]),
        journal_type=st.sampled_from([12, 20, 90]), lines=st.integers(1, 500),
    ),
    max_size=8,
)  # fmt: skip


@given(COUNTS, st.randoms())
def test_the_order_of_accounts_and_lines_decides_nothing(history: list[Counted], chance: object) -> None:
    candidates, mixed = [LOW, HIGH, OTHER], list(history)
    found = suggestions.accounts(NINE, candidates, history=history, rates=RATES)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert found == suggestions.accounts(NINE, candidates[::-1], history=mixed, rates=RATES)


@given(COUNTS, st.integers(1, 300))
def test_more_lines_like_this_never_score_lower(history: list[Counted], more: int) -> None:
    def score(rows: list[Counted]) -> int:
        found = suggestions.accounts(NINE, [LOW, HIGH, OTHER], history=rows, rates=RATES)
        return next((one.score for one in found if one.candidate is LOW), 0)

    assert score(history) <= score([*history, Counted("8001", "1", 20, more)])
