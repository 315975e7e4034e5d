"""What was counted at Square, night by night."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SourceCount(models.Model):
    """Records of one stream that Square last changed on a local day (payouts: created), and how many of them we hold,
    over all locations of a lane; of customers, how many we hold as they are.
    """

    STREAMS: ClassVar = [(name, name) for name in ("payments", "refunds", "payouts", "customers")]

    lane = models.ForeignKey("sync.SyncLane", on_delete=models.CASCADE, related_name="counts")
    stream = models.CharField(max_length=20, choices=STREAMS)
    day = models.DateField()
    at_square = models.PositiveIntegerField("at Square")
    held = models.PositiveIntegerField("held here")
    filled = models.PositiveIntegerField(default=0, help_text="Missing at an earlier count, and here by now.")
    examples = models.JSONField(default=list, help_text="Square's ids of some that are missing.")
    counted_at = models.DateTimeField("counted")

    class Meta:
        verbose_name = "count at Square"
        verbose_name_plural = "counts at Square"
        ordering = ["-day", "lane", "stream"]
        constraints = [models.UniqueConstraint(fields=["lane", "stream", "day"], name="counted_once_a_day")]
        indexes = [
            models.Index(fields=["lane"], name="count_missing", condition=models.Q(at_square__gt=models.F("held")))
        ]

    def __str__(self) -> str:
        return f"{self.stream} of {self.day.day} {self.day:%b %Y}, {self.lane}"

    @property
    def missing(self) -> int:
        return self.at_square - self.held
