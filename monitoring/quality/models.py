"""What is kept of labels: where they come from, the job that counts, and the counts of each day."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.watched.models import WorkspaceJob

# Labels of these days are looked for at each count.
RECOUNTED = timedelta(days=60)


class LabelSource(models.Model):
    """The table of Unity Catalog that says what became of a deployment's predictions, as a person has named it.

    ``id_column`` has the ``client_request_id`` of requests. ``time_column`` says when a label was given, "" if none
    does: then two different labels of one id contradict each other, where otherwise the newest counts.
    ``delay_days`` is how long labels usually take; null where nobody has said.

    ``metric`` is the figure that is watched, and ``limit`` the least of a share, or the most of an error (of a bias
    either way); "" and null where nobody has set one. It is judged over ``window_days`` days (UTC) that have labels.
    """

    class Kind(models.TextChoices):
        CLASSIFICATION = "classification", "Classes"
        REGRESSION = "regression", "Numbers"

    class Metric(models.TextChoices):
        ACCURACY = "accuracy", "Accuracy"
        PRECISION = "precision", "Precision of the positive label"
        RECALL = "recall", "Recall of the positive label"
        F1 = "f1", "F1 of the positive label"
        MACRO_PRECISION = "macro_precision", "Macro precision"
        MACRO_RECALL = "macro_recall", "Macro recall"
        MACRO_F1 = "macro_f1", "Macro F1"
        MAE = "mae", "MAE"
        RMSE = "rmse", "RMSE"
        BIAS = "bias", "Bias"

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="label_source")
    table = models.CharField(max_length=767)
    id_column = models.CharField(max_length=255)
    label_column = models.CharField(max_length=255)
    time_column = models.CharField(max_length=255, blank=True)
    kind = models.CharField(max_length=14, choices=Kind)
    positive_label = models.CharField(max_length=100, blank=True)
    delay_days = models.PositiveSmallIntegerField(null=True, blank=True)
    metric = models.CharField(max_length=20, choices=Metric, blank=True)
    limit = models.FloatField(null=True, blank=True)
    window_days = models.PositiveSmallIntegerField(default=7)
    updated_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"labels of {self.deployment}"


class QualityJob(WorkspaceJob):
    """The job that counts for a source of labels. It goes when the source is another: what it finds is then dropped.

    ``first`` is the first day (UTC) of what the job under way, or the last one, counts. ``counted_at`` is when a count
    last ended well, and of it are ``labels`` (rows of the table that have one), ``newest_label`` and ``skipped``,
    {reason: predictions or requests}.
    """

    source = models.OneToOneField(LabelSource, on_delete=models.CASCADE, related_name="job")
    first = models.DateField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    labels = models.PositiveBigIntegerField(default=0)
    newest_label = models.DateTimeField(null=True, blank=True)
    skipped = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"job of {self.source}"


class QualityDay(models.Model):
    """Counts of one version and day (UTC) of predictions. Counting again replaces them.

    ``with_id`` are predictions whose request has a ``client_request_id``. Of ``labelled`` ones, ``timed`` have labels
    that say when they were given, ``delay_s`` after their predictions all together. ``pairs`` is
    [[predicted, actual, predictions]]; the three sums are of prediction less label.
    """

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="quality_days")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    date = models.DateField()
    predictions = models.PositiveBigIntegerField()
    with_id = models.PositiveBigIntegerField()
    labelled = models.PositiveBigIntegerField()
    timed = models.PositiveBigIntegerField()
    delay_s = models.FloatField()
    pairs = models.JSONField(default=list, blank=True)
    error = models.FloatField(default=0.0)
    absolute = models.FloatField(default=0.0)
    squared = models.FloatField(default=0.0)

    class Meta:
        ordering = ["date", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "date", "version"], name="one_quality_day_per_version"),
            models.CheckConstraint(
                condition=Q(labelled__lte=models.F("predictions")), name="labels_are_of_predictions"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} {self.date}"
