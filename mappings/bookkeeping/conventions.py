"""How a division books what may be booked in more than one way: fees, tips, service, discounts, gift cards.

Each choice is a person's, from a day on; the tables of countries below only say what a form starts with. They are
defaults, not advice: nobody here knows a seller's position, and the entry shows which choice it was made by.
Reference: bookkeeping sections 1 and 2 (the starred defaults); Square: reference section 5 for fees by country.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple


class FeeVat(StrEnum):
    """VAT on what Square keeps. `NONE`: gross, no code. `INCLUDED`: it is inside the fee, by the rate of the rule's
    code. `REVERSE_CHARGE`: none inside, and the rule's code (of 0 %) reports it. `SEPARATE`: none inside; Square takes
    it by itself (payout entry TAX_ON_FEE), onto the account of fee VAT pending.
    """

    NONE = "none"
    INCLUDED = "included"
    REVERSE_CHARGE = "reverse_charge"
    SEPARATE = "separate"


class Tips(StrEnum):
    """`PAYABLE`: owed to staff, no VAT. `KEPT`: revenue of the business, the VAT of the rule's code inside."""

    PAYABLE = "payable"
    KEPT = "kept"


class Service(StrEnum):
    """`AS_CHARGED`: with the tax that Square charged, or none. `TAXED`: one without tax waits for a person."""

    AS_CHARGED = "as_charged"
    TAXED = "taxed"


class Discounts(StrEnum):
    """`NETTED`: revenue is what was paid. `CONTRA`: revenue before discount, and the discount on its own account."""

    NETTED = "netted"
    CONTRA = "contra"


class GiftCards(StrEnum):
    """`MULTI_PURPOSE`: a debt until spent, VAT on what is bought with it. `SINGLE_PURPOSE`: revenue and VAT when it is
    sold, credited when it is spent, so that neither counts twice.
    """

    MULTI_PURPOSE = "multi_purpose"
    SINGLE_PURPOSE = "single_purpose"


# What is no word with its underscore taken out.
CALLED = {"fee_vat": "VAT on fees:"}


@dataclass(frozen=True, slots=True)
class Conventions:
    """What one division has chosen, from `since` on; without a `since`: the defaults, chosen by nobody."""

    fee_vat: FeeVat = FeeVat.NONE
    tips: Tips = Tips.PAYABLE
    service: Service = Service.AS_CHARGED
    discounts: Discounts = Discounts.NETTED
    gift_cards: GiftCards = GiftCards.MULTI_PURPOSE
    since: date | None = None

    def words(self, name: str) -> str:
        """'tips kept since 2026-01-01', 'tips payable by default': what an entry says of the choice it follows."""
        chosen = str(getattr(self, name)).replace("_", " ")
        when = f"since {self.since}" if self.since else "by default"
        return f"{CALLED.get(name, name.replace('_', ' '))} {chosen} {when}"


CHOICES: Mapping[str, type[StrEnum]] = {
    "fee_vat": FeeVat,
    "tips": Tips,
    "service": Service,
    "discounts": Discounts,
    "gift_cards": GiftCards,
}
DEFAULTS = Conventions()


def kept(conventions: Conventions) -> dict[str, str]:
    """As a leg keeps them, for the auditor and for the next time its record is read."""
    return {name: str(value) for name, value in asdict(conventions).items() if value is not None}


def restored(stored: Mapping[str, Any]) -> Conventions:
    """`kept` read backwards. What a later release added stands at its default."""
    chosen: dict[str, Any] = {name: kind(stored[name]) for name, kind in CHOICES.items() if name in stored}
    since = stored.get("since")
    return Conventions(**chosen, since=date.fromisoformat(since) if since else None)


class Place(NamedTuple):
    """Which leg: its kind, what its reference is computed from, and its ordinal."""

    kind: str
    source_id: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class ConventionBook:
    """A division's choices over time. `settled`: those that legs were booked by, which no later choice alters."""

    versions: tuple[Conventions, ...] = ()
    settled: Mapping[Place, Conventions] = field(default_factory=dict)

    def at(self, on: date) -> Conventions:
        """The newest choice that counts on that day."""
        begun = [row for row in self.versions if row.since and row.since <= on]
        return max(begun, key=lambda row: row.since or on, default=DEFAULTS)

    def of(self, kind: str, source_id: str, ordinal: int, on: date) -> Conventions:
        """That of a leg: as it was booked, else as it stands on its day."""
        return self.settled.get(Place(kind, source_id, ordinal)) or self.at(on)


class Country(NamedTuple):
    """What a form starts with in a country. `guesses`: the fields that no reference states for it."""

    conventions: Conventions
    guesses: tuple[str, ...]


# Everything not stated by the reference is a guess, and named as one: tips, service and gift cards have no source per
# country here. A tax adviser, or Square's own tax invoice, would settle each.
EVERYWHERE = ("tips", "service", "discounts", "gift_cards")
_UNKNOWN = ("fee_vat", *EVERYWHERE)
_TAXED = Conventions(service=Service.TAXED)
COUNTRIES: Mapping[str, Country] = {
    # Square settles no cards here; the lanes of these divisions book a merchant of another country.
    "NL": Country(Conventions(), _UNKNOWN),
    "BE": Country(_TAXED, _UNKNOWN),
    "DE": Country(_TAXED, _UNKNOWN),
    "FR": Country(_TAXED, _UNKNOWN),
    "ES": Country(_TAXED, _UNKNOWN),
    # Reference: square.md section 5, the Irish price list quotes its fees "+ VAT".
    "IE": Country(Conventions(fee_vat=FeeVat.SEPARATE, service=Service.TAXED), EVERYWHERE),
    "GB": Country(_TAXED, _UNKNOWN),
    # Sales tax, not VAT: a fee carries none.
    "US": Country(Conventions(), _UNKNOWN),
    # Reference: square.md section 5, indirect tax only on Afterpay and delivery fees.
    "CA": Country(Conventions(), EVERYWHERE),
    # Reference: square.md section 5, GST on processing fees. That it is inside the fee is a guess.
    "AU": Country(Conventions(fee_vat=FeeVat.INCLUDED, service=Service.TAXED), _UNKNOWN),
    "JP": Country(_TAXED, _UNKNOWN),
}


def default_of(country: str) -> Country:
    """Where nothing is known of a country, the defaults of the trade."""
    return COUNTRIES.get(country.strip().upper(), Country(Conventions(), _UNKNOWN))
