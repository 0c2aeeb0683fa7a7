"""The one job of a workspace that works for a row: begun once, ended once, whoever dies in between."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Self

from django.db import models


class WorkspaceJob(models.Model):
    """``token`` makes a repeated start the same start. ``message`` says what went wrong, "" if nothing did."""

    class Status(models.TextChoices):
        IDLE = "idle", "Not started"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.IDLE)
    token = models.UUIDField(default=uuid.uuid4)
    job_run_id = models.BigIntegerField(null=True, blank=True)
    job_url = models.CharField(max_length=1024, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        abstract = True

    def claim(self, now: datetime, **values: Any) -> bool:
        """Begin a job with a token of its own, unless another worker began or ended one since this row was read."""
        token = uuid.uuid4()
        begun = {"status": self.Status.RUNNING, "token": token, "job_run_id": None, "job_url": "", "started_at": now}
        mine = self._mine().exclude(status=self.Status.RUNNING)
        won = bool(mine.update(**begun, **values))
        self.refresh_from_db()
        return won and self.token == token

    def note(self, **values: Any) -> None:
        """Keep ``values`` of the job under way; nothing if another one is."""
        self._mine().update(**values)
        for name, value in values.items():
            setattr(self, name, value)

    def end(self, status: str, message: str, now: datetime, **values: Any) -> bool:
        """False if this job has ended already, or is gone. Once for each token."""
        ended = {"status": status, "message": message, "finished_at": now, **values}
        if not self._mine().filter(status=self.Status.RUNNING).update(**ended):
            return False
        for name, value in ended.items():
            setattr(self, name, value)
        return True

    def _mine(self) -> models.QuerySet[Self]:
        return type(self)._default_manager.filter(pk=self.pk, token=self.token)
