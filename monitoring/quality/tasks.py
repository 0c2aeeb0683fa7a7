"""Celery tasks that count labels."""

from __future__ import annotations

from celery import shared_task

from deployments.models import Deployment
from monitoring.quality import counting as quality
from monitoring.quality.telling import tell
from monitoring.watched.workspace_jobs import next_step
from web.fanout import fan_out

EVERY_S = 30


@shared_task(name="monitoring.tasks.quality.watch_all_quality", expires=EVERY_S)
def watch_all_quality() -> None:
    """Start a task for each live deployment with a label table."""
    rows = Deployment.objects.live().filter(label_source__isnull=False).order_by("pk")
    fan_out(watch_quality, rows.values_list("pk", flat=True), expires_s=EVERY_S, spread_s=EVERY_S // 3)


@shared_task(name="monitoring.tasks.quality.watch_quality")
def watch_quality(deployment_id: int) -> None:
    """Do the next step of the deployment's job, and report the standing unless the job is running."""
    next_step(deployment_id, quality.step, tell)
