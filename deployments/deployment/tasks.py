"""Celery tasks that observe the endpoints of deployments."""

from __future__ import annotations

from celery import shared_task

from deployments.deployment.models import Deployment
from deployments.deployment.reading import observe
from web.fanout import fan_out


@shared_task(name="deployments.tasks.observe_endpoints", expires=30)
def observe_endpoints() -> None:
    """Fan out: one task for each live deployment."""
    fan_out(observe_endpoint, Deployment.objects.live().values_list("pk", flat=True), expires_s=30)


@shared_task(name="deployments.tasks.observe_endpoint")
def observe_endpoint(deployment_id: int) -> None:
    deployment = Deployment.objects.live().select_related("workspace").filter(pk=deployment_id).first()
    if deployment:
        observe(deployment)
