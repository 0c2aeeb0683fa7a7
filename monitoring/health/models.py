"""How endpoints answered: sums of their metrics in buckets of time, and when they were last read."""

from __future__ import annotations

from datetime import timedelta

from django.db import models

from accounts.models import User
from deployments.models import Deployment
from integrations.metrics import Window

FINE, COARSE = timedelta(minutes=5), timedelta(hours=1)

# How long buckets of each width are kept here; the lake keeps the coarse ones.
KEPT = {FINE: timedelta(days=3), COARSE: timedelta(days=31)}


class HealthBucket(models.Model):
    """One version of a deployment in ``[start, start + width)``, UTC.

    ``minutes`` counts the readings that were added up; one covers the minute before it. ``latency`` is
    {upper bound in ms, as text: requests at or below it}, like ``integrations.metrics.Window``. ``cpu_percent`` and
    ``memory_percent`` are sums over ``load_minutes`` readings; ``concurrency`` is the most slots that there were.
    ``model_latency`` is the model's own part of ``latency``, {} where nobody says. Of ``slot_minutes`` readings that
    told the slots, ``asleep_minutes`` told none: the version was scaled to zero. ``cold_starts`` is how often it then
    woke. ``is_backfilled``: from the inference table, because no metrics were read; of latency only the model's own is
    known then.
    """

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="health_buckets")
    version = models.CharField(max_length=64)
    width = models.DurationField()
    start = models.DateTimeField()
    minutes = models.PositiveIntegerField(default=0)
    requests = models.FloatField(default=0)
    errors_4xx = models.FloatField(default=0)
    errors_5xx = models.FloatField(default=0)
    latency = models.JSONField(default=dict)
    model_latency = models.JSONField(default=dict)
    load_minutes = models.PositiveIntegerField(default=0)
    cpu_percent = models.FloatField(default=0)
    memory_percent = models.FloatField(default=0)
    concurrency = models.FloatField(default=0)
    slot_minutes = models.PositiveIntegerField(default=0)
    asleep_minutes = models.PositiveIntegerField(default=0)
    cold_starts = models.PositiveIntegerField(default=0)
    is_backfilled = models.BooleanField(default=False)

    class Meta:
        ordering = ["start", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "width", "start", "version"], name="one_health_bucket_per_version"
            )
        ]
        indexes = [models.Index(fields=["width", "start"])]

    def __str__(self) -> str:
        return f"{self.deployment_id} v{self.version} from {self.start}"

    @property
    def window(self) -> Window:
        latency, own = (
            {float(bound): count for bound, count in told.items()} for told in (self.latency, self.model_latency)
        )
        return Window(self.requests, self.errors_4xx, self.errors_5xx, latency, own)


class HealthSource(models.Model):
    """How the metrics of a deployment were read last. ``minute`` is the newest reading that was added up.

    ``slots`` is what it told: {version: requests that it had room for}. ``error`` is in words, "" after a reading that
    worked; what was read before stays.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="health_source")
    minute = models.DateTimeField(null=True, blank=True)
    slots = models.JSONField(default=dict, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    last_request_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"metrics of {self.deployment}"


class HealthHistory(models.Model):
    """That somebody had the hours without metrics read from the inference table, and what came of it.

    ``hours`` were filled. ``error`` is in words, "" after a reading that filled some.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="health_history")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    hours = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"past health of {self.deployment}"

    @property
    def is_under_way(self) -> bool:
        return self.ended_at is None
