from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class MappingsConfig(AppConfig):
    name = "mappings"

    def ready(self) -> None:
        autodiscover_modules("conventions_admin", "controls_admin", "belongings_admin", "rule_pages")
