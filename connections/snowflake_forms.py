"""What a person may enter about a connection to Snowflake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms

from connections.fields import DecryptionFailed, Secret
from connections.forms import KEEPS, SEALED, offer_local_under_fast_clock, require_local_under_fast_clock
from connections.models import Connection
from connections.providers.snowflake.accounts import Account, NoIdentifier
from connections.providers.snowflake.keypair import KeyPair, WrongKey

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Connection]
else:
    _ModelForm = forms.ModelForm

NAMES = ("user_name", "role", "warehouse", "database", "schema")
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
LONGEST_KEY = 20_000
PAIRS = (
    ("private_key", "private_key_passphrase", "public_key"),
    ("second_private_key", "second_private_key_passphrase", "second_public_key"),
)


class NameField(forms.CharField):
    """A name as in Snowflake's SQL: capitals do not count unless it stands in quotes. Kept exactly, without them."""

    def to_python(self, value: Any) -> str:
        text = str(super().to_python(value) or "")
        if re.fullmatch(r'"(?:[^"]|"")+"', text):
            return text[1:-1].replace('""', '"')
        if text and not PLAIN.fullmatch(text):
            raise forms.ValidationError("Write a name with other signs than letters, digits and _ in double quotes.")
        return text.upper()

    def prepare_value(self, value: Any) -> Any:
        """Shown so that saving the form again means the same name."""
        if not isinstance(value, str) or not value or value.startswith('"'):
            return value
        is_plain = value == value.upper() and PLAIN.fullmatch(value)
        return value if is_plain else '"' + value.replace('"', '""') + '"'

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(initial != self.to_python(data))
        except forms.ValidationError:
            return True


class KeyArea(forms.Textarea):
    """For a key of many lines. What was entered is never shown again, not even beside an error."""

    def format_value(self, value: Any) -> str:  # noqa: ARG002 - the widget's signature
        return ""


class SnowflakeForm(_ModelForm):
    forget_second_key = forms.BooleanField(
        required=False, help_text="Once the first key works alone, take the old one away at the user too."
    )

    class Meta:
        model = Connection
        fields = (
            "system", "environment", "label", "account_identifier", *NAMES, "private_key", "private_key_passphrase",
            "second_private_key", "second_private_key_passphrase",
        )  # fmt: skip
        field_classes = dict.fromkeys(NAMES, NameField)
        help_texts = {
            "user_name": "A user of Tillbridge's own (TYPE = SERVICE). Names are as in SQL: small letters need quotes.",
            "role": "Needs USAGE on warehouse, database and schema, and CREATE TABLE and CREATE VIEW on the schema.",
            "warehouse": "The smallest will do. AUTO_SUSPEND = 60 keeps the bill low, AUTO_RESUME must be on.",
            "private_key": "RSA of 2048 bits or more, PKCS#8 in PEM, encrypted or not. ",
            "private_key_passphrase": "Only for an encrypted key; entered together with it. ",
            "second_private_key": "While keys are changed: tried when the first one is refused. ",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_local_under_fast_clock(self)
        for name in ("account_identifier", *NAMES):
            if name in self.fields:
                self.fields[name].required = True
        if "private_key" in self.fields and self.instance.private_key is None:
            self.fields["private_key"].required = True
            said = "Enter the private key; nothing can be signed without it."
            self.fields["private_key"].error_messages["required"] = said
        for key, passphrase, _ in PAIRS:
            if key in self.fields:
                self.fields[key].widget = KeyArea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"})
            for name in (key, passphrase):
                if name in self.fields:
                    kept = KEEPS if getattr(self.instance, name, None) is not None else SEALED
                    self.fields[name].help_text = f"{self.fields[name].help_text}{kept}"
        if self.instance.second_private_key is None:
            self.fields.pop("forget_second_key", None)

    def clean_account_identifier(self) -> str:
        try:
            return Account.read(self.cleaned_data["account_identifier"]).identifier
        except NoIdentifier as wrong:
            raise forms.ValidationError(str(wrong)) from None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if "private_key" not in self.fields:  # who may only look
            return values
        for pair in PAIRS:
            self._clean_pair(values, *pair)
        same = self.instance.public_key and self.instance.public_key == self.instance.second_public_key
        if same and not values.get("forget_second_key"):
            self.add_error("second_private_key", "This is the first key once more.")
        require_local_under_fast_clock(self, values)
        return values

    def _clean_pair(self, values: dict[str, Any], key: str, passphrase: str, public: str) -> None:
        """A key is read together with its passphrase; a passphrase alone, with the stored key."""
        entered, secret = str(values.get(key) or ""), str(values.get(passphrase) or "")
        if not entered and not secret:
            return
        if len(entered) > LONGEST_KEY:
            self.add_error(key, "This is longer than a key can be.")
            return
        try:
            text = entered or self._stored(key)
            setattr(self.instance, public, KeyPair.read(text, secret).public)
        except DecryptionFailed as failed:
            self.add_error(key, str(failed))
        except WrongKey as wrong:
            self.add_error(passphrase if "passphrase" in str(wrong) else key, str(wrong))

    def _stored(self, key: str) -> str:
        held = getattr(self.instance, key)
        return held.open() if isinstance(held, Secret) else ""

    def save(self, commit: bool = True) -> Connection:
        """A new key brings its passphrase or has none: a stored one never outlives its key."""
        row = super().save(commit=False)
        for key, passphrase, _ in PAIRS:
            if self.cleaned_data.get(key) and not self.cleaned_data.get(passphrase):
                setattr(row, passphrase, None)
        if self.cleaned_data.get("forget_second_key"):
            row.second_private_key = row.second_private_key_passphrase = None
            row.second_public_key = ""
        if commit:
            row.save()
        return row

    @property
    def touched(self) -> list[str]:
        """Columns that a save writes: what was changed, and what follows from it."""
        found = [name for name in self.changed_data if name != "forget_second_key"]
        for pair in PAIRS:
            if {*pair[:2], "forget_second_key"} & set(self.changed_data):
                found += [name for name in pair if name not in found]
        return found
