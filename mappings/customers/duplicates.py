"""Whether Exact has a customer already: asked before an account is made, and answered in the words finance uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mappings import likeness


class Answer(StrEnum):
    CREATE = "create"
    FOUND = "found"
    LINK = "link"
    PROPOSE = "propose"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Sought:
    """What is known of who is to be created. `reference`: the search code an account of ours would carry."""

    reference: str
    vat_number: str = ""
    registration: str = ""
    email: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A relation of Exact, of any status."""

    id: str
    code: str
    name: str
    status: str
    is_blocked: bool = False
    search_code: str = ""
    vat_number: str = ""
    registration: str = ""
    email: str = ""
    country: str = ""

    @property
    def is_usable(self) -> bool:
        return self.status == "C" and not self.is_blocked


@dataclass(frozen=True, slots=True)
class Judgement:
    answer: Answer
    hits: tuple[Hit, ...] = ()
    sentence: str = ""


def judge(sought: Sought, hits: Iterable[Hit], *, seen: frozenset[str] = frozenset()) -> Judgement:
    """`seen`: GUIDs of accounts that a person had before them when they decided to create one all the same. A shared
    e-mail is then no objection any more; the same VAT or chamber-of-commerce number always is.
    """
    # Of one account that was found in two ways, what Exact says now counts more: only that carries the search code.
    unique = {hit.id: hit for hit in sorted(hits, key=lambda hit: (hit.search_code, str(hit)))}
    ordered = sorted(unique.values(), key=lambda hit: (hit.code, hit.id))
    ours = [hit for hit in ordered if hit.search_code and hit.search_code == sought.reference]
    if ours:
        return Judgement(Answer.FOUND, tuple(ours[:1]), "It had been created before.")
    for word, known in (("VAT number", _vat), ("chamber of commerce number", _registration)):
        if same := [hit for hit in ordered if known(sought) and known(hit) == known(sought)]:
            return _certain(same, word)
    mail = likeness.email(sought.email)
    alike = [hit for hit in ordered if mail and likeness.email(hit.email) == mail and hit.id not in seen]
    return _possible(alike) if alike else Judgement(Answer.CREATE)


def _certain(hits: Sequence[Hit], word: str) -> Judgement:
    if len(hits) > 1:
        sentence = f"{len(hits)} accounts in Exact have this {word}: {_named(hits)}. Choose the one it is."
        return Judgement(Answer.CONFLICT, tuple(hits), sentence)
    (hit,) = hits
    if hit.is_usable:
        return Judgement(Answer.LINK, (hit,), f"Exact account {_named(hits)} has the same {word}.")
    sentence = (
        f"Exact account {_named(hits)} has the same {word}, but is no customer that can be sold to. Make it a customer "
        "in Exact, or correct the number; then decide again."
    )
    return Judgement(Answer.CONFLICT, (hit,), sentence)


def _possible(hits: Sequence[Hit]) -> Judgement:
    if len(hits) > 1:
        sentence = f"{len(hits)} accounts in Exact have this e-mail: {_named(hits)}. Choose the one it is."
        return Judgement(Answer.CONFLICT, tuple(hits), sentence)
    sentence = (
        f"Exact account {_named(hits)} has the same e-mail. Say whether it is this customer; else create it again."
    )
    return Judgement(Answer.PROPOSE, tuple(hits), sentence)


def _named(hits: Iterable[Hit]) -> str:
    return ", ".join(f"{hit.code} {hit.name}" for hit in hits)


def _vat(one: Sought | Hit) -> str:
    return likeness.vat_number(one.vat_number, one.country)


def _registration(one: Sought | Hit) -> str:
    return likeness.registration(one.registration)
