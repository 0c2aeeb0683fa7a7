"""The adapter for Databricks workspaces: registry, serving endpoints, jobs and SQL, over databricks-sdk."""

from integrations.databricks.credentials import Credentials
from integrations.databricks.datasets import TABLE_NAME
from integrations.databricks.records import (
    Column,
    Dataset,
    Endpoint,
    InferenceTable,
    JobRun,
    QueryResult,
    RegisteredModel,
    Route,
    ServedEntity,
    StatementResult,
    Version,
    VersionDetails,
    Warehouse,
)
from integrations.databricks.workspace import WorkspaceClient, workspace_for

__all__ = [
    "TABLE_NAME",
    "Column",
    "Credentials",
    "Dataset",
    "Endpoint",
    "InferenceTable",
    "JobRun",
    "QueryResult",
    "RegisteredModel",
    "Route",
    "ServedEntity",
    "StatementResult",
    "Version",
    "VersionDetails",
    "Warehouse",
    "WorkspaceClient",
    "workspace_for",
]
