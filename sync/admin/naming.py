"""Ids of Square in the words people use: a location or a customer by its name, and the mapping a customer has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connections.models import Location
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import CustomerMapping

ID = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Names:
    """`by_id`: name of a location or customer. `mappings`: the newest mapping of a Square customer, its primary key."""

    by_id: Mapping[str, str] = field(default_factory=dict)
    mappings: Mapping[str, int] = field(default_factory=dict)

    def read(self, text: str) -> str:
        """The text with the name in place of each id it mentions."""
        return ID.sub(lambda found: self.by_id.get(found[0], found[0]), text)


def names(causes: Iterable[tuple[str, str]], *, with_locations: bool = True) -> Names:
    """For causes as (problem kind, subject): one statement for the customers among them, one for the locations."""
    ids = {subject for kind, subject in causes if kind == ProblemKind.UNMAPPED_CUSTOMER}
    rows = CustomerMapping.objects.filter(square_customer_id__in=ids).order_by("effective_from") if ids else ()
    places = Location.objects.values_list("location_id", "name") if with_locations else ()
    known = {row.square_customer_id: row.square_name for row in rows if row.square_name}
    return Names({**dict(places), **known}, {row.square_customer_id: row.pk for row in rows})
