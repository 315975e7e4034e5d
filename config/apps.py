"""The two apps that are composition only: ours, and Django's admin with our site in its place."""

import gc

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

# New objects before Python looks for cycles among them, instead of 700: a run makes millions of rows and texts that
# end without any, and looking for them took a twentieth of its time.
GARBAGE = 5_000


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Tillbridge"

    def ready(self) -> None:
        gc.set_threshold(GARBAGE)


class BackOfficeConfig(AdminConfig):
    default_site = "config.admin_site.BackOffice"
