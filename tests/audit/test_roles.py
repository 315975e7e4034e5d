from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from audit import roles


def held(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role).select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in rows}


def test_every_role_exists_after_migrate(db: None) -> None:
    assert set(roles.ROLES) <= set(Group.objects.values_list("name", flat=True))


@pytest.mark.parametrize("role", roles.ROLES)
def test_everybody_with_a_role_sees_the_books_and_the_trail(db: None, role: str) -> None:
    assert {"audit.view_auditentry", "sync.view_syncitem", "sync.view_posting", "mappings.view_glmapping"} <= held(role)


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("Auditor", {"audit.export_auditentry"},
         {"sync.replay_syncitem", "mappings.change_glmapping", "sync.run_synclane"}),
        ("Bookkeeper", {"mappings.change_glmapping", "sync.replay_posting", "sync.dismiss_syncitem",
                        "sync.plan_syncrun", "sync.undo_syncrun", "sync.correct_syncitem"},
         {"sync.run_synclane", "sync.approve_syncrun", "sync.golive_synclane", "connections.change_connection",
          "audit.export_auditentry"}),
        ("Operator", {"sync.run_synclane", "connections.authorise_connection"},
         {"mappings.change_glmapping", "sync.dismiss_syncitem", "auth.change_user"}),
        ("Approver", {"sync.golive_synclane", "connections.confirm_division", "sync.approve_syncrun"},
         {"auth.change_user"}),
        ("Administrator", {"auth.add_user", "connections.add_connection", "sync.add_synclane"}, set()),
    ],
)  # fmt: skip
def test_a_role_may_what_its_work_needs_and_no_more(db: None, role: str, may: set[str], may_not: set[str]) -> None:
    assert may <= held(role)
    assert not may_not & held(role)


@pytest.mark.parametrize("role", roles.ROLES)
def test_no_role_may_write_what_only_the_product_writes(db: None, role: str) -> None:
    assert not held(role) & roles.NOBODY


def test_migrating_again_puts_a_role_right(db: None) -> None:
    group = Group.objects.get(name="Auditor")
    group.permissions.add(Permission.objects.get(codename="change_glmapping"))
    group.permissions.remove(Permission.objects.get(codename="view_syncitem"))
    for label in ("mappings", "sync"):
        roles.update_roles(apps.get_app_config(label), using="default")
    assert "mappings.change_glmapping" not in held("Auditor")
    assert "sync.view_syncitem" in held("Auditor")
