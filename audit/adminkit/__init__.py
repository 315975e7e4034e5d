"""What every page of the back office shares: bounded lists, confirmed actions, filters, and how values are shown.

An upper app adds to a lower app's pages from its own `admin` module: `add_action(AuditEntry, replay)` puts an action
on the list and a button on the page; `add_subject("posting", Posting)` lets the audit trail link to it.
"""

from audit.adminkit.actions import CannotDo, ConfirmedAction, Outcome
from audit.adminkit.base import BackOfficeAdmin, BoundedPaginator, DetailAdmin, ReadOnlyAdmin
from audit.adminkit.filters import ChoiceFilter, ExactFilter, RangeFilter, exact_filter, range_filter
from audit.adminkit.formats import admin_url, ago, amount, badge, link, list_url, local_time, number, pretty_json
from audit.adminkit.registry import add_action, add_subject, now, read_clock_from, subject_url

__all__ = [
    "BackOfficeAdmin",
    "BoundedPaginator",
    "CannotDo",
    "ChoiceFilter",
    "ConfirmedAction",
    "DetailAdmin",
    "ExactFilter",
    "Outcome",
    "RangeFilter",
    "ReadOnlyAdmin",
    "add_action",
    "add_subject",
    "admin_url",
    "ago",
    "amount",
    "badge",
    "exact_filter",
    "link",
    "list_url",
    "local_time",
    "now",
    "number",
    "pretty_json",
    "range_filter",
    "read_clock_from",
    "subject_url",
]
