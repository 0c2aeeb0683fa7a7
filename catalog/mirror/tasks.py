"""Tasks that keep the mirror current."""

from __future__ import annotations

from celery import shared_task

from catalog.mirror import reading
from catalog.workspaces.models import Workspace
from web.fanout import fan_out


@shared_task(name="catalog.tasks.sync_all_workspaces")
def sync_all_workspaces() -> None:
    """One task per workspace that has an environment. Beat calls this every minute."""
    workspaces = Workspace.objects.filter(environments__isnull=False).distinct()
    fan_out(sync_workspace, workspaces.values_list("pk", flat=True))


@shared_task(name="catalog.tasks.sync_workspace")
def sync_workspace(workspace_id: int) -> None:
    """Sync one workspace. Idempotent: does nothing while another sync of the workspace runs."""
    outcome = reading.sync_workspace(workspace_id)
    asked_meanwhile = Workspace.objects.filter(pk=workspace_id).exclude(refresh_requested_at=None)
    if outcome is not None and asked_meanwhile.exists():
        sync_workspace.delay(workspace_id)
