"""Clients of workspaces."""

from __future__ import annotations

from catalog.workspaces.models import Workspace
from integrations import databricks


def connect(workspace: Workspace) -> databricks.WorkspaceClient:
    """A client of the workspace. Raises IntegrationError if its credentials are not in the environment."""
    credentials = databricks.Credentials.from_environment(workspace.credential)
    return databricks.workspace_for(workspace.host, credentials)
