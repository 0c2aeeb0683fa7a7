"""The log of a run: numbered lines without gaps. Lines are never changed."""

from __future__ import annotations

from django.db import models

from deployments.runs.statuses import Level


class Event(models.Model):
    """Line ``number`` of a run's log, counted from 1 without gaps."""

    run = models.ForeignKey("deployments.Run", on_delete=models.CASCADE, related_name="events")
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    stage = models.CharField(max_length=20)
    level = models.CharField(max_length=10, choices=Level, default=Level.INFO)
    source = models.CharField(max_length=20, default="slipway")
    message = models.TextField()

    class Meta:
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_event_per_number")]

    def __str__(self) -> str:
        return f"{self.number} {self.message}"
