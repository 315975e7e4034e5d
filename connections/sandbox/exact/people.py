"""current/Me and the lists of divisions: rows that are made when asked for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from connections.sandbox.exact.apps import User
from connections.sandbox.exact.store import Row, Table

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision
    from connections.sandbox.exact.site import ExactSite

_LOCALES = {"en": "en-GB", "nl": "nl-NL", "de": "de-DE", "fr": "fr-FR"}


def me(site: ExactSite, user: User) -> Table:
    """# Reference: section 3, ServerTime is a plain ISO string, ServerUtcOffset is in seconds."""
    now = site.clock.now().astimezone(site.zone)
    current = site.divisions.get(user.current_division or -1)
    first, _, last = user.full_name.partition(" ")
    offset = now.utcoffset()
    row = {
        "UserID": user.guid,
        "UserName": user.name,
        "FullName": user.full_name,
        "FirstName": first,
        "LastName": last,
        "Email": user.email,
        "Language": user.language.upper(),
        "LanguageCode": _LOCALES.get(user.language, "en-GB"),
        "Gender": "O",
        "CurrentDivision": user.current_division,
        "AccountingDivision": user.current_division,
        "DivisionCustomer": str(uuid5(NAMESPACE_URL, f"customer/{user.current_division}")),
        "DivisionCustomerCode": f"{user.current_division or 0}".rjust(18),
        "DivisionCustomerName": current.name if current else None,
        "DivisionCustomerSiretNumber": "",
        "IsClientUser": True,
        **dict.fromkeys(_NOT, False),
        "IsOEIMigrationMandatory": True,
        "Legislation": 1,
        "PackageCode": "EOLAPPCENTER",
        "ServerTime": now.replace(tzinfo=None, microsecond=0).isoformat(),
        "ServerUtcOffset": int(offset.total_seconds()) if offset else 0,
    }
    return Table("UserID", rows=[row])


_NOT = ("IsEmployeeSelfServiceUser", "IsMyFirmLiteUser", "IsMyFirmPortalUser", "IsStarterUser")


def divisions(site: ExactSite, user: User, *, everything: bool = False) -> Table:
    """Those the user reaches, or all of the licence."""
    rows = [_division(user, found) for found in site.divisions.values() if everything or site.reaches(user, found)]
    return Table("Code", rows=rows)


def _division(user: User, division: ExactDivision) -> Row:
    legal = f"{division.country:<3}"
    hid = division.code % 1000
    start: datetime = division.made_at.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "Code": division.code,
        "Description": division.name,
        "CustomerName": division.name,
        "Customer": str(uuid5(NAMESPACE_URL, f"customer/{division.code}")),
        "Country": legal,
        "Legislation": legal,
        "Currency": division.currency,
        "ChamberOfCommerceNumber": division.registration_number or None,
        "BlockingStatus": 0,
        "Hid": hid,
        "HID": hid,
        "Status": 1,
        "Current": user.current_division == division.code,
        "IsMainDivision": False,
        "Main": False,
        "IsDossierDivision": False,
        "IsHRDivision": False,
        "IsPracticeDivision": False,
        "SiretNumber": "",
        "StartDate": start,
        "DivisionMoveDate": division.moved_at,
        "TemplateCode": "NL",
        "Created": division.made_at,
        "Modified": division.made_at,
    }
