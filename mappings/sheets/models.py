"""An uploaded spreadsheet and what each of its lines would change, or has changed."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.db import models


class State(StrEnum):
    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    WRONG = "wrong"
    APPLYING = "applying"
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"
    REFUSED = "refused"


class Verdict(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    WRONG = "wrong"


class SheetImport(models.Model):
    """One upload. Nothing is written before every line is right and a person has confirmed what the preview shows.

    `done`: lines checked, applied or, while undoing, still to be taken back. `turning_back`: an apply that met a row
    somebody had changed meanwhile takes back what it had written, and ends as refused.
    """

    SUBJECTS: ClassVar = [
        ("glmapping", "GL mappings"),
        ("customermapping", "customer mappings"),
        ("itemmapping", "item mappings"),
    ]
    STATES: ClassVar = [(state.value, state.value) for state in State]
    OPEN: ClassVar = [State.UPLOADED.value, State.CHECKING.value, State.APPLYING.value, State.UNDOING.value]

    subject = models.CharField(max_length=20, choices=SUBJECTS)
    file_name = models.CharField(max_length=200)
    digest = models.CharField("SHA-256 of the file", max_length=64)
    content = models.BinaryField(editable=False, default=b"")
    state = models.CharField(max_length=10, choices=STATES, default=State.UPLOADED)
    sentence = models.TextField("what happened", blank=True)
    lines = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    turning_back = models.BooleanField(default=False, editable=False)
    uploaded_by = models.CharField(max_length=150)
    uploaded_at = models.DateTimeField()
    confirmed_by = models.CharField(max_length=150, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    touched_at = models.DateTimeField()

    class Meta:
        app_label = "mappings"
        verbose_name = "import"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_subject_display()})"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class SheetRow(models.Model):
    """One line that would change something or is wrong. `before` and `after` are the cells as an export writes them."""

    VERDICTS: ClassVar = [(verdict.value, verdict.value) for verdict in Verdict]

    sheet = models.ForeignKey(SheetImport, on_delete=models.CASCADE, related_name="rows", db_index=False)
    line = models.PositiveIntegerField()
    verdict = models.CharField(max_length=8, choices=VERDICTS)
    key = models.CharField(max_length=300)
    target_id = models.BigIntegerField(null=True, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    problems = models.JSONField(default=list, help_text="Pairs of column and sentence.")

    class Meta:
        app_label = "mappings"
        ordering = ["id"]
        indexes = [models.Index(fields=["sheet", "id"], name="sheet_row_order")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.key}"
