"""Models and versions: MLflow's JSON and the rows of the store."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from sandbox.config import METASTORE_ID
from sandbox.mlflow import artifacts
from sandbox.unity_catalog.securables.objects import UcObject

SCHEMA = """
CREATE TABLE IF NOT EXISTS uc_model_versions (
    model_id TEXT NOT NULL REFERENCES uc_objects (id) ON DELETE CASCADE, version TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, source TEXT NOT NULL, created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL, logged_model_id TEXT NOT NULL, run_workspace_id TEXT NOT NULL,
    dependencies TEXT NOT NULL, PRIMARY KEY (model_id, version));
"""
PENDING, READY = "PENDING_REGISTRATION", "READY"
Json = dict[str, Any]


@dataclass(frozen=True)
class Model:
    """A registered model."""

    object: UcObject
    #: The registered model in MLflow's REST API.
    mlflow: Json

    @property
    def aliases(self) -> list[tuple[str, str]]:
        """Pairs of alias and version, sorted by alias."""
        return sorted((item["alias"], item["version"]) for item in self.mlflow.get("aliases", []))


@dataclass(frozen=True)
class Version:
    """A model version."""

    model: UcObject
    mlflow: Json
    #: None if the sandbox stopped right after MLflow created the version.
    row: sqlite3.Row | None

    @property
    def number(self) -> str:
        return str(self.mlflow["version"])

    @property
    def status(self) -> str:
        return str(self.row["status"] if self.row else self.mlflow.get("status", READY))

    @property
    def source(self) -> str:
        return artifacts.for_workspace_client(str(self.row["source"] if self.row else self.mlflow.get("source", "")))

    @property
    def aliases(self) -> list[str]:
        return sorted(self.mlflow.get("aliases", []))


@dataclass(frozen=True)
class NewVersion:
    source: str
    run_id: str
    description: str
    tags: list[Json]
    logged_model_id: str
    run_workspace_id: str
    dependencies: list[Json]


def storage_location(object_id: str) -> str:
    return f"s3://sandbox/{METASTORE_ID}/models/{object_id}"
