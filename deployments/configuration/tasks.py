"""Celery's doors to the checks of live configurations and the listings of endpoints."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from catalog.models import Workspace
from deployments.configuration import checking, listing
from deployments.deployment.models import Deployment


@shared_task(name="deployments.tasks.check_configs", expires=60)
def check_configs() -> None:
    """Fan out: one comparison for each live deployment, spread over a tenth of the time until the next round."""
    window_s = max(1, settings.CONFIG_DRIFT_EVERY_S // 10)
    rows = Deployment.objects.live().exclude(intended={}).order_by("pk").values_list("pk", flat=True)
    for deployment_id in rows:
        # Steps of a prime spread neighbours, and each deployment keeps its place in every round.
        wait_s = deployment_id * 7919 % window_s
        check_config.apply_async((deployment_id,), countdown=wait_s, expires=wait_s + settings.CONFIG_DRIFT_EVERY_S)


@shared_task(name="deployments.tasks.check_config")
def check_config(deployment_id: int) -> None:
    deployment = Deployment.objects.live().select_related("workspace").filter(pk=deployment_id).first()
    if deployment:
        checking.check(deployment)


@shared_task(name="deployments.tasks.list_all_endpoints", expires=60)
def list_all_endpoints() -> None:
    """Fan out: one listing for each workspace that has an environment."""
    for workspace_id in Workspace.objects.filter(environments__isnull=False).distinct().values_list("pk", flat=True):
        list_endpoints.delay(workspace_id)


@shared_task(name="deployments.tasks.list_endpoints")
def list_endpoints(workspace_id: int) -> None:
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace:
        listing.list_unmanaged(workspace)
