"""The two apps that are composition only: ours, and Django's admin with our site in its place."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Tillbridge"


class BackOfficeConfig(AdminConfig):
    default_site = "config.admin_site.BackOffice"
