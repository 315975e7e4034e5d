"""All country sites. Each has its own users, companies and app registrations; tokens do not cross."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connections.sandbox.clock import SandboxClock
from connections.sandbox.courier import Courier
from connections.sandbox.exact.site import ZONES, ExactSite
from connections.sandbox.log import RequestLog


class ExactSandbox(Mapping[str, ExactSite]):
    """region -> site"""

    def __init__(self, *, clock: SandboxClock, log: RequestLog, seed: int = 1, courier: Courier | None = None) -> None:
        self._sites = {region: ExactSite(region, clock=clock, log=log, seed=seed, courier=courier) for region in ZONES}

    def __getitem__(self, region: str) -> ExactSite:
        return self._sites[region]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sites)

    def __len__(self) -> int:
        return len(self._sites)

    def site(self, region: str) -> ExactSite:
        """Raises `LookupError` with a sentence."""
        if region not in self._sites:
            raise LookupError(f"There is no Exact site '{region}'; known are {', '.join(self._sites)}.")
        return self._sites[region]

    def summary(self) -> dict[str, Any]:
        """Region -> division -> entries and lines, of the sites in use."""
        return {
            region: {
                str(code): {"name": division.name, "lines": len(division.tables["transactionlines"])}
                for code, division in site.divisions.items()
            }
            for region, site in self._sites.items()
            if site.divisions
        }
