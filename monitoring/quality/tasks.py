"""Celery tasks that count labels."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from deployments.models import Deployment
from integrations.errors import IntegrationError
from monitoring.quality import counting as quality
from monitoring.quality.models import QualityJob
from monitoring.quality.telling import tell

logger = logging.getLogger(__name__)
EVERY_S = 30


@shared_task(name="monitoring.tasks.quality.watch_all_quality", expires=EVERY_S)
def watch_all_quality() -> None:
    """Fan out: one task for each live deployment with a label table."""
    rows = Deployment.objects.live().filter(label_source__isnull=False).order_by("pk")
    for deployment_id in rows.values_list("pk", flat=True):
        # Multiplying by a prime spreads consecutive ids over the time until the next round.
        wait_s = deployment_id * 7919 % (EVERY_S // 3)
        watch_quality.apply_async((deployment_id,), countdown=wait_s, expires=wait_s + EVERY_S)


@shared_task(name="monitoring.tasks.quality.watch_quality")
def watch_quality(deployment_id: int) -> None:
    """Do the next step of the deployment's job, and report the standing unless the job is running.

    Idempotent: the job has a token and ends once.
    """
    rows = Deployment.objects.live().select_related("workspace", "model", "environment")
    deployment = rows.filter(pk=deployment_id).first()
    if deployment is None:
        return
    try:
        job = quality.step(deployment)
    except IntegrationError as error:
        logger.info("labels of deployment %s are looked at again: %s", deployment_id, error.message)
        return
    if job is None or job.status != QualityJob.Status.RUNNING:
        tell(deployment, timezone.now())
