"""Workspaces as pages show them."""

from __future__ import annotations

from typing import Any

from catalog.workspaces.models import Workspace


def synced_workspaces() -> dict[str, Any]:
    workspaces = list(Workspace.objects.filter(environments__isnull=False).distinct())
    return {"workspaces": workspaces, "syncing": any(workspace.is_syncing for workspace in workspaces)}
