"""The label table of a deployment, the job that counts its labels, and the daily counts."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.watched.models import WorkspaceJob

#: Each count covers the predictions of this many days.
RECOUNTED = timedelta(days=60)


class LabelSource(models.Model):
    """The label table of a deployment, in Unity Catalog, and the limit that its quality is judged by."""

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
    #: Contains the ``client_request_id`` of requests.
    id_column = models.CharField(max_length=255)
    label_column = models.CharField(max_length=255)
    #: When a label was recorded: the newest label of an id counts. If "", different labels for one id are skipped.
    time_column = models.CharField(max_length=255, blank=True)
    kind = models.CharField(max_length=14, choices=Kind)
    positive_label = models.CharField(max_length=100, blank=True)
    #: The usual delay of labels; null if unknown.
    delay_days = models.PositiveSmallIntegerField(null=True, blank=True)
    #: The watched metric, or "".
    metric = models.CharField(max_length=20, choices=Metric, blank=True)
    #: Minimum of a share, maximum of an error, maximum absolute value of a bias; null if none is set.
    limit = models.FloatField(null=True, blank=True)
    #: Number of UTC days with labels that are judged.
    window_days = models.PositiveSmallIntegerField(default=7)
    updated_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"labels of {self.deployment}"


class QualityJob(WorkspaceJob):
    """The job that counts labels. A changed label source deletes it, so that its result is dropped."""

    source = models.OneToOneField(LabelSource, on_delete=models.CASCADE, related_name="job")
    #: The first UTC day that the current or the last job counts.
    first = models.DateField(null=True, blank=True)
    #: When a count last succeeded. The fields below are its result.
    counted_at = models.DateTimeField(null=True, blank=True)
    #: Rows of the table that have a label.
    labels = models.PositiveBigIntegerField(default=0)
    newest_label = models.DateTimeField(null=True, blank=True)
    #: {reason: predictions or requests}
    skipped = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"job of {self.source}"


class QualityDay(models.Model):
    """Counts for one version and UTC day of predictions. A new count replaces them."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="quality_days")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    date = models.DateField()
    predictions = models.PositiveBigIntegerField()
    #: Predictions whose request has a ``client_request_id``.
    with_id = models.PositiveBigIntegerField()
    labelled = models.PositiveBigIntegerField()
    #: Those of ``labelled`` whose label has a time.
    timed = models.PositiveBigIntegerField()
    #: Sum of the delays of ``timed`` labels after their predictions, in seconds.
    delay_s = models.FloatField()
    #: [[predicted, actual, predictions]]
    pairs = models.JSONField(default=list, blank=True)
    #: Sum of prediction minus label; ``absolute`` and ``squared`` sum its absolute value and its square.
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
