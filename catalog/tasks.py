"""Tasks of the app, where Celery looks for them."""

from catalog.mirror.tasks import sync_all_workspaces, sync_workspace

__all__ = ["sync_all_workspaces", "sync_workspace"]
