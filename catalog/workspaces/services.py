"""Connecting to a workspace."""

from __future__ import annotations

from catalog.workspaces.models import Workspace
from integrations import databricks


def connect(workspace: Workspace) -> databricks.WorkspaceClient:
    """Raises IntegrationError if the credentials are not in the environment."""
    credentials = databricks.Credentials.from_environment(workspace.credential)
    return databricks.workspace_for(workspace.host, credentials)
