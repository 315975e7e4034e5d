"""Creating, changing and deleting what is not an entry: relations, ledger accounts, journals, codes, items."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from connections.sandbox.exact import checks
from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision

_WIDTHS = {"accounts": 18, "vatcodes": -3, "items": 0, "glaccounts": 0}  # negative: padded on the right


def padded(table: str, code: str) -> str:
    """# Reference: section 1.9, account codes are right-aligned to 18, VAT codes padded to 3."""
    width = _WIDTHS.get(table, 0)
    if width > 0:
        return code.strip().rjust(width)
    return f"{code.strip():<{-width}}" if width else code


def _free(division: ExactDivision, table: str, body: Row) -> Row:
    """The body with its code padded. Raises `Rule` when the code is taken, by the row itself too."""
    if not body.get("Code"):
        return {name: value for name, value in body.items() if name != "Code"}
    code = padded(table, body["Code"])
    if division.tables[table].find("Code", code):
        # Reference: section 5, a PUT that repeats an unchanged code gets this too.
        raise Rule("duplicate")
    return {**body, "Code": code}


def create(table: str) -> Callable[[ExactDivision, Row], Row]:
    def created(division: ExactDivision, body: Row) -> Row:
        return division.add(table, **_free(division, table, body))

    return created


def change(table: str) -> Callable[[ExactDivision, str, Row], None]:
    def changed(division: ExactDivision, key: str, body: Row) -> None:
        kept = {name: value for name, value in _free(division, table, body).items() if name != "ID"}
        division.tables[table].change(key, **kept, Modified=division.now())

    return changed


def delete(table: str, *used_in: tuple[str, str], label: str) -> Callable[[ExactDivision, str], None]:
    """Refused while a row of `used_in` (table, column) names it."""

    def deleted(division: ExactDivision, key: str) -> None:
        for other, column in used_in:
            if division.tables[other].find(column, key):
                raise Rule("undeletable", label, "Transactions")
        division.forget(table, key)

    return deleted


def create_account(division: ExactDivision, body: Row) -> Row:
    known = _free(division, "accounts", _checked_relation(division, body))
    status = known.get("Status") or "A"
    return division.add_account(known.pop("Name"), **{**known, "Status": status}, **_derived(status))


def _derived(status: str) -> Row:
    """# Reference: section 9, IsSales is read-only and follows from the status."""
    if status not in tuple("ASPC"):
        raise Rule("invalid", "Status", status)
    return {"IsSales": status == "C"}


def change_account(division: ExactDivision, key: str, body: Row) -> None:
    if "Name" in body and not body["Name"]:
        raise Rule("mandatory", "Name")
    derived = _derived(body["Status"]) if body.get("Status") else {}
    change("accounts")(division, key, {**_checked_relation(division, body), **derived})


# A guess: the reference lists no lengths, and not what a longer text is answered with.
_LENGTHS = {
    "Name": 50, "Email": 100, "Phone": 30, "AddressLine1": 60, "AddressLine2": 60, "Postcode": 20, "City": 30,
    "SearchCode": 20, "VATNumber": 30,
}  # fmt: skip
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_VAT_NUMBER = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}")
_NOWHERE = frozenset(("ZZ", "XX", "UK", "EL", "EU"))


def _checked_relation(division: ExactDivision, body: Row) -> Row:
    """# Reference: section 6, "Invalid: Email []"; the other rules are guesses in the same form."""
    for name, longest in _LENGTHS.items():
        if len(body.get(name) or "") > longest:
            raise Rule("invalid", name)
    if body.get("Email") and not _EMAIL.fullmatch(body["Email"]):
        raise Rule("invalid", "Email")
    if body.get("VATNumber") and not _VAT_NUMBER.fullmatch(body["VATNumber"]):
        raise Rule("invalid", "VATNumber")
    checks.payment_condition(division, body.get("PaymentConditionSales"))
    if not body.get("Country"):
        return body
    country = body["Country"].strip()
    if not re.fullmatch("[A-Z]{2}", country) or country in _NOWHERE:
        raise Rule("reference", "Country")
    return {**body, "Country": f"{country:<3}"}


def create_contact(division: ExactDivision, body: Row) -> Row:
    """A guess: an account's first contact becomes its main contact."""
    account = checks.account(division, body["Account"])
    made = division.add("contacts", **{**body, "FullName": _full_name(body), "AccountName": account["Name"]})
    if not account.get("MainContact"):
        division.tables["accounts"].change(account["ID"], MainContact=made["ID"])
    return made


def change_contact(division: ExactDivision, key: str, body: Row) -> None:
    held = division.tables["contacts"].get(key) or {}
    change("contacts")(division, key, {**body, "FullName": _full_name({**held, **body})})


def _full_name(body: Row) -> str:
    return " ".join(part for part in (body.get("FirstName"), body.get("MiddleName"), body.get("LastName")) if part)


def create_address(division: ExactDivision, body: Row) -> Row:
    """# Reference: section 9, an identical address gives back the existing one."""
    account = checks.account(division, body.get("Account"))
    for row in division.tables["addresses"].find("Account", account["ID"]):
        if all(row.get(name) == value for name, value in body.items()):
            return row
    return division.add("addresses", **{**body, "AccountName": account["Name"]})


def create_gl_account(division: ExactDivision, body: Row) -> Row:
    known = _free(division, "glaccounts", body)
    if "Code" not in known or not known.get("Description"):
        raise Rule("mandatory", "Code" if "Code" not in known else "Description")
    return division.add_gl_account(known.pop("Code"), known.pop("Description"), known.pop("Type", 90), **known)


def create_journal(division: ExactDivision, body: Row) -> Row:
    known = _free(division, "journals", body)
    for name in ("Code", "Description", "Type"):
        if not known.get(name):
            raise Rule("mandatory", name)
    gl = checks.gl_account(division, known["GLAccount"])["Code"] if known.get("GLAccount") else None
    row = division.add_journal(known["Code"], known["Description"], known["Type"], gl=gl)
    fixed = ("Code", "Description", "Type", "GLAccount", "ID")
    return division.tables["journals"].change(row["ID"], **{k: v for k, v in known.items() if k not in fixed})


def create_vat_code(division: ExactDivision, body: Row) -> Row:
    known = _free(division, "vatcodes", body)
    if not known.get("Code"):
        raise Rule("mandatory", "Code")
    rates = [
        rate["Percentage"] for rate in known.pop("VATPercentages", None) or () if rate.get("Percentage") is not None
    ]
    percentage = rates[-1] if rates else Decimal(0)
    row = division.add_vat_code(known["Code"], known.get("Description") or "", percentage, known.get("Type") or "E")
    accounts = {name: value for name, value in known.items() if name not in ("Code", "Description", "Type", "ID")}
    return division.tables["vatcodes"].change(row["ID"], **accounts)
