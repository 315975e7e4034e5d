"""Ids of Square in the words people use: a location or a customer by its name, and the mapping a customer has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from django.utils.formats import date_format

from connections.models import Location
from connections.providers.exact.messages import RefusalKind
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import CustomerMapping, ItemMapping

ID = re.compile(r"\w+")
ISO_DAY = re.compile(r"\b(\d{4}-\d\d-\d\d)\b(?!T)")
# What Exact's answer was about, in words; a title that says the same needs none.
CAUSES = {kind.value: kind.value.replace("_", " ") for kind in RefusalKind if "_" in kind.value}
CAUSES |= {
    RefusalKind.PERIOD_CLOSED.value: "",
    RefusalKind.UNKNOWN.value: "",
    RefusalKind.RATE_MISSING.value: "no exchange rate",
}


@dataclass(frozen=True, slots=True)
class Names:
    """`by_id`: name of a location or customer. `mappings`: the newest mapping of a Square customer, its primary key."""

    by_id: Mapping[str, str] = field(default_factory=dict)
    mappings: Mapping[str, int] = field(default_factory=dict)

    def read(self, text: str) -> str:
        """The text with the name in place of each id it mentions, and its days as people write them."""
        return readable(ID.sub(lambda found: self.by_id.get(found[0], found[0]), text))

    def cause(self, subject: str) -> str:
        """What a problem is about, beside its title."""
        return CAUSES[subject] if subject in CAUSES else self.read(subject)


def readable(text: str) -> str:
    """Days in a stored sentence as the pages show them: 2026-10-30 becomes 30 Oct 2026."""
    return ISO_DAY.sub(_day, text)


def _day(found: re.Match[str]) -> str:
    try:
        return date_format(date.fromisoformat(found[0]), "j M Y")
    except ValueError:
        return found[0]


def names(causes: Iterable[tuple[str, str]], *, with_locations: bool = True) -> Names:
    """For causes as (problem kind, subject): one statement for the customers among them, one for the articles, one for
    the locations.
    """
    causes = list(causes)
    ids = {subject for kind, subject in causes if kind == ProblemKind.UNMAPPED_CUSTOMER}
    rows = CustomerMapping.objects.filter(square_customer_id__in=ids).order_by("effective_from") if ids else ()
    articles = {subject for kind, subject in causes if kind == ProblemKind.UNMAPPED_ITEM}
    called = ItemMapping.objects.filter(square_item__in=articles).values_list("square_item", "square_name")
    items = {item: name for item, name in called if name} if articles else {}
    places = Location.objects.values_list("location_id", "name") if with_locations else ()
    known = {row.square_customer_id: row.square_name for row in rows if row.square_name}
    return Names({**dict(places), **known, **items}, {row.square_customer_id: row.pk for row in rows})
