"""Endpoints in the store: one JSON document per endpoint."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS serving_endpoints (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL
);
"""

# The maximum concurrency of each workload size: the upper bound of the documented range.
CONCURRENCY_OF_SIZE = {"Small": 4, "Medium": 16, "Large": 64}


class ConfigUpdate(StrEnum):
    NOT_UPDATING = "NOT_UPDATING"
    IN_PROGRESS = "IN_PROGRESS"
    UPDATE_FAILED = "UPDATE_FAILED"


class Deployment(StrEnum):
    CREATING = "DEPLOYMENT_CREATING"
    READY = "DEPLOYMENT_READY"
    RECOVERING = "DEPLOYMENT_RECOVERING"
    FAILED = "DEPLOYMENT_FAILED"
    ABORTED = "DEPLOYMENT_ABORTED"


class EntityState(BaseModel):
    deployment: Deployment
    deployment_state_message: str = ""


class Entity(BaseModel):
    """One served entity as requested. Fields that are None were not set and are not returned."""

    name: str
    entity_name: str
    entity_version: str
    workload_type: str = "CPU"
    workload_size: str | None = None
    min_provisioned_concurrency: int | None = None
    max_provisioned_concurrency: int | None = None
    scale_to_zero_enabled: bool = False
    environment_vars: dict[str, str] | None = None
    instance_profile_arn: str | None = None
    creator: str
    creation_timestamp: int

    @property
    def concurrency(self) -> int:
        return self.max_provisioned_concurrency or CONCURRENCY_OF_SIZE[self.workload_size or "Small"]

    @property
    def fingerprint(self) -> str:
        """Equal for entities that the same process can serve. Traffic and scale-to-zero are ignored."""
        ignored = {"creator", "creation_timestamp", "scale_to_zero_enabled"}
        text = json.dumps(self.model_dump(exclude=ignored), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def served_entity_id(endpoint_id: str, entity: Entity) -> str:
    """The id in system tables and inference tables. It changes with the fingerprint."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{endpoint_id} {entity.fingerprint}").hex


class Route(BaseModel):
    name: str
    traffic_percentage: int


class EndpointConfig(BaseModel):
    """One config of an endpoint."""

    config_version: int
    entities: list[Entity]
    routes: list[Route]
    start_time: int | None = None
    #: The final states of the entities if the config failed. Live states come from the processes.
    states: dict[str, EntityState] = Field(default_factory=dict)


class EndpointRecord(BaseModel):
    id: str
    name: str
    creator: str
    creation_timestamp: int
    last_updated_timestamp: int
    config: EndpointConfig | None = None
    pending_config: EndpointConfig | None = None
    config_update: ConfigUpdate = ConfigUpdate.NOT_UPDATING
    route_optimized: bool = False
    tags: list[dict[str, str]] | None = None
    ai_gateway: dict[str, Any] | None = None
    rate_limits: list[dict[str, Any]] | None = None
    email_notifications: dict[str, Any] | None = None
    telemetry_config: dict[str, Any] | None = None
    budget_policy_id: str | None = None


class EndpointRecords:
    """The table `serving_endpoints`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __iter__(self) -> Iterator[EndpointRecord]:
        """All endpoints in order of creation."""
        with self._store.reading() as connection:
            rows = connection.execute("SELECT document FROM serving_endpoints ORDER BY rowid").fetchall()
        return iter([EndpointRecord.model_validate_json(row["document"]) for row in rows])

    def save(self, record: EndpointRecord) -> None:
        with self._store.connection() as connection:
            connection.execute(
                "INSERT INTO serving_endpoints (id, name, document) VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET document = excluded.document",
                (record.id, record.name, record.model_dump_json(exclude_none=True)),
            )

    def remove(self, endpoint_id: str) -> None:
        with self._store.connection() as connection:
            connection.execute("DELETE FROM serving_endpoints WHERE id = ?", (endpoint_id,))
