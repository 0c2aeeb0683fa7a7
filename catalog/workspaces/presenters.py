"""The sync status of workspaces for pages."""

from __future__ import annotations

from typing import Any

from catalog.workspaces.models import Workspace


def synced_workspaces() -> dict[str, Any]:
    workspaces = list(Workspace.objects.filter(environments__isnull=False).distinct())
    return {"workspaces": workspaces, "syncing": any(workspace.is_syncing for workspace in workspaces)}
