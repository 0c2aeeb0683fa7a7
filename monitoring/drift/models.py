"""What is kept to judge drift: baselines, counts of windows, how features are judged, and the job that counts."""

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
# A day longer than anything is counted again: a day that is added up anew is whole.
WINDOWS_KEPT = timedelta(days=32)


class Baseline(models.Model):
    """The reference distribution of a model version.

    ``data`` is as ``sketches.baseline.make_baseline`` returns it. ``detail`` says in words what it was made
    from. ``importance`` is {feature: 0 to 1}, see sketches/importance.py; null while it is not known, and
    ``importance_note`` says why it never will be. A baseline that is replaced takes the windows that were counted in
    its bins with it: other bins do not compare.
    """

    class Source(models.TextChoices):
        TRAINING = "training", "Training data logged with the model"
        TABLE = "table", "Table"
        TRAFFIC = "traffic", "First traffic"

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="drift_baseline")
    source = models.CharField(max_length=10, choices=Source)
    detail = models.TextField(blank=True)
    data = models.JSONField()
    rows = models.PositiveBigIntegerField()
    importance = models.JSONField(null=True, blank=True)
    importance_note = models.TextField(blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"baseline of {self.version}"


class Counted(models.Model):
    """Counts of the predictions of one version in the bins of its baseline: ``packed``, JSON behind zlib.

    ``rows`` are predictions. Counting again replaces them.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    rows = models.PositiveBigIntegerField()
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
    """What was counted in ``[start, start + width_s)``, UTC. Forgotten after WINDOWS_KEPT; its day stays."""

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
    """The windows of one UTC day added up, for charts of weeks and for the lake."""

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
    """What people have said about one feature of a deployment; it comes on top of the spec. Null is "as the spec"."""

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
    """The one job that counts for a deployment, and how far it came.

    ``asked`` is what the job under way, or the last one, is about: {"kind": "windows", "baselines": {version: id}} or
    {"kind": "baseline", "version", "source", "table", "table_version", "prediction_column"}; ``range_start`` and
    ``range_end`` are its. ``wanted`` is a baseline that a person asked for, in the same words. ``untrained`` is
    {version: why its training data gave no baseline}; it is not asked for again unless a person does. Windows before
    ``counted_until`` are counted; null before the first. ``counted_at`` and ``tried_at`` are when a count, and the
    making of a baseline, last ended. ``message`` says in words what went wrong or is waited for, "" if nothing is.
    ``newest`` is the last prediction that was seen.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="drift_job")
    asked = models.JSONField(default=dict, blank=True)
    wanted = models.JSONField(default=dict, blank=True)
    untrained = models.JSONField(default=dict, blank=True)
    range_start = models.DateTimeField(null=True, blank=True)
    range_end = models.DateTimeField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    counted_until = models.DateTimeField(null=True, blank=True)
    newest = models.DateTimeField(null=True, blank=True)
    skipped = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"drift job of {self.deployment}"
