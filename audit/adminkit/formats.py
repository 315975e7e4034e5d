"""How values are shown: amounts, times, states, links. Everything here returns escaped HTML or plain text."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

NOTHING = "–"
MINUS = "−"
# A number that was carried through as a text, so that 0.10 is shown as 0.10 and not as a float writes it.
MARKED = re.compile(r'"\\u0000([^"]*)"')
TONES = frozenset({"good", "busy", "wait", "bad", "quiet"})


def number(value: Decimal | int, *, places: int | None = None) -> str:
    """In the reader's form, with a real minus sign."""
    text = formats.number_format(
        value.copy_abs() if isinstance(value, Decimal) else Decimal(abs(value)),
        decimal_pos=places,
        use_l10n=True,
        force_grouping=True,
    )
    return f"{MINUS}{text}" if value < 0 else text


def amount(value: Decimal | None, currency: str = "") -> SafeString:
    """An amount of money; its decimals are those of the `Decimal`, so convert minor units before."""
    if value is None:
        return format_html('<span class="amount">{}</span>', NOTHING)
    places = max(0, -int(value.as_tuple().exponent))
    sign = " negative" if value < 0 else ""
    return format_html(
        '<span class="amount{}"><span class="currency">{}</span> {}</span>',
        sign,
        currency,
        number(value, places=places),
    )


def badge(text: str, tone: str = "quiet") -> SafeString:
    """A state as a word on a colour. `tone`: good, busy, wait, bad or quiet."""
    if tone not in TONES:
        raise ValueError(f"There is no tone {tone!r}.")
    return format_html('<span class="badge badge-{}">{}</span>', tone, text)


def local_time(value: datetime | date | None, *, seconds: bool = False) -> SafeString:
    """A moment in the reader's zone, or a plain day."""
    if value is None:
        return format_html('<span class="quiet">{}</span>', NOTHING)
    if not isinstance(value, datetime):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.date_format(value, "j M Y"))
    local = timezone.localtime(value)
    text = formats.date_format(local, "j M Y H:i:s" if seconds else "j M Y H:i")
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), text)


def ago(then: datetime, now: datetime) -> str:
    """How long ago, as roughly as people say it."""
    seconds = (now - then).total_seconds()
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {word}{'' if count == 1 else 's'} ago"
    return "just now"


def link(url: str, text: Any) -> SafeString:
    """A link, or the bare text when there is no page to go to."""
    if not url:
        return format_html("{}", text)
    return format_html('<a href="{}">{}</a>', url, text)


def admin_url(model: type[Model], pk: Any) -> str:
    """The page of one row, or "" when its model has no pages."""
    return _reverse(model, "change", pk)


def list_url(model: type[Model], **filters: Any) -> str:
    """The list of a model with these filters, or "" when its model has no pages."""
    url = _reverse(model, "changelist")
    return f"{url}?{urlencode(filters)}" if url and filters else url


def _reverse(model: type[Model], page: str, *args: Any) -> str:
    try:
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)
    except NoReverseMatch:
        return ""


def pretty_json(text: str | Any) -> str:
    """Indented JSON with amounts exactly as they stand in the text; what is not JSON stays as it is."""
    if not isinstance(text, str):
        return json.dumps(text, indent=2, ensure_ascii=False, default=str)
    try:
        value = json.loads(text, parse_float=lambda literal: f"\0{literal}")
    except ValueError:
        return text
    return MARKED.sub(r"\1", json.dumps(value, indent=2, ensure_ascii=False))
