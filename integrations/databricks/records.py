"""Records decoded from the workspace's responses. A field that the response may omit has an empty default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model of Unity Catalog. Times are in UTC."""

    full_name: str
    catalog_name: str
    schema_name: str
    name: str
    comment: str = ""
    owner: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Version:
    """A model version. Times are in UTC."""

    full_name: str
    version: int
    #: The registry's status; "READY" if the version can be served.
    status: str
    run_id: str = ""
    source: str = ""
    comment: str = ""
    created_by: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset logged with ``mlflow.log_input``."""

    name: str
    digest: str = ""
    #: MLflow's context, for example "training".
    context: str = ""
    source_type: str = ""
    #: Full name in Unity Catalog; "" for other sources.
    table: str = ""
    #: Version of the Delta table.
    table_version: int | None = None


@dataclass(frozen=True)
class VersionDetails:
    """Details of a version from its MLmodel file and its MLflow run. Missing values are empty."""

    #: {"inputs": [...], "outputs": [...], "params": [...]}, decoded.
    signature: Mapping[str, Any] = field(default_factory=dict)
    flavors: tuple[str, ...] = ()
    #: JSON body for an invocation; None if no example was logged.
    input_example: Mapping[str, Any] | None = None
    requirements: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    #: Tags of the version.
    tags: Mapping[str, str] = field(default_factory=dict)
    #: Tags of the run.
    run_tags: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int | None = None
    datasets: tuple[Dataset, ...] = ()
    #: {feature: 0 to 1}; None if no importance was logged.
    feature_importance: Mapping[str, float] | None = None


@dataclass(frozen=True)
class ServedEntity:
    """A model version served by an endpoint."""

    name: str
    entity_name: str
    entity_version: str
    workload_type: str = ""
    workload_size: str = ""
    scale_to_zero: bool = False
    environment_vars: Mapping[str, str] = field(default_factory=dict)
    #: DEPLOYMENT_CREATING, _READY, _FAILED, _RECOVERING or _ABORTED; "" if not reported.
    deployment: str = ""
    message: str = ""


@dataclass(frozen=True)
class Route:
    served_entity: str
    traffic_percentage: int


@dataclass(frozen=True)
class InferenceTable:
    """The AI Gateway inference table: ``catalog.schema.<table_name_prefix>_payload``."""

    catalog_name: str
    schema_name: str
    table_name_prefix: str
    enabled: bool


@dataclass(frozen=True)
class Endpoint:
    """A serving endpoint. Times are in UTC."""

    name: str
    #: "" for system endpoints.
    id: str
    #: Whether the active config is ready. It stays True if an update fails and the old config keeps serving.
    ready: bool
    #: NOT_UPDATING, IN_PROGRESS, UPDATE_FAILED or UPDATE_CANCELED.
    config_update: str
    #: Entities of the active config.
    served_entities: tuple[ServedEntity, ...] = ()
    #: Entities of the config that is being rolled out or has failed.
    pending_entities: tuple[ServedEntity, ...] = ()
    #: Routes of the active config.
    routes: tuple[Route, ...] = ()
    #: Routes of the config that is being rolled out or has failed.
    pending_routes: tuple[Route, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    inference_table: InferenceTable | None = None
    creator: str = ""
    description: str = ""
    endpoint_url: str = ""
    config_version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    #: The whole response of the API.
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_updating(self) -> bool:
        return self.config_update == "IN_PROGRESS"

    @property
    def traffic(self) -> dict[str, int]:
        """{served entity name: percent of the traffic} of the active config."""
        return {route.served_entity: route.traffic_percentage for route in self.routes}


@dataclass(frozen=True)
class QueryResult:
    """The response of an endpoint, successful or not."""

    status_code: int
    #: Decoded JSON, or the text if it is not JSON.
    body: Any
    #: Time that the caller waited.
    latency_ms: float
    #: "" if not reported.
    served_entity: str = ""
    #: "" if not reported.
    request_id: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status_code < 300


# Values of the older field `state` for a finished run.
FINISHED_LIFE_CYCLES = frozenset(("TERMINATED", "SKIPPED", "INTERNAL_ERROR"))


@dataclass(frozen=True)
class JobRun:
    """A run of a job or a submitted one-time run. Times are in UTC."""

    run_id: int
    name: str = ""
    #: QUEUED, PENDING, RUNNING, TERMINATING, TERMINATED, SKIPPED, INTERNAL_ERROR, or a value added later.
    life_cycle_state: str = ""
    #: "" until the run has finished.
    result_state: str = ""
    message: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    url: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether the run has finished. An unknown state without an end time counts as running."""
        return self.life_cycle_state in FINISHED_LIFE_CYCLES or self.ended_at is not None

    @property
    def succeeded(self) -> bool:
        return self.result_state == "SUCCESS"


@dataclass(frozen=True)
class Column:
    """A column of a SQL result."""

    name: str
    #: Base type, for example LONG, DECIMAL or STRUCT.
    type_name: str
    #: Full type, for example ``decimal(38,18)``.
    type_text: str = ""


@dataclass(frozen=True)
class StatementResult:
    """The result of a SQL statement."""

    statement_id: str
    columns: tuple[Column, ...] = ()
    #: Rows in order, with cells in the order of ``columns``. A cell is an int, float, Decimal, datetime (UTC), date,
    #: bool, str, None, or a dict or list parsed from JSON (structs, maps and arrays).
    rows: tuple[tuple[Any, ...], ...] = ()
    #: Whether rows beyond a limit are missing.
    truncated: bool = False

    @property
    def records(self) -> list[dict[str, Any]]:
        """Each row as {column name: value}. If columns share a name, the last one wins."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Warehouse:
    """A SQL warehouse."""

    id: str
    name: str
    #: RUNNING, STARTING, STOPPED, STOPPING, DELETED or DELETING.
    state: str = ""
    is_serverless: bool = False
    size: str = ""

    @property
    def is_running(self) -> bool:
        return self.state == "RUNNING"

    @property
    def starts_by_itself(self) -> bool:
        """Whether a statement starts the warehouse in seconds: it is serverless and not deleted."""
        return self.is_serverless and self.state not in ("DELETED", "DELETING")
