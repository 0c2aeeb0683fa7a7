"""Grants that a workspace admin gives once, so that the portal's service principal can serve and monitor models."""

from __future__ import annotations

import os

import httpx

from embedded.cast import CREDENTIAL, ENVIRONMENTS

# For serving models and for writing and reading inference tables.
PRIVILEGES = ["USE_CATALOG", "USE_SCHEMA", "EXECUTE", "CREATE_TABLE", "SELECT"]
# For reading costs from the workspace's system tables.
BILLING, TO_READ = "system", ["USE_CATALOG", "USE_SCHEMA", "SELECT"]
CATALOGS = "/api/2.1/unity-catalog/catalogs"
GRANTS = "/api/2.1/unity-catalog/permissions/catalog"


def grant_to_portal(sandbox_url: str, admin_token: str) -> None:
    """Create missing catalogs of the environments and grant privileges on them. Raises httpx.HTTPStatusError."""
    principal = os.environ[f"{CREDENTIAL}_CLIENT_ID"]
    headers = {"Authorization": f"Bearer {admin_token}"}
    with httpx.Client(base_url=sandbox_url, headers=headers, timeout=30) as workspace:
        for catalog, _, _ in ENVIRONMENTS:
            if workspace.get(f"{CATALOGS}/{catalog}").status_code == httpx.codes.NOT_FOUND:
                workspace.post(CATALOGS, json={"name": catalog}).raise_for_status()
            _grant(workspace, catalog, principal, PRIVILEGES)
        _grant(workspace, BILLING, principal, TO_READ)


def _grant(workspace: httpx.Client, catalog: str, principal: str, privileges: list[str]) -> None:
    changes = {"changes": [{"principal": principal, "add": privileges}]}
    workspace.patch(f"{GRANTS}/{catalog}", json=changes).raise_for_status()
