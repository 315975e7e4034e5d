"""Who may come in: people an administrator has made, never somebody who signs up; and by which proof."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.signals import authenticator_added
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest

from connections.fields import DecryptionFailed, Secret

ENROLLED = "second_factor_enrolled"


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        return False


class SealedFactors(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """The secret of a second factor stands sealed in the database, like those of the vendors."""

    def encrypt(self, text: str) -> str:
        return Secret.seal(text).token

    def decrypt(self, encrypted_text: str) -> str:
        """Raises `PermissionDenied` when no key opens it: without its secret a factor proves nothing."""
        try:
            return Secret(encrypted_text).open()
        except DecryptionFailed:
            raise PermissionDenied(
                "Your second factor cannot be checked, because the keys of this installation changed. Ask an "
                "administrator to put the former SECRET_KEY and SALT_KEY back, or to remove your second factor."
            ) from None


@receiver(authenticator_added, dispatch_uid="signin.enrolled")
def note_enrolment(sender: Any, request: HttpRequest, **_: Any) -> None:  # noqa: ARG001
    request.session[ENROLLED] = True


def has_shown_factor(request: HttpRequest) -> bool:
    """Whether this session itself gave a second factor, or set one up. That its owner has one proves nothing about a
    session which somebody opened with the password alone before.
    """
    shown = (record.get("method") == "mfa" for record in get_authentication_records(request, request.user))
    return bool(request.session.get(ENROLLED)) or any(shown)
