"""A Databricks workspace, as the portal knows it."""

from __future__ import annotations

from functools import lru_cache

from integrations.databricks.credentials import Credentials
from integrations.databricks.jobs import JobCalls
from integrations.databricks.registry import RegistryCalls
from integrations.databricks.serving import ServingCalls
from integrations.databricks.statements import StatementCalls


class WorkspaceClient(RegistryCalls, ServingCalls, JobCalls, StatementCalls):
    """``WorkspaceClient(host, credentials, *, http_timeout_s=30, retry_timeout_s=60)``; threads may share it.

    Every call raises IntegrationError(permanent=, code=): permanent where trying again cannot help.
    """

    def current_user(self) -> str:
        """Whom these credentials log in: an e-mail, or a service principal's application id."""
        return str(self.do("GET", "/api/2.0/preview/scim/v2/Me").get("userName") or "")


@lru_cache(maxsize=32)
def workspace_for(
    host: str, credentials: Credentials, http_timeout_s: float = 30, retry_timeout_s: int = 60
) -> WorkspaceClient:
    """The same logged-in WorkspaceClient for the same arguments: one token and kept connections."""
    return WorkspaceClient(host, credentials, http_timeout_s=http_timeout_s, retry_timeout_s=retry_timeout_s)
