"""Celery tasks that count and judge drift."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from deployments.models import Deployment
from integrations.errors import IntegrationError
from monitoring.drift import counting as drift
from monitoring.drift import days as drift_days
from monitoring.drift.models import DriftJob
from monitoring.drift.telling import tell

logger = logging.getLogger(__name__)
EVERY_S = 30


@shared_task(name="monitoring.tasks.drift.watch_all_drift", expires=EVERY_S)
def watch_all_drift() -> None:
    """Fan out: one task for each live deployment."""
    rows = Deployment.objects.live().order_by("pk")
    for deployment_id in rows.values_list("pk", flat=True):
        # Multiplying by a prime spreads consecutive ids over the time until the next round.
        wait_s = deployment_id * 7919 % (EVERY_S // 3)
        watch_drift.apply_async((deployment_id,), countdown=wait_s, expires=wait_s + EVERY_S)


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


@shared_task(name="monitoring.tasks.drift.forget_old_drift", expires=3600)
def forget_old_drift() -> int:
    return drift_days.forget_old(timezone.now())
