"""Celery tasks that count and judge drift."""

from __future__ import annotations

from celery import shared_task

from deployments.models import Deployment
from monitoring.drift import counting as drift
from monitoring.drift.telling import tell
from monitoring.watched.workspace_jobs import next_step
from web.fanout import fan_out

EVERY_S = 30


@shared_task(name="monitoring.tasks.drift.watch_all_drift", expires=EVERY_S)
def watch_all_drift() -> None:
    """Start a task for each live deployment."""
    rows = Deployment.objects.live().order_by("pk")
    fan_out(watch_drift, rows.values_list("pk", flat=True), expires_s=EVERY_S, spread_s=EVERY_S // 3)


@shared_task(name="monitoring.tasks.drift.watch_drift")
def watch_drift(deployment_id: int) -> None:
    """Do the next step of the deployment's job, and report the standing unless the job is running."""
    next_step(deployment_id, drift.step, tell)
