"""What Slipway reads from a Databricks workspace and asks of its endpoints, over databricks-sdk."""

from integrations.databricks.credentials import Credentials
from integrations.databricks.records import (
    Endpoint,
    InferenceTable,
    JobRun,
    QueryResult,
    RegisteredModel,
    Route,
    ServedEntity,
    Version,
    VersionDetails,
)
from integrations.databricks.workspace import Workspace, workspace_for

__all__ = [
    "Credentials",
    "Endpoint",
    "InferenceTable",
    "JobRun",
    "QueryResult",
    "RegisteredModel",
    "Route",
    "ServedEntity",
    "Version",
    "VersionDetails",
    "Workspace",
    "workspace_for",
]
