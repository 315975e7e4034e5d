"""Documents of Exact and the files attached to them. A document points at an entry and is found by its subject.

Two calls make one: the document, then its file. Either is created once: who does not know whether it was looks it up.
Reference: exact-online.md section 9 (documents/Documents, DocumentAttachments), appendix A. That an entry shows the
document that names it in FinancialTransactionEntryID follows from the property's name; a recording would settle it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any

from connections.providers.exact import odata
from connections.providers.exact.client import ExactClient
from connections.providers.exact.resources import Resource
from connections.providers.exact.values import required_guid
from connections.providers.payload import Reader

MISCELLANEOUS = 55


def _id(row: Mapping[str, Any]) -> str:
    return required_guid(Reader(row, "Documents"), "ID")


DOCUMENTS = Resource("documents/Documents", ("ID", "Subject"), _id)
ATTACHMENTS = Resource("documents/DocumentAttachments", ("ID", "Document", "FileName"), _id)


def create_document(client: ExactClient, *, subject: str, entry_id: str, day: date) -> str:
    """A document beside an entry; returns Exact's id. Raises `NoAnswer` also for an answer without one."""
    body = {
        "Subject": subject, "Type": MISCELLANEOUS, "FinancialTransactionEntryID": entry_id,
        "DocumentDate": day.isoformat(),
    }  # fmt: skip
    return client.create_read(DOCUMENTS.path, body, read=_id)


def attach_file(client: ExactClient, *, document_id: str, name: str, content: bytes) -> str:
    """The content travels as base64, a third longer; Exact takes bodies of up to 10 MB."""
    body = {"Document": document_id, "FileName": name, "Attachment": base64.b64encode(content).decode("ascii")}
    return client.create_read(ATTACHMENTS.path, body, read=_id)


def documents_called(client: ExactClient, subject: str) -> tuple[str, ...]:
    """Every document with exactly this subject."""
    return tuple(client.read(DOCUMENTS, where=odata.eq("Subject", subject)))


def files_of(client: ExactClient, document_id: str) -> tuple[str, ...]:
    return tuple(client.read(ATTACHMENTS, where=odata.eq("Document", odata.guid(document_id))))
