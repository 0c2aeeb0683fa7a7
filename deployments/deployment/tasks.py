"""Celery tasks that observe the endpoints of deployments."""

from __future__ import annotations

from celery import shared_task

from deployments.deployment.models import Deployment
from deployments.deployment.reading import observe


@shared_task(name="deployments.tasks.observe_endpoints", expires=30)
def observe_endpoints() -> None:
    """Start one task for each live deployment."""
    for deployment_id in Deployment.objects.live().values_list("pk", flat=True):
        observe_endpoint.apply_async((deployment_id,), expires=30)


@shared_task(name="deployments.tasks.observe_endpoint")
def observe_endpoint(deployment_id: int) -> None:
    deployment = Deployment.objects.live().select_related("workspace").filter(pk=deployment_id).first()
    if deployment:
        observe(deployment)
