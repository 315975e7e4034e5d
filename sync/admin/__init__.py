"""The pages of this app: lanes, runs, records, entries; and what it adds to the audit trail's page."""

from audit import adminkit
from audit.models import AuditEntry
from sync.admin import entries, lanes, records, runs, words
from sync.admin.verbs import AUDIT_VERB

__all__ = ["entries", "lanes", "records", "runs"]

words.install()
adminkit.add_action(AuditEntry, AUDIT_VERB)
