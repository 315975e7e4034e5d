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


class WrittenOnce(models.QuerySet[Any]):
    """Rows that prove the trail: the database refuses to change or remove them, and so do we."""

    def update(self, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - Django's form
        raise TypeError("What proves the audit trail is never changed.")

    def delete(self) -> NoReturn:
        raise TypeError("What proves the audit trail is never removed.")


class AuditSeal(models.Model):
    """Proof over a batch of entries, chained to the seal before it. It stays when its entries move to an archive.

    `number` counts from 1 without a gap. `digests`: the first 16 bytes of each entry's digest, in the order of their
    ids. `first_at` and `last_at`: the earliest and the latest time its entries tell. `head`: see `audit.verifier`.
    """

    number = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.IntegerField()
    digests = models.BinaryField()
    head = models.CharField(max_length=64, unique=True)

    objects = WrittenOnce.as_manager()

    class Meta:
        verbose_name = "seal"
        ordering = ["-number"]
        permissions = [("verify_auditseal", "Can verify the audit trail")]
        indexes = [models.Index(fields=["last_at"], name="seal_last_at")]

    def __str__(self) -> str:
        return str(self.number)


class SealedSpan(models.Model):
    """Ids a seal covers, both ends included: each of them had an entry. No two spans overlap."""

    first = models.BigIntegerField(primary_key=True)
    last = models.BigIntegerField()
    seal_id = models.BigIntegerField(db_index=True)

    objects = WrittenOnce.as_manager()

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


class AuditArchive(models.Model):
    """Seals whose entries stand in a signed file. With this row, and only then, the database lets go of the entries.

    `manifest` is the file's, byte for byte, and `signature` (Ed25519, hex) is over it.
    """

    first_seal = models.BigIntegerField(unique=True)
    last_seal = models.BigIntegerField(unique=True)
    count = models.IntegerField()
    file = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    manifest = models.TextField()
    signature = models.CharField(max_length=128)
    archived_at = models.DateTimeField()

    objects = WrittenOnce.as_manager()

    def __str__(self) -> str:
        return self.file


class AuditVerification(models.Model):
    """One look at the whole trail: how far it came, and what it found. `seal` and `head`: the last that stood."""

    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True)
    touched_at = models.DateTimeField(null=True)
    entries = models.BigIntegerField(default=0)
    seal = models.BigIntegerField(default=0)
    head = models.CharField(max_length=64, blank=True)
    unsealed = models.BigIntegerField(default=0)
    finding = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M} {self.finding or self.head}"
