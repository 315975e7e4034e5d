"""How templates show values: the same forms as the lists."""

from __future__ import annotations

from django import template

from audit.adminkit import formats

register = template.Library()
register.filter("local_time", formats.local_time)
register.filter("exact_time", lambda value: formats.local_time(value, seconds=True))
register.filter("number", formats.number)
register.simple_tag(formats.badge, name="badge")
register.simple_tag(formats.link, name="link")
