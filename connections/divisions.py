"""Which administrations a consent reaches, which one a person pinned, and whether that is still the same one.

Every data call carries the pinned division in its path. What Exact calls the current division follows the browser of
the person who gave consent; it is recorded and shown, and nothing is booked elsewhere because of it.
Reference: exact-online.md section 3.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from audit import trail
from connections import clients, clock, priorities, signals
from connections.models import Connection, Division
from connections.providers.errors import VendorError
from connections.providers.exact import payloads
from connections.providers.exact.payloads import Me

logger = logging.getLogger(__name__)
ACTIVE = 1
# What a comparison writes; other columns of the row belong to others.
COMPARED = (
    "name", "registration_number", "vat_number", "currency", "country", "is_active", "read_at",
    "held_reason", "held_at", "versions_since",
)  # fmt: skip
PINNED = ("is_pinned", "pinned_name", "pinned_registration_number", "held_reason", "held_at")


class NotConfirmable(Exception):
    """The division cannot be pinned or confirmed as it is. The text says why."""


def discover(connection: Connection) -> list[Division]:
    """Read Me and the division list and keep what they say. Raises the errors of `providers.errors`."""
    client = clients.account_client(connection)
    me = client.me()
    listed = client.divisions(me.current_division)
    _keep(connection, me, listed)
    return list(connection.divisions.all())


def pin(division: Division, *, by: str) -> Division:
    """Lanes may book here. What it is called and registered as now is what it must stay."""
    return _pin(division, by=by, verb="division.pinned")


def confirm(division: Division, *, by: str) -> Division:
    """A person says that the changed division is still the right one: it is pinned as it is now."""
    confirmed = _pin(division, by=by, verb="division.confirmed")
    signals.division_confirmed.send(Division, division=confirmed, by=by)
    return confirmed


def unpin(division: Division, *, by: str) -> Division:
    with transaction.atomic():
        row = _locked(division)
        row.is_pinned, row.held_reason, row.held_at = False, "", None
        row.save(update_fields=PINNED)
        _record(row, "division.unpinned", by=by)
    return row


@receiver(signals.tokens_renewed, dispatch_uid="divisions.compare")
def compare_after_refresh(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:  # noqa: ARG001
    """A failed comparison costs nobody the refresh: it is told, and made again after the next one. It guards the
    bookings of all, so it does not stand back with the lane whose call renewed the token.
    """
    if connection.system != Connection.System.EXACT:
        return
    try:
        with priorities.calling(priorities.claim(priorities.Priority.FIRST)):
            discover(connection)
    except VendorError as problem:
        logger.warning("Divisions of connection %s were not compared: %s", connection.pk, problem.sentence)
        with transaction.atomic():
            detail = {"reason": problem.sentence}
            fact = trail.Fact("divisions.not_compared", "connection", connection.pk, connection.label, detail=detail)
            trail.record([fact], at=clock.now())


def _keep(connection: Connection, me: Me, listed: Iterable[payloads.Division]) -> None:
    """Store the comparison in one transaction, then tell whoever listens."""
    now = clock.now()
    with transaction.atomic():
        row = Connection.objects.select_for_update().get(pk=connection.pk)
        former = _keep_current(row, me)
        held = _keep_divisions(row, {found.code: found for found in listed}, now)
    for division in held:
        signals.division_held.send(Division, division=division, reason=division.held_reason)
    if former is not None and row.follow_current_division:
        _follow(row, former)


def _keep_current(row: Connection, me: Me) -> int | None:
    """The former current division when it changed, else None."""
    former = row.current_division
    Connection.objects.filter(pk=row.pk).update(
        current_division=me.current_division, account_id=me.user_id, account_name=me.full_name or me.user_name
    )
    if former is None or former == me.current_division:
        return None
    detail = {"from": former, "to": me.current_division, "followed": row.follow_current_division}
    fact = trail.Fact("division.current_changed", "connection", row.pk, row.label, division=former, detail=detail)
    trail.record([fact], at=clock.now())
    return former


def _keep_divisions(row: Connection, listed: dict[int, payloads.Division], now: datetime) -> list[Division]:
    """Upsert what is listed; returns the pinned ones that are held from now on."""
    known = {division.code: division for division in row.divisions.select_for_update()}
    held = []
    for code, found in listed.items():
        division = known.get(code) or Division(connection=row, code=code)
        if _take_over(division, found, now):
            held.append(division)
    gone = [division for code, division in known.items() if code not in listed]
    return held + [division for division in gone if _vanish(division, now)]


def _take_over(division: Division, found: payloads.Division, now: datetime) -> bool:
    """Whether the division is held because of what it became."""
    is_new = division.pk is None
    division.name, division.registration_number = found.name, found.registration_number
    division.vat_number, division.currency, division.country = found.vat_number, found.currency, found.country
    division.is_active, division.read_at = found.status == ACTIVE, now
    division.versions_since = f"{found.moved_at or '-'} {found.hr_linked_at or '-'}"
    reason = _difference(division)
    is_held = _hold(division, reason, now)
    division.save(update_fields=None if is_new else COMPARED)
    if is_new:
        _record(division, "division.discovered", name=division.name)
    return is_held


def _difference(division: Division) -> str:
    """Why a pinned division is no longer the one that was pinned, as a sentence, or nothing."""
    if not division.is_pinned:
        return ""
    if not division.is_active:
        return f"Exact no longer lists division {division.code} '{division.pinned_name}' as active."
    if division.name != division.pinned_name:
        return f"Division {division.code} was '{division.pinned_name}' when it was pinned and is now '{division.name}'."
    if division.registration_number != division.pinned_registration_number:
        return (
            f"Division {division.code} '{division.name}' had chamber of commerce number "
            f"{division.pinned_registration_number or 'none'} when it was pinned and now has "
            f"{division.registration_number or 'none'}."
        )
    return ""


def _vanish(division: Division, now: datetime) -> bool:
    division.is_active, division.read_at = False, now
    reason = f"This consent no longer reaches division {division.code} '{division.pinned_name or division.name}'."
    is_held = _hold(division, reason if division.is_pinned else "", now)
    division.save(update_fields=COMPARED)
    return is_held


def _hold(division: Division, reason: str, now: datetime) -> bool:
    """Once held, a division stays so until a person confirms, also when it changes back."""
    if not reason or reason == division.held_reason:
        return False
    division.held_reason, division.held_at = reason, now
    _record(division, "division.held", reason=reason)
    return True


def _follow(connection: Connection, former: int) -> None:
    row = Connection.objects.get(pk=connection.pk)
    division = row.divisions.filter(code=row.current_division or 0).first()
    if division is not None:
        signals.division_followed.send(Connection, connection=row, division=division, former=former)


def _pin(division: Division, *, by: str, verb: str) -> Division:
    with transaction.atomic():
        row = _locked(division)
        if not row.is_active:
            raise NotConfirmable(
                f"Exact does not list division {row.code} '{row.name}' as active, so nothing can be booked in it. "
                "Give the user of this consent access to it in Exact, then refresh the divisions."
            )
        row.is_pinned, row.held_reason, row.held_at = True, "", None
        row.pinned_name, row.pinned_registration_number = row.name, row.registration_number
        row.save(update_fields=PINNED)
        _record(row, verb, by=by, name=row.name, registration_number=row.registration_number)
    return row


def _locked(division: Division) -> Division:
    return Division.objects.select_for_update(of=("self",)).select_related("connection").get(pk=division.pk)


def _record(division: Division, verb: str, **detail: object) -> None:
    fact = trail.Fact(verb, "division", division.pk, str(division), division=division.code, detail=detail)
    trail.record([fact], at=clock.now())
