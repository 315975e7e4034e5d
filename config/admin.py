"""People and their roles in the back office."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from audit import trail, words
from audit.adminkit import BackOfficeAdmin, ConfirmedAction, Outcome, add_subject
from audit.trail import Fact
from connections import clock

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin

add_subject("user", User)
words.add(
    {
        "user.added": "person added",
        "user.changed": "person changed",
        "user.factor_removed": "second factor removed",
    }
)


def remove_factors(request: HttpRequest, rows: QuerySet[User], reason: str) -> Outcome:
    """For who has lost phone and recovery codes: the next sign-in asks to set up a new factor."""
    own = [(str(row), "nobody removes their own factor here") for row in rows if row == request.user]
    others = [row for row in rows if row != request.user]
    facts = [
        Fact("user.factor_removed", "user", row.pk, row.get_username(), detail={"reason": reason}) for row in others
    ]
    with transaction.atomic():
        Authenticator.objects.filter(user__in=others).delete()
        trail.record(facts, at=clock.now())
    return Outcome(done=len(others), skipped=own)


admin.site.unregister([User, Group])


@admin.register(User)
class PersonAdmin(_UserAdmin, BackOfficeAdmin):
    """Rights come with roles; single permissions are for superusers to work out, not for this page."""

    list_display = ("username", "first_name", "last_name", "email", "is_active", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Role", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Seen", {"fields": ("last_login", "date_joined")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="remove-factor", label="Remove second factor", permission="auth.change_user", run=remove_factors,
            explains="For somebody who lost phone and recovery codes. Make sure that it is really them who asks: until "
            "they set up a new factor, the password alone lets them in as far as that page.",
            done="without a second factor now", reversible="No: the person sets up a new one.", asks_reason=True,
            is_grave=True,
        ),
    )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        detail = {"fields": form.changed_data}
        if "groups" in form.changed_data:
            detail["roles"] = [group.name for group in form.cleaned_data["groups"]]
        fact = Fact("user.changed" if change else "user.added", "user", obj.pk, obj.get_username(), detail=detail)
        trail.record([fact], at=clock.now())


@admin.register(Group)
class RoleAdmin(GroupAdmin, BackOfficeAdmin):
    filter_horizontal = ()
