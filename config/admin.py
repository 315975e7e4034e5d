"""People and their roles in the back office."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from audit import trail, words
from audit.adminkit import BackOfficeAdmin, ConfirmedAction, Outcome, add_subject
from audit.trail import Fact
from connections import clock

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin

add_subject("user", User)
add_subject("role", Group)
words.add(
    {
        "user.added": "person added",
        "user.changed": "person changed",
        "user.removed": "person removed",
        "user.password_set": "password set by an administrator",
        "user.factor_removed": "second factor removed",
        "role.added": "role added",
        "role.changed": "role changed",
        "role.removed": "role removed",
    }
)


def is_above(person: User | None, request: HttpRequest) -> bool:
    """Superusers are handled by superusers: whoever sets their password or removes their factor becomes one."""
    return bool(person and person.is_superuser and not request.user.is_superuser)


def _objection(request: HttpRequest, person: User) -> str:
    if person == request.user:
        return "nobody removes their own factor here"
    return "only a superuser handles a superuser" if is_above(person, request) else ""


def remove_factors(request: HttpRequest, rows: QuerySet[User], reason: str) -> Outcome:
    """For who has lost phone and recovery codes: the next sign-in asks to set up a new factor."""
    skipped = [(str(row), objection) for row in rows if (objection := _objection(request, row))]
    others = [row for row in rows if not _objection(request, row)]
    facts = [
        Fact("user.factor_removed", "user", row.pk, row.get_username(), detail={"reason": reason}) for row in others
    ]
    with transaction.atomic():
        Authenticator.objects.filter(user__in=others).delete()
        trail.record(facts, at=clock.now())
    return Outcome(done=len(others), skipped=skipped)


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

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and not is_above(obj, request)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_above(obj, request)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Django's page; the trail keeps that a password was set by somebody else than its owner."""
        with transaction.atomic():
            before = self.get_object(request, unquote(id))
            response = super().user_change_password(request, id, form_url)
            after = self.get_object(request, unquote(id))
            if before and after and before.password != after.password:
                trail.record([Fact("user.password_set", "user", after.pk, after.get_username())], at=clock.now())
        return response

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        trail.record([Fact("user.removed", "user", obj.pk, obj.get_username())], at=clock.now())
        super().delete_model(request, obj)

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

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        detail = {"fields": form.changed_data}
        if "permissions" in form.changed_data:
            detail["rights"] = sorted(right.codename for right in form.cleaned_data["permissions"])
        verb = "role.changed" if change else "role.added"
        trail.record([Fact(verb, "role", obj.pk, obj.name, detail=detail)], at=clock.now())

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        trail.record([Fact("role.removed", "role", obj.pk, obj.name)], at=clock.now())
        super().delete_model(request, obj)
