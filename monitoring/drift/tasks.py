"""Celery tasks that count and judge drift."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from deployments.models import Deployment
from integrations.errors import IntegrationError
from monitoring.drift import counting as drift
from monitoring.drift.models import DriftJob
from monitoring.drift.telling import tell
from web.fanout import fan_out

logger = logging.getLogger(__name__)
EVERY_S = 30


@shared_task(name="monitoring.tasks.drift.watch_all_drift", expires=EVERY_S)
def watch_all_drift() -> None:
    """Fan out: one task for each live deployment."""
    rows = Deployment.objects.live().order_by("pk")
    fan_out(watch_drift, rows.values_list("pk", flat=True), expires_s=EVERY_S, spread_s=EVERY_S // 3)


@shared_task(name="monitoring.tasks.drift.watch_drift")
def watch_drift(deployment_id: int) -> None:
    """Do the next step of the deployment's job, and report the standing unless the job is running.

    Idempotent: the job has a token and ends once.
    """
    rows = Deployment.objects.live().select_related("workspace", "model", "environment")
    deployment = rows.filter(pk=deployment_id).first()
    if deployment is None:
        return
    try:
        job = drift.step(deployment)
    except IntegrationError as error:
        logger.info("drift of deployment %s is looked at again: %s", deployment_id, error.message)
        return
    if job is None or job.status != DriftJob.Status.RUNNING:
        tell(deployment, timezone.now())
