"""Tasks that keep the mirror current."""

from __future__ import annotations

from celery import shared_task

from catalog.mirror import reading
from catalog.workspaces.models import Workspace


@shared_task(name="catalog.tasks.sync_all_workspaces")
def sync_all_workspaces() -> None:
    """Queue a sync of every workspace that has an environment. Beat calls this every minute."""
    for pk in Workspace.objects.filter(environments__isnull=False).distinct().values_list("pk", flat=True):
        sync_workspace.delay(pk)


@shared_task(name="catalog.tasks.sync_workspace")
def sync_workspace(workspace_id: int) -> None:
    """Sync one workspace. Idempotent: does nothing while another sync of the workspace runs."""
    outcome = reading.sync_workspace(workspace_id)
    asked_meanwhile = Workspace.objects.filter(pk=workspace_id).exclude(refresh_requested_at=None)
    if outcome is not None and asked_meanwhile.exists():
        sync_workspace.delay(workspace_id)
