"""What each endpoint is made of: properties with their type, methods and marks, page size, closed lists.

`catalogue*.json` hold facts only: property -> [type, methods, mandatory, read-only(, collection of)].
Types: G guid, S string, D datetime, N double, I int32, H int16, B byte, L int64, T boolean, X binary, C collection.
Methods: G GET, P POST, U PUT, D DELETE.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

# Reference: section 2.5 names the scope areas; these endpoints carry none in the catalogue.
_SCOPES = {
    "hrm/Divisions": "organization.administration",
    "bulk/Financial/TransactionLines": "financial.accounting",
    "bulk/Financial/GLAccounts": "financial.generalledgers",
    "bulk/CRM/Accounts": "crm.accounts",
}
_MODELS = {
    "Me": "System.Me",
    "Divisions": "System.Division",
    "AllDivisions": "System.Division",
    "TransactionLines": "Financial.TransactionLine",
    "Deleted": "Sync.Deleted",
    "SyncTimestamp": "Sync.SyncTimestamp",
}


class Property(NamedTuple):
    name: str
    type: str
    methods: str
    mandatory: bool
    of: str

    def writable(self, method: str) -> bool:
        return {"POST": "P", "PUT": "U"}[method] in self.methods


@dataclass(frozen=True)
class Endpoint:
    path: str
    keys: tuple[str, ...]
    methods: frozenset[str]
    page_size: int
    kind: str
    properties: dict[str, Property]
    filterable_only: frozenset[str]
    select_mandatory: bool
    select_star: bool
    scope: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def model(self) -> str:
        """The entity's type as `__metadata` names it."""
        singular = self.name.removesuffix("s") if not self.name.endswith("ies") else f"{self.name[:-3]}y"
        return f"Exact.Web.Api.Models.{_MODELS.get(self.name, singular)}"


def _endpoint(path: str, data: dict[str, Any]) -> Endpoint:
    properties = {
        name: Property(name, row[0], row[1], row[2], row[4] if len(row) > 4 else "")  # noqa: PLR2004
        for name, row in data["properties"].items()
    }
    words = {"G": "GET", "P": "POST", "U": "PUT", "D": "DELETE"}
    return Endpoint(
        path=path,
        keys=tuple(data["keys"]),
        methods=frozenset(words[letter] for letter in data["methods"]),
        page_size=data["page_size"],
        kind=data["kind"],
        properties=properties,
        filterable_only=frozenset(data.get("filterable_only", ())),
        select_mandatory=data.get("select_mandatory", False),
        select_star=data.get("select_star", True),
        scope=data.get("scope", _SCOPES.get(path, "")),
    )


@lru_cache(maxsize=1)
def endpoints() -> dict[str, Endpoint]:
    """Path without division -> endpoint."""
    found: dict[str, Endpoint] = {}
    for file in sorted(Path(__file__).parent.glob("catalogue*.json")):
        found |= {path: _endpoint(path, data) for path, data in json.loads(file.read_text()).items()}
    return found
