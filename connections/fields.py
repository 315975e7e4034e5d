"""A column that holds a secret sealed, and the value it reads as.

django-fernet-encrypted-fields derives the keys and brings the column. Its traps are closed here: it returns the
ciphertext when no key opens it, its `clean()` leaves decryption switched off for every thread when it fails, it
accepts plaintext in the column, and it keeps the keys of the first use for the life of the process.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.utils.text import capfirst
from encrypted_fields.fields import EncryptedTextField

# Version byte 0x80 and a time stamp whose first bytes are zero until the year 2106, in URL-safe base 64.
TOKEN = re.compile(r"gAAAA[A-Za-z0-9_-]{60,}={0,2}")


class DecryptionFailed(Exception):
    """No key of this installation opens the secret, or the column never held a sealed one."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret cannot be opened with SECRET_KEY and SALT_KEY as they are now. "
            "Put the former keys back (SECRET_KEY_FALLBACKS, SALT_KEY) and press 'Test connection', or enter the "
            "secret and give consent again."
        )


class Secret:
    """A sealed text. Opens only when asked, so a row whose secret no key opens can still be listed and saved.

    Prints as a mask, pickles as its ciphertext, and is written back byte for byte as it was read.
    """

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def seal(cls, text: str) -> Secret:
        return cls(_box().encrypt(text.encode()).decode())

    def open(self) -> str:
        """The plain text. Raises `DecryptionFailed`."""
        if not TOKEN.fullmatch(self.token):
            raise DecryptionFailed
        try:
            return _box().decrypt(self.token.encode()).decode()
        except InvalidToken:
            raise DecryptionFailed from None

    @property
    def opens(self) -> bool:
        try:
            self.open()
        except DecryptionFailed:
            return False
        return True

    def resealed(self) -> Secret:
        """The same text under the first key. Raises `DecryptionFailed`."""
        return Secret.seal(self.open())

    def __repr__(self) -> str:
        return "[sealed]"

    __str__ = __repr__

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (self.token,)


def _box() -> Fernet | MultiFernet:
    salts = settings.SALT_KEY if isinstance(settings.SALT_KEY, list) else [settings.SALT_KEY]
    return _box_of((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS), tuple(salts))


@lru_cache(maxsize=4)
def _box_of(_secret_keys: tuple[str, ...], _salts: tuple[str, ...]) -> Fernet | MultiFernet:
    """Deriving a key takes 12 ms, so it is done once per set of keys and not once per field."""
    box: Fernet | MultiFernet = EncryptedTextField().f
    return box


class SealedAttribute(DeferredAttribute):
    """Whatever is assigned is sealed at once: no plain text waits in the row for `save()`."""

    def __set__(self, row: models.Model, value: Secret | str | None) -> None:
        row.__dict__[self.field.attname] = _wrapped(value)


def _wrapped(value: Secret | str | None) -> Secret | None:
    if isinstance(value, str):
        return Secret.seal(value) if value else None
    return value


class SealedFormField(forms.CharField):
    """Entered, never shown: an empty input keeps the secret that is there."""

    widget = forms.PasswordInput

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ARG002 - the form's signature
        return bool(data)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "autocomplete": "new-password", "spellcheck": "false"}


if TYPE_CHECKING:
    Sealing = models.TextField[Secret | str | None, Secret | None]
else:
    Sealing = EncryptedTextField


class SealedTextField(Sealing):
    """Reads as a `Secret` or None; takes a text or a `Secret`. Cannot be searched, only tested for being there."""

    descriptor_class = SealedAttribute

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Secret | None:  # noqa: ARG002
        return None if value is None else Secret(value)

    def get_prep_value(self, value: Any) -> str | None:
        secret = _wrapped(value)
        return None if secret is None else secret.token

    def to_python(self, value: Any) -> Secret | None:
        """From a fixture, where only a sealed text is taken."""
        if value is None or isinstance(value, Secret):
            return value
        if not isinstance(value, str) or not TOKEN.fullmatch(value):
            raise ValidationError("A secret is entered through the form; a fixture may hold it sealed only.")
        return Secret(value)

    def clean(self, value: Any, model_instance: models.Model | None) -> Secret | None:
        secret = _wrapped(value)
        self.validate(secret, model_instance)
        self.run_validators(secret)
        return secret

    def value_to_string(self, obj: models.Model) -> str:
        """For a fixture: sealed. A serialiser writes an absent secret as null without asking."""
        secret = self.value_from_object(obj)
        return "" if secret is None else str(secret.token)

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def formfield(self, **kwargs: Any) -> forms.Field:
        options = {
            "required": not self.blank,
            "label": capfirst(self.verbose_name),
            "help_text": self.help_text,
            **kwargs,
        }
        options.pop("widget", None)
        return SealedFormField(**options)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        if data:
            super().save_form_data(instance, data)
