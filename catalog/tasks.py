"""The tasks of the app, in the module that Celery discovers."""

from catalog.mirror.tasks import sync_all_workspaces, sync_workspace

__all__ = ["sync_all_workspaces", "sync_workspace"]
