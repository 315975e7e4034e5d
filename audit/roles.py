"""The roles people have: groups whose rights this module states, brought up to date by every `migrate`.

For other combinations make a group of your own: what is added to these five by hand is taken away at the next migrate.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

APPS = ("audit", "connections", "mappings", "sync")
ADMINISTRATOR = "Administrator"

_LOOKS = ("audit.view_*", "connections.view_*", "mappings.view_*", "sync.view_*")
_MAPS = tuple(
    f"mappings.{verb}_{model}"
    for model in ("customermapping", "glmapping", "itemmapping", "tenderjournal", "mappingexample")
    for verb in ("add", "change", "resolve", "import", "export")
)
# A plan books nothing: whoever keeps the books may make one, also of an undo; approving it is another right.
_BOOKS = (
    "sync.replay_*",
    "sync.dismiss_*",
    "sync.correct_*",
    "sync.edit_syncitem",
    "sync.plan_syncrun",
    "sync.undo_*",
    "sync.reconcile_*",
    "sync.prove_*",
    "sync.work_issue",
    "sync.resolve_*",
)

ROLES: dict[str, tuple[str, ...]] = {
    "Bookkeeper": (*_LOOKS, *_MAPS, *_BOOKS),
    "Approver": (
        *_LOOKS,
        *_MAPS,
        *_BOOKS,
        "mappings.add_convention",
        "mappings.change_convention",
        "mappings.add_mappingpolicy",
        "mappings.change_mappingpolicy",
        "mappings.approve_proposedchange",
        "sync.add_expiry",
        "sync.add_clearingopening",
        "sync.approve_*",
        "sync.signoff_*",
        "sync.golive_*",
        "connections.confirm_division",
    ),
    "Operator": (
        *_LOOKS, "sync.run_*", "sync.plan_syncrun", "sync.change_synclane", "sync.replay_*", "sync.reconcile_*",
        "sync.prove_*", "sync.work_issue", "sync.add_backfill",
        "connections.authorise_connection", "connections.confirm_division", "connections.change_*",
        "sync.add_alertlimits", "sync.change_alertlimits", "sync.add_alertchannel", "sync.change_alertchannel",
        "audit.verify_auditseal", "sync.change_customerpolicy", "sync.add_customerpolicy",
        "sync.change_archivepolicy", "sync.add_archivepolicy",
    ),
    "Auditor": (*_LOOKS, "audit.export_auditentry", "audit.verify_auditseal", "mappings.export_*"),
    ADMINISTRATOR: ("*",),
}  # fmt: skip
# Permissions that exist because Django makes them, on rows that nobody writes by hand.
NOBODY = {
    f"{app}.{verb}_{model}"
    for app, model in (
        ("audit", "auditentry"), ("audit", "auditseal"), ("audit", "sealedspan"), ("audit", "auditarchive"),
        ("audit", "auditverification"), ("sync", "syncitem"), ("sync", "syncrun"), ("sync", "posting"), ("sync", "leg"),
        ("sync", "deposit"), ("sync", "clearingproof"), ("sync", "suspensecleared"),
        ("sync", "booksproof"), ("sync", "booksfinding"), ("sync", "latearrival"), ("sync", "itemedit"),
        ("sync", "orderrecord"), ("sync", "exactorder"),
        ("sync", "invoicestanding"),
        ("sync", "plan"), ("sync", "plannedentry"),
        ("sync", "attachment"), ("sync", "alert"), ("sync", "alertmessage"), ("sync", "issue"), ("sync", "replay"),
        ("sync", "customerlink"), ("sync", "customercreation"),
        ("sync", "archivecursor"), ("sync", "archivetable"), ("sync", "archivebatch"), ("sync", "archivedrecord"),
        ("sync", "archiveattestation"),
        ("sync", "reconciliation"), ("sync", "difference"), ("sync", "month"),
        ("mappings", "sheetimport"), ("mappings", "sheetrow"),
        ("mappings", "proposedchange"),
        ("mappings", "debtorcontact"), ("mappings", "debtoraddress"),
        ("mappings", "salesprice"), ("mappings", "supplierprice"),
        ("connections", "vendorcall"), ("connections", "signingkey"),
        ("sync", "sourcecount"),
        ("connections", "webhookevent"), ("connections", "webhooksubscription"), ("connections", "webhooktally"),
    )
    for verb in ("add", "change", "delete")
}  # fmt: skip


def grants(role: str, permission: str) -> bool:
    """Whether the role holds `app.codename`."""
    if permission in NOBODY:
        return False
    return any(_fits(pattern, permission) for pattern in ROLES[role])


def _fits(pattern: str, permission: str) -> bool:
    return permission.startswith(pattern[:-1]) if pattern.endswith("*") else permission == pattern


def update_roles(sender: AppConfig, using: str, **_: Any) -> None:
    """Receiver of `post_migrate`, once per app: gives each role this app's permissions, exactly."""
    if sender.label not in (*APPS, "auth"):
        return
    create_permissions(sender, verbosity=0, using=using)
    permissions = list(
        Permission.objects.using(using).filter(content_type__app_label=sender.label).select_related("content_type")
    )
    for role in ROLES:
        group, _created = Group.objects.using(using).get_or_create(name=role)
        granted = {row.pk for row in permissions if _granted(role, row)}
        held = set(group.permissions.filter(content_type__app_label=sender.label).values_list("pk", flat=True))
        group.permissions.add(*granted - held)
        group.permissions.remove(*held - granted)


def _granted(role: str, row: Permission) -> bool:
    return grants(role, f"{row.content_type.app_label}.{row.codename}")
