"""Celery tasks that import costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from catalog.models import Workspace
from monitoring.cost import importing as cost
from monitoring.cost.models import BillingSource
from monitoring.cost.telling import tell_costs
from web.fanout import fan_out

#: How often beat looks for due imports, in seconds. Messages that no worker has taken by then expire.
LOOK_EVERY_S = 30


@shared_task(name="monitoring.tasks.cost.import_all_costs", expires=LOOK_EVERY_S)
def import_all_costs() -> None:
    """Fan out: one task for each workspace with an environment whose last import is an hour ago."""
    read = BillingSource.objects.exclude(_is_due(timezone.now())).values("workspace")
    rows = Workspace.objects.filter(environments__isnull=False).exclude(pk__in=read).distinct().order_by("pk")
    fan_out(import_costs, rows.values_list("pk", flat=True), expires_s=LOOK_EVERY_S)


@shared_task(name="monitoring.tasks.cost.import_costs")
def import_costs(workspace_id: int) -> None:
    """Import the costs of one workspace. Does nothing within an hour of the last try, so it is idempotent.

    If a worker dies, the import is repeated after that hour. Days are replaced atomically.
    """
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    now = timezone.now()
    if workspace is None:
        return
    source, _ = BillingSource.objects.get_or_create(workspace=workspace)
    if BillingSource.objects.filter(_is_due(now), pk=source.pk).update(tried_at=now):
        cost.import_costs(workspace_id)
        tell_costs(workspace, cost.month_of(timezone.now().astimezone(UTC).date()))


def _is_due(now: datetime) -> Q:
    return Q(tried_at=None) | Q(tried_at__lte=now - timedelta(seconds=settings.COST_EVERY_S))
