"""Validations: results of running a model version in a job of the workspace before deployment."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models import ModelVersion
from deployments.runs.models import Run


class ValidationQuerySet(models.QuerySet["Validation"]):
    def usable(self, version: ModelVersion) -> ValidationQuerySet:
        """Passed validations of ``version`` that are recent enough to reuse, and running ones, newest first."""
        passed = Q(status=Validation.Status.PASSED, finished_at__gte=timezone.now() - Validation.FRESH_FOR)
        oldest = timezone.now() - timedelta(seconds=settings.VALIDATION_TIMEOUT_S)
        running = Q(status=Validation.Status.RUNNING, started_at__gte=oldest)
        return self.filter(passed | running, version=version)


class Validation(models.Model):
    """The validation of a model version by a job in the workspace."""

    class Status(models.TextChoices):
        RUNNING = "running", "Validating"
        PASSED = "passed", "Validated"
        FAILED = "failed", "Validation failed"
        UNKNOWN = "unknown", "Not validated"

    TONES = {
        Status.RUNNING: "busy",
        Status.PASSED: "ok",
        Status.FAILED: "bad",
        Status.UNKNOWN: "unknown",
    }
    FRESH_FOR = timedelta(days=7)

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="validations")
    #: The run that requested it.
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="validations")
    #: Idempotency token, so that the workspace starts one job only.
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    #: Null until the workspace has accepted the job.
    job_run_id = models.BigIntegerField(null=True, blank=True)
    job_url = models.CharField(max_length=1024, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    #: Reason for the status.
    message = models.TextField(blank=True)
    #: The result of ``integrations.validation.outcome.read``; {} without output of the job.
    result = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ValidationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["version", "-id"])]

    def __str__(self) -> str:
        return f"validation of {self.version}"

    @property
    def tone(self) -> str:
        return self.TONES[Validation.Status(self.status)]

    def finish(self, status: Validation.Status, message: str, result: dict[str, Any] | None = None) -> None:
        self.status, self.message, self.result = status, message, result or {}
        self.finished_at = timezone.now()
        self.save(update_fields=["status", "message", "result", "job_url", "finished_at"])

    def summary(self) -> dict[str, Any]:
        """The validation as pages and the API show it. ``finished_at`` is ISO 8601 in UTC."""
        numbers = {name: value for name, value in self.result.items() if name != "checks"}
        finished = self.finished_at.isoformat() if self.finished_at else None
        parts = {"id": self.pk, "status": self.status, "label": Validation.Status(self.status).label, "tone": self.tone}
        return {**parts, "job_run_id": self.job_run_id, "job_url": self.job_url, "finished_at": finished, **numbers}
