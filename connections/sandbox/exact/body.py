"""Request bodies, read against the catalogue.

# Reference: section 1.8, read-only properties are ignored silently, unknown ones are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connections.sandbox.exact.catalogue import Endpoint, Property, endpoints
from connections.sandbox.exact.errors import BadRequest, Rule
from connections.sandbox.exact.odata import moment
from connections.sandbox.exact.store import Row

LARGEST = 10_000_000
_RATES = "VATCodeID"  # rates are read-only on their own, but a VAT code is posted with them
_LARGEST_AMOUNT = 10**15  # what a double still tells to the cent
_GUID = re.compile(r"^\{?([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?$")
_RANGES = {"I": 2**31, "H": 2**15, "L": 2**63}
# The lines of a document, by the collection they are posted in.
CHILDREN = {
    "SalesEntryLines": "salesentry/SalesEntryLines",
    "BankEntryLines": "financialtransaction/BankEntryLines",
    "CashEntryLines": "financialtransaction/CashEntryLines",
    "GeneralJournalEntryLines": "generaljournalentry/GeneralJournalEntryLines",
    "VATPercentages": "vat/VatPercentages",
    "SalesOrderLines": "salesorder/SalesOrderLines",
    "QuotationLines": "crm/QuotationLines",
}
# The column that names the parent, where it is not EntryID.
PARENTS = {
    "vat/VatPercentages": _RATES,
    "salesorder/SalesOrderLines": "OrderID",
    "crm/QuotationLines": "QuotationID",
}


def read(endpoint: Endpoint, raw: bytes, method: str, zone: ZoneInfo) -> Row:
    """The writable properties as the store keeps them. Raises `BadRequest` or `Rule`."""
    try:
        data = json.loads(raw, parse_float=Decimal)
    except ValueError:
        raise BadRequest("Error processing request stream. The request body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise BadRequest("Error processing request stream. A single entity was expected.")
    return _entity(endpoint, data, method, zone)


def _entity(endpoint: Endpoint, data: Mapping[str, Any], method: str, zone: ZoneInfo, *, inline: str = "") -> Row:
    row: Row = {}
    for name, value in data.items():
        found = endpoint.properties.get(name)
        if found is None:
            if name == "__metadata":
                continue
            raise BadRequest(f"The property '{name}' does not exist on type '{endpoint.model}'.")
        if name == "AmountDC" and isinstance(value, (int, Decimal)):
            row["_AmountDC"] = Decimal(value)  # counts only where a switch says so
        if found.writable(method) or inline == _RATES:
            row[name] = _value(found, value, method, zone)
    if method == "POST":
        _complete(endpoint, row, inline=inline)
    return row


def _complete(endpoint: Endpoint, row: Row, *, inline: str) -> None:
    """Mandatory ones; the parent's key is not, on lines that come inside it."""
    for name, found in endpoint.properties.items():
        if found.mandatory and row.get(name) in (None, "") and name != inline and found.writable("POST"):
            if name == "AmountFC" and "_AmountDC" in row:
                continue
            raise Rule("mandatory", name)


def _value(found: Property, value: Any, method: str, zone: ZoneInfo) -> Any:
    if found.type == "C":
        return _collection(found, value, method, zone)
    if value is None:
        return None
    try:
        return _READERS[found.type](value) if found.type != "D" else moment(_text(value), zone)
    except (TypeError, ValueError):
        if found.type == "G" and isinstance(value, str):
            # Reference: section 6, "Niet herkende GUID-indeling".
            raise BadRequest("Unrecognized Guid format.") from None
        raise BadRequest(
            f"Error processing request stream. The value of property '{found.name}' is not valid."
        ) from None


def _collection(found: Property, value: Any, method: str, zone: ZoneInfo) -> list[Row]:
    rows = value.get("results") if isinstance(value, dict) else value
    child = CHILDREN.get(found.name)
    if rows is None and child:
        return []
    if not isinstance(rows, list) or child is None or not all(isinstance(row, dict) for row in rows):
        raise BadRequest(f"Error processing request stream. The value of property '{found.name}' is not valid.")
    inline = PARENTS.get(child, "EntryID")
    return [_entity(endpoints()[child], row, method, zone, inline=inline) for row in rows]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _guid(value: Any) -> str:
    match = _GUID.match(_text(value))
    if match is None:
        raise ValueError
    return match.group(1).lower()


def _double(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise TypeError
    number = Decimal(value)
    if abs(number) >= _LARGEST_AMOUNT:
        raise ValueError
    return number


def _integer(limit: int) -> Callable[[Any], int]:
    def read_integer(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not -limit <= value < limit:
            raise ValueError
        return value

    return read_integer


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _byte(value: Any) -> int:
    number = _integer(256)(int(value) if isinstance(value, bool) else value)
    if number < 0:
        raise ValueError
    return number


_READERS: dict[str, Callable[[Any], Any]] = {
    "S": _text,
    "X": _text,
    "G": _guid,
    "N": _double,
    "T": _boolean,
    "B": _byte,
    **{kind: _integer(limit) for kind, limit in _RANGES.items()},
}
