"""What a person may enter about a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings

from connections.models import Connection

SEALED = "Stored sealed and never shown again."
KEEPS = f"{SEALED} Leave empty to keep the one that is stored."
LOCAL = (Connection.Environment.LOCAL_SANDBOX.value, Connection.Environment.LOCAL_SANDBOX.label)


if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Connection]
else:
    _ModelForm = forms.ModelForm


class ConnectionForm(_ModelForm):
    class Meta:
        model = Connection
        fields = (
            "system", "environment", "region", "label", "client_id", "client_secret", "webhook_secret",
            "personal_access_token", "follow_current_division",
        )  # fmt: skip
        labels = {"webhook_secret": "Webhook key", "personal_access_token": "Personal access token"}
        help_texts = {
            "client_id": "From the app registration at the vendor: Exact's App Center, Square's Developer Console.",
            "client_secret": KEEPS,
            "webhook_secret": "Square: the signature key of the subscription, filled in by 'Subscribe to webhooks'. "
            f"Exact: the app's webhook secret, from the App Center. {KEEPS} A former key counts for two more days.",
            "personal_access_token": "Of the application, from Square's Developer Console: needed only to make "
            f"subscriptions here. {KEEPS}",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "client_secret" in self.fields and not self.instance.pk:
            self.fields["client_secret"].help_text = SEALED
        offer_local_under_fast_clock(self)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("system") == Connection.System.SQUARE:
            values["region"] = ""
        if not values.get("client_secret") and self.instance.client_secret is None:
            self.add_error("client_secret", "Enter the application secret; consent cannot be given without it.")
        require_local_under_fast_clock(self, values)
        return values


def offer_local_under_fast_clock(form: _ModelForm) -> None:
    if "environment" in form.fields and settings.TILLBRIDGE_CLOCK:
        form.fields["environment"].choices = [LOCAL]  # type: ignore[attr-defined]  # a field with choices
        form.initial["environment"] = Connection.Environment.LOCAL_SANDBOX


def require_local_under_fast_clock(form: _ModelForm, values: dict[str, Any]) -> None:
    if settings.TILLBRIDGE_CLOCK and values.get("environment") != Connection.Environment.LOCAL_SANDBOX:
        form.add_error("environment", "The clock runs fast here (TILLBRIDGE_CLOCK): only a local sandbox can be used.")
