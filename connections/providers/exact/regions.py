"""The country sites of Exact Online. Each has its own users, companies, app registrations and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Region:
    code: str
    label: str
    base_url: str


# Reference: exact-online.md 2.1. The US address rests on one source; a consent that succeeds there would settle it.
REGIONS: Mapping[str, Region] = MappingProxyType(
    {
        region.code: region
        for region in (
            Region("nl", "Netherlands", "https://start.exactonline.nl"),
            Region("be", "Belgium", "https://start.exactonline.be"),
            Region("uk", "United Kingdom", "https://start.exactonline.co.uk"),
            Region("de", "Germany", "https://start.exactonline.de"),
            Region("fr", "France", "https://start.exactonline.fr"),
            Region("es", "Spain", "https://start.exactonline.es"),
            Region("us", "United States", "https://start.exactonline.com"),
        )
    }
)
