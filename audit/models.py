"""What happened, one row per fact, written once."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models


class AppendOnly(models.QuerySet["AuditEntry"]):
    """Rows of the trail are added and read; nothing in the product changes or removes them."""

    def update(self, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - Django's form
        raise TypeError("Audit entries are never changed.")

    def delete(self) -> NoReturn:
        raise TypeError("Audit entries are never deleted.")


class AuditEntry(models.Model):
    """One fact. Plain values and no foreign keys, so that it outlives what it tells about."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    trigger = models.CharField(max_length=20)
    verb = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=30)
    subject_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=200, blank=True)
    source = models.CharField("source reference", max_length=200, blank=True)
    division = models.IntegerField(null=True, blank=True)
    lane_id = models.BigIntegerField(null=True, blank=True)
    run_id = models.BigIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    detail = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    objects = AppendOnly.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["subject_type", "subject_id"], name="audit_subject"),
            models.Index(fields=["subject"], name="audit_reference"),
            models.Index(fields=["source"], name="audit_source"),
            models.Index(fields=["run_id"], name="audit_run"),
            models.Index(fields=["verb", "-id"], name="audit_verb"),
        ]
        permissions = [("export_auditentry", "Can export the audit trail")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.verb} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Audit entries are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - Django's form
        raise TypeError("Audit entries are never deleted.")
