from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Bookings"

    def ready(self) -> None:
        from sync import receivers, undecided  # noqa: F401 - connects them
