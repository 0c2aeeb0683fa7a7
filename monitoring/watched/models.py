"""Models that the subjects share: the row of a deployment in the fleet, and jobs of the workspace."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models

from accounts.models import Team, User
from deployments.models import Deployment
from monitoring.watched.states import TONES, Standing

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class WatchQuerySet(models.QuerySet["Watch"]):
    def visible_to(self, user: User | AnonymousUser) -> WatchQuerySet:
        """Rows of the user's teams, or all for a platform admin."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(deployment__team__in=Team.objects.visible_to(user))


class Watch(models.Model):
    """What the fleet shows of a deployment. Each subject writes its own columns with ``monitoring.watched.watch``.

    All standings of a deployment without a row are unknown.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="watch")
    health = models.CharField(max_length=10, choices=Standing, default=Standing.UNKNOWN)
    health_reason = models.TextField(blank=True)
    drift = models.CharField(max_length=10, choices=Standing, default=Standing.UNKNOWN)
    drift_reason = models.TextField(blank=True)
    quality = models.CharField(max_length=10, choices=Standing, default=Standing.UNKNOWN)
    quality_reason = models.TextField(blank=True)
    #: When the labels that ``quality`` was judged by were counted.
    quality_counted_at = models.DateTimeField(null=True, blank=True)
    cost = models.CharField(max_length=10, choices=Standing, default=Standing.UNKNOWN)
    cost_reason = models.TextField(blank=True)
    requests_24h = models.FloatField(null=True, blank=True)
    errors_24h = models.FloatField(null=True, blank=True)
    p99_ms = models.FloatField(null=True, blank=True)
    last_request_at = models.DateTimeField(null=True, blank=True)
    #: Requests of the last seven UTC days, oldest first; null for a day without metrics.
    week = models.JSONField(default=list, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = WatchQuerySet.as_manager()

    def __str__(self) -> str:
        return f"watch of {self.deployment}"

    @property
    def health_tone(self) -> str:
        return TONES[Standing(self.health)]

    @property
    def drift_tone(self) -> str:
        return TONES[Standing(self.drift)]

    @property
    def cost_tone(self) -> str:
        return TONES[Standing(self.cost)]


class WorkspaceJob(models.Model):
    """A job that runs in the workspace."""

    class Status(models.TextChoices):
        IDLE = "idle", "Not started"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.IDLE)
    #: Idempotency token: starting the job twice starts it once.
    token = models.UUIDField(default=uuid.uuid4)
    job_run_id = models.BigIntegerField(null=True, blank=True)
    job_url = models.CharField(max_length=1024, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    #: The error, or "".
    message = models.TextField(blank=True)

    class Meta:
        abstract = True

    def claim(self, now: datetime, **values: Any) -> bool:
        """Begin a job with a new token. False if another worker began or ended one since this row was read."""
        token = uuid.uuid4()
        begun = {"status": self.Status.RUNNING, "token": token, "job_run_id": None, "job_url": "", "started_at": now}
        mine = self._mine().exclude(status=self.Status.RUNNING)
        won = bool(mine.update(**begun, **values))
        self.refresh_from_db()
        return won and self.token == token

    def note(self, **values: Any) -> None:
        """Store ``values``, unless another job has begun since this row was read."""
        self._mine().update(**values)
        for name, value in values.items():
            setattr(self, name, value)

    def end(self, status: str, message: str, now: datetime, **values: Any) -> bool:
        """End the job, once for each token. False if it has already ended or was deleted."""
        ended = {"status": status, "message": message, "finished_at": now, **values}
        if not self._mine().filter(status=self.Status.RUNNING).update(**ended):
            return False
        for name, value in ended.items():
            setattr(self, name, value)
        return True

    def _mine(self) -> models.QuerySet[Self]:
        return type(self)._default_manager.filter(pk=self.pk, token=self.token)
