from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit trail"

    def ready(self) -> None:
        from audit import guard
        from audit.roles import update_roles

        post_migrate.connect(update_roles, dispatch_uid="audit.roles")
        post_migrate.connect(guard.ensure, sender=self, dispatch_uid="audit.guard")
