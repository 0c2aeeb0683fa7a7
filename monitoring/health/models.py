"""Metrics of endpoints, summed in time buckets, and when they were last read."""

from __future__ import annotations

from datetime import timedelta

from django.db import models

from accounts.models import User
from deployments.models import Deployment
from integrations.metrics import Window

FINE, COARSE = timedelta(minutes=5), timedelta(hours=1)

#: How long the database keeps buckets of each width. The lake keeps the coarse ones for ever.
KEPT = {FINE: timedelta(days=3), COARSE: timedelta(days=31)}


class HealthBucket(models.Model):
    """One version of a deployment in ``[start, start + width)``, UTC."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="health_buckets")
    version = models.CharField(max_length=64)
    width = models.DurationField()
    start = models.DateTimeField()
    #: Number of readings that were added up. Each covers one minute.
    minutes = models.PositiveIntegerField(default=0)
    requests = models.FloatField(default=0)
    errors_4xx = models.FloatField(default=0)
    errors_5xx = models.FloatField(default=0)
    #: {upper bound in ms, as text: requests at or below it}, like ``integrations.metrics.Window``.
    latency = models.JSONField(default=dict)
    #: The execution time of the model alone, like ``latency``; {} if unknown.
    model_latency = models.JSONField(default=dict)
    #: Readings that had CPU and memory.
    load_minutes = models.PositiveIntegerField(default=0)
    #: Sum over ``load_minutes`` readings, in percent; so is ``memory_percent``.
    cpu_percent = models.FloatField(default=0)
    memory_percent = models.FloatField(default=0)
    #: The largest provisioned concurrency of all readings.
    concurrency = models.FloatField(default=0)
    #: Readings that had the provisioned concurrency.
    slot_minutes = models.PositiveIntegerField(default=0)
    #: Those of ``slot_minutes`` in which the version was scaled to zero.
    asleep_minutes = models.PositiveIntegerField(default=0)
    #: How often the version started after scaling to zero.
    cold_starts = models.PositiveIntegerField(default=0)
    #: Filled from the inference table because there were no metrics. ``latency`` has the model's time only.
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
    """The last reading of a deployment's metrics."""

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="health_source")
    #: The newest reading that was added up.
    minute = models.DateTimeField(null=True, blank=True)
    #: {version: provisioned concurrency} in that reading.
    slots = models.JSONField(default=dict, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    #: Why the last try failed; "" if it succeeded. Earlier readings are kept.
    error = models.TextField(blank=True)
    last_request_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"metrics of {self.deployment}"


class HealthHistory(models.Model):
    """A user's request to fill hours without metrics from the inference table, and its result."""

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="health_history")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Number of hours that were filled.
    hours = models.PositiveIntegerField(default=0)
    #: Why no hours were filled; "" if some were.
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"past health of {self.deployment}"

    @property
    def is_under_way(self) -> bool:
        return self.ended_at is None
