"""Celery tasks that check live configurations and list endpoints."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from catalog.models import Workspace
from deployments.configuration import checking, listing
from deployments.deployment.models import Deployment
from web.fanout import fan_out


@shared_task(name="deployments.tasks.check_configs", expires=60)
def check_configs() -> None:
    """Start a comparison for each live deployment, spread over a tenth of the interval."""
    window_s = max(1, settings.CONFIG_DRIFT_EVERY_S // 10)
    rows = Deployment.objects.live().exclude(intended={}).order_by("pk").values_list("pk", flat=True)
    fan_out(check_config, rows, expires_s=settings.CONFIG_DRIFT_EVERY_S, spread_s=window_s)


@shared_task(name="deployments.tasks.check_config")
def check_config(deployment_id: int) -> None:
    deployment = Deployment.objects.live().select_related("workspace").filter(pk=deployment_id).first()
    if deployment:
        checking.check(deployment)


@shared_task(name="deployments.tasks.list_all_endpoints", expires=60)
def list_all_endpoints() -> None:
    """Start a listing for each workspace that has an environment."""
    workspaces = Workspace.objects.filter(environments__isnull=False).distinct()
    fan_out(list_endpoints, workspaces.values_list("pk", flat=True))


@shared_task(name="deployments.tasks.list_endpoints")
def list_endpoints(workspace_id: int) -> None:
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace:
        listing.list_unmanaged(workspace)
