"""Baselines, counts of windows and days, settings of features, and the job that counts."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson
from django.db import models
from django.db.models import Q

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.watched.models import WorkspaceJob

FEATURE_CHARS = 255
#: A day longer than the range of recounts, so that a recomputed day still has all of its windows.
WINDOWS_KEPT = timedelta(days=32)


class Baseline(models.Model):
    """The reference distribution of a model version.

    Replacing a baseline deletes the windows that were counted in its bins, because other bins are not comparable.
    """

    class Source(models.TextChoices):
        TRAINING = "training", "Training data logged with the model"
        TABLE = "table", "Table"
        TRAFFIC = "traffic", "First traffic"

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="drift_baseline")
    source = models.CharField(max_length=10, choices=Source)
    #: What the baseline was made from, as text for people.
    detail = models.TextField(blank=True)
    #: The result of ``sketches.baseline.make_baseline``.
    data = models.JSONField()
    rows = models.PositiveBigIntegerField()
    #: {feature: 0 to 1}, see sketches/importance.py; null if unknown.
    importance = models.JSONField(null=True, blank=True)
    #: Why the importance cannot be measured, or "".
    importance_note = models.TextField(blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"baseline of {self.version}"


class Counted(models.Model):
    """Counts of one version's predictions in the bins of its baseline. A new count replaces them."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    #: Number of predictions.
    rows = models.PositiveBigIntegerField()
    #: The sketch as zlib-compressed JSON.
    packed = models.BinaryField()
    computed_at = models.DateTimeField()

    class Meta:
        abstract = True

    @property
    def sketch(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(zlib.decompress(self.packed))
        return found

    @staticmethod
    def pack(sketch: dict[str, Any]) -> bytes:
        return zlib.compress(orjson.dumps(sketch))


class DriftWindow(Counted):
    """Counts in ``[start, start + width_s)``, UTC. Deleted after WINDOWS_KEPT; its day is kept."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="drift_windows")
    baseline = models.ForeignKey(Baseline, on_delete=models.CASCADE, related_name="windows")
    start = models.DateTimeField()
    width_s = models.PositiveIntegerField()

    class Meta:
        ordering = ["start", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "version", "start", "width_s"], name="one_drift_window_per_start"
            )
        ]
        indexes = [models.Index(fields=["deployment", "start"])]

    def __str__(self) -> str:
        return f"{self.deployment_id} {self.start:%Y-%m-%d %H:%M}"

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.width_s)


class DriftDay(Counted):
    """The sum of the windows of one UTC day, for charts and for the lake."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="drift_days")
    baseline = models.ForeignKey(Baseline, on_delete=models.CASCADE, related_name="days")
    date = models.DateField()

    class Meta:
        ordering = ["date", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "version", "date"], name="one_drift_day_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} {self.date}"

    @property
    def start(self) -> datetime:
        """Midnight, UTC."""
        return datetime.combine(self.date, time(), UTC)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=1)


class FeatureSetting(models.Model):
    """Settings of one feature of a deployment. They override the spec; null keeps the value of the spec."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="feature_settings")
    feature = models.CharField(max_length=FEATURE_CHARS)
    threshold = models.FloatField(null=True, blank=True)
    starred = models.BooleanField(default=False)
    excluded = models.BooleanField(null=True, blank=True)
    critical = models.BooleanField(null=True, blank=True)
    updated_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deployment", "feature"], name="one_setting_per_feature"),
            models.CheckConstraint(condition=Q(threshold=None) | Q(threshold__gt=0), name="a_threshold_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.feature} of {self.deployment}"


class DriftJob(WorkspaceJob):
    """The job that counts for a deployment, and its progress."""

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="drift_job")
    #: The task of the current or last job: {"kind": "windows", "baselines": {version: id}}, {"kind": "importance", …}
    #: or {"kind": "baseline", "version", "source", "table", "table_version", "prediction_column"}.
    asked = models.JSONField(default=dict, blank=True)
    #: A baseline that a user has requested, in the format of ``asked``.
    wanted = models.JSONField(default=dict, blank=True)
    #: {version: why its training data could not be used}. Only a user can request it again.
    untrained = models.JSONField(default=dict, blank=True)
    #: The range of the current or last job.
    range_start = models.DateTimeField(null=True, blank=True)
    range_end = models.DateTimeField(null=True, blank=True)
    #: When a count last ended.
    counted_at = models.DateTimeField(null=True, blank=True)
    #: When a job that makes a baseline last ended.
    tried_at = models.DateTimeField(null=True, blank=True)
    #: Windows before this time are counted; null if none are.
    counted_until = models.DateTimeField(null=True, blank=True)
    #: The time of the newest prediction.
    newest = models.DateTimeField(null=True, blank=True)
    #: {reason: requests}
    skipped = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"drift job of {self.deployment}"
