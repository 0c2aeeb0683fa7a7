"""The client of a Databricks workspace."""

from __future__ import annotations

from functools import lru_cache

from integrations.databricks.credentials import Credentials
from integrations.databricks.jobs import JobCalls
from integrations.databricks.registry import RegistryCalls
from integrations.databricks.serving import ServingCalls
from integrations.databricks.statements import StatementCalls


class WorkspaceClient(RegistryCalls, ServingCalls, JobCalls, StatementCalls):
    """``WorkspaceClient(host, credentials, *, http_timeout_s=30, retry_timeout_s=60)``. Thread-safe.

    Every call can raise IntegrationError. Its ``permanent`` is True if a retry cannot succeed.
    """

    def current_user(self) -> str:
        """The user name of these credentials: an e-mail address, or a service principal's application id."""
        return str(self.do("GET", "/api/2.0/preview/scim/v2/Me").get("userName") or "")


@lru_cache(maxsize=32)
def workspace_for(
    host: str, credentials: Credentials, http_timeout_s: float = 30, retry_timeout_s: int = 60
) -> WorkspaceClient:
    """A cached client: calls with the same arguments share one token and its connections."""
    return WorkspaceClient(host, credentials, http_timeout_s=http_timeout_s, retry_timeout_s=retry_timeout_s)
