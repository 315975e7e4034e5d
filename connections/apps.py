from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "connections"

    def ready(self) -> None:
        from connections import checks, divisions  # noqa: F401 - registers the system checks and the comparison
