"""documents/Documents and their attachments: files kept beside an entry or a relation.

# Reference: section 9 (documents/Documents, DocumentAttachments); properties in appendix A.
"""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from typing import TYPE_CHECKING

from connections.sandbox.exact import checks
from connections.sandbox.exact.errors import BadRequest, Rule
from connections.sandbox.exact.store import Row

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision

# The types the reference names; Exact's own list is longer and a division's setting.
TYPES = {10: "Sales invoice", 20: "Purchase invoice", 55: "Miscellaneous"}
_ENTRIES = ("salesentries", "bankentries", "cashentries", "generaljournalentries")


def create(division: ExactDivision, body: Row) -> Row:
    """A document without a file yet. One that names an entry shows there: a guess, a recording would settle it."""
    if body["Type"] not in TYPES:
        raise Rule("invalid", "Type", str(body["Type"]))
    if body.get("Account"):
        checks.account(division, body["Account"])
    named = body.get("FinancialTransactionEntryID")
    entry = _entry(division, named)
    if named and entry is None:
        raise Rule("reference", "Entry")
    hid = body.get("HID") or division.hid()
    row = division.add("documents", **body, HID=hid, TypeDescription=TYPES[body["Type"]], HasEmptyBody=True)
    if entry is not None:
        shown = {"Document": row["ID"], "DocumentNumber": hid, "DocumentSubject": body["Subject"]}
        division.tables[entry[0]].change(entry[1], **shown)
    return row


def _entry(division: ExactDivision, key: str | None) -> tuple[str, str] | None:
    """Table and key of the entry that a document names."""
    return next(((name, key) for name in _ENTRIES if key and division.tables[name].get(key) is not None), None)


def remove(division: ExactDivision, key: str) -> None:
    for row in division.tables["documentattachments"].find("Document", key):
        division.forget("documentattachments", row["ID"])
    gone = division.forget("documents", key)
    entry = _entry(division, gone.get("FinancialTransactionEntryID"))
    if entry is not None:
        division.tables[entry[0]].change(entry[1], Document=None, DocumentNumber=None, DocumentSubject=None)


def attach(division: ExactDivision, body: Row) -> Row:
    """A file of a document. Its content is kept as `_content` and never answered."""
    if division.tables["documents"].get(body["Document"]) is None:
        raise Rule("reference", "Document")
    try:
        content = base64.b64decode(body["Attachment"], validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("Error processing request stream. The value of property 'Attachment' is not valid.") from None
    row = {"Document": body["Document"], "FileName": body["FileName"], "FileSize": Decimal(len(content))}
    return division.add("documentattachments", **row, Attachment=None, _content=content)


def detach(division: ExactDivision, key: str) -> None:
    division.forget("documentattachments", key)
