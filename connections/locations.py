"""The merchant and the locations behind a Square consent, as Square described them last."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from audit import trail
from connections import clients, clock
from connections.models import Connection, Location
from connections.providers.square import payloads

ACTIVE = "ACTIVE"


def discover(connection: Connection) -> list[Location]:
    """Read merchant and locations and keep them. Raises the errors of `providers.errors`."""
    client = clients.square_client(connection)
    merchant = payloads.merchant(client.merchant())
    found = [payloads.location(raw) for raw in client.locations()]
    _keep(connection, merchant, found)
    return list(connection.locations.all())


def _keep(connection: Connection, merchant: payloads.Merchant, found: Iterable[payloads.Location]) -> None:
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(account_id=merchant.id, account_name=merchant.name)
        facts = [fact for location in found if (fact := _keep_one(connection, location, merchant))]
        listed = [location.id for location in found]
        connection.locations.exclude(location_id__in=listed).update(is_active=False)
        trail.record(facts, at=clock.now())


def _keep_one(connection: Connection, found: payloads.Location, merchant: payloads.Merchant) -> trail.Fact | None:
    values = {
        "name": found.name,
        "currency": found.currency,
        "timezone": found.timezone,
        "country": found.country,
        "is_active": found.status == ACTIVE,
        "merchant_id": found.merchant_id or merchant.id,
    }
    row, is_new = Location.objects.update_or_create(connection=connection, location_id=found.id, defaults=values)
    if not is_new:
        return None
    return trail.Fact("location.discovered", "location", row.pk, row.name, source=row.location_id)
