"""What a vendor's webhook says has happened: enough to know what to look at, and nothing that could be booked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# Of any vendor, in any spelling; what is longer is no name of an event.
LONGEST_TYPE = 80


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `event_id` is the same on every delivery of it; `type` is the vendor's word ("payment.updated",
    "Accounts.Update"); `object_id` names what to read again. `account` is Square's merchant, `division` Exact's.
    """

    event_id: str
    type: str
    object_id: str
    happened_at: datetime
    account: str = ""
    location_id: str = ""
    division: int | None = None
