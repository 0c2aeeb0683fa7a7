"""Celery's doors to the import of costs."""

from __future__ import annotations

from datetime import UTC

from celery import shared_task
from django.utils import timezone

from catalog.models import Workspace
from monitoring.alerting.cost import tell_costs
from monitoring.sync import cost

EVERY_S = 3600


@shared_task(expires=600)
def import_all_costs() -> None:
    """Fan out: one task for each workspace that has an environment, a minute apart."""
    rows = Workspace.objects.filter(environments__isnull=False).distinct().order_by("pk")
    for place, workspace_id in enumerate(rows.values_list("pk", flat=True)):
        wait_s = place * 60 % (EVERY_S // 2)
        import_costs.apply_async((workspace_id,), countdown=wait_s, expires=wait_s + EVERY_S)


@shared_task
def import_costs(workspace_id: int) -> None:
    """May run twice: days are replaced, and an older answer never replaces a newer one."""
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace:
        cost.import_costs(workspace_id)
        tell_costs(workspace, cost.month_of(timezone.now().astimezone(UTC).date()))
