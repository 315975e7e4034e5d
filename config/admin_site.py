"""The one admin site."""

from __future__ import annotations

from django.contrib import admin


class BackOffice(admin.AdminSite):
    site_header = "Tillbridge"
    site_title = "Tillbridge"
    index_title = "Work list"
