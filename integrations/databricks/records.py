"""What a workspace answers, in plain frozen records. Every field that may be absent has an empty value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model of Unity Catalog; times are UTC."""

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
    """A model version. ``status`` is the registry's word, "READY" when it can be served."""

    full_name: str
    version: int
    status: str
    run_id: str = ""
    source: str = ""
    comment: str = ""
    created_by: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Dataset:
    """What ``mlflow.log_input`` noted. ``context`` is its word for the use, such as "training".

    ``table`` is the full name in Unity Catalog, "" for data of elsewhere; ``table_version`` the version of Delta.
    """

    name: str
    digest: str = ""
    context: str = ""
    source_type: str = ""
    table: str = ""
    table_version: int | None = None


@dataclass(frozen=True)
class VersionDetails:
    """What the MLmodel file and the MLflow run of a version say; what is missing is empty.

    ``signature``: {"inputs": [...], "outputs": [...], "params": [...]}, decoded. ``input_example``: the
    JSON body that an invocation takes, None without one. ``tags``: of the version. ``run_tags``: of its run.
    ``feature_importance``: {feature: 0 to 1}, None where the model was logged without.
    """

    signature: Mapping[str, Any] = field(default_factory=dict)
    flavors: tuple[str, ...] = ()
    input_example: Mapping[str, Any] | None = None
    requirements: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    run_tags: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int | None = None
    datasets: tuple[Dataset, ...] = ()
    feature_importance: Mapping[str, float] | None = None


@dataclass(frozen=True)
class ServedEntity:
    """``deployment`` is DEPLOYMENT_CREATING, _READY, _FAILED, _RECOVERING or _ABORTED; "" when not told."""

    name: str
    entity_name: str
    entity_version: str
    workload_type: str = ""
    workload_size: str = ""
    scale_to_zero: bool = False
    environment_vars: Mapping[str, str] = field(default_factory=dict)
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
    """A serving endpoint. ``served_entities`` and ``routes`` are of the config that serves now.

    ``pending_entities`` and ``pending_routes`` are of the config being rolled out, or of one that failed.
    ``config_update`` is NOT_UPDATING, IN_PROGRESS, UPDATE_FAILED or UPDATE_CANCELED. ``ready`` says that all
    of the active config is ready; an update that failed leaves it True while the old config serves.
    ``id`` is "" for endpoints of the system. ``raw`` is the whole answer of the API.
    """

    name: str
    id: str
    ready: bool
    config_update: str
    served_entities: tuple[ServedEntity, ...] = ()
    pending_entities: tuple[ServedEntity, ...] = ()
    routes: tuple[Route, ...] = ()
    pending_routes: tuple[Route, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    inference_table: InferenceTable | None = None
    creator: str = ""
    description: str = ""
    endpoint_url: str = ""
    config_version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_updating(self) -> bool:
        return self.config_update == "IN_PROGRESS"

    @property
    def traffic(self) -> dict[str, int]:
        """{served entity name: percent of the traffic} of the config that serves now."""
        return {route.served_entity: route.traffic_percentage for route in self.routes}


@dataclass(frozen=True)
class QueryResult:
    """An answer of an endpoint, good or bad. ``body`` is the decoded JSON, or the text if it is not JSON.

    ``latency_ms`` is what the caller waited. ``served_entity`` and ``request_id`` are "" when not told.
    """

    status_code: int
    body: Any
    latency_ms: float
    served_entity: str = ""
    request_id: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status_code < 300


# The words of a run that has ended, of the older `state`.
FINISHED_LIFE_CYCLES = frozenset(("TERMINATED", "SKIPPED", "INTERNAL_ERROR"))


@dataclass(frozen=True)
class JobRun:
    """A run of a job, or a submitted one. States are the workspace's words; times are UTC.

    ``life_cycle_state``: QUEUED, PENDING, RUNNING, TERMINATING, TERMINATED, SKIPPED, INTERNAL_ERROR and others
    that may come. ``result_state`` is "" until the run has ended.
    """

    run_id: int
    name: str = ""
    life_cycle_state: str = ""
    result_state: str = ""
    message: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    url: str = ""

    @property
    def is_finished(self) -> bool:
        """A word that is not known means that the run is under way, unless it has an end."""
        return self.life_cycle_state in FINISHED_LIFE_CYCLES or self.ended_at is not None

    @property
    def succeeded(self) -> bool:
        return self.result_state == "SUCCESS"


@dataclass(frozen=True)
class Column:
    """``type_name`` is the base type (LONG, DECIMAL, STRUCT ...), ``type_text`` all of it (``decimal(38,18)``)."""

    name: str
    type_name: str
    type_text: str = ""


@dataclass(frozen=True)
class StatementResult:
    """What a SQL statement returned: rows in order, their cells in the order of ``columns``.

    Cells are Python values: int, float, Decimal, datetime (UTC), date, bool, str, dict or list (structs, maps and
    arrays, parsed from JSON), None. ``truncated`` says that rows beyond a limit are missing.
    """

    statement_id: str
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    truncated: bool = False

    @property
    def records(self) -> list[dict[str, Any]]:
        """Each row as {column name: value}; of two columns with one name the later counts."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Warehouse:
    """``state``: RUNNING, STARTING, STOPPED, STOPPING, DELETED or DELETING."""

    id: str
    name: str
    state: str = ""
    is_serverless: bool = False
    size: str = ""

    @property
    def is_running(self) -> bool:
        return self.state == "RUNNING"

    @property
    def starts_by_itself(self) -> bool:
        """A statement starts it in seconds: it is serverless, and nobody deletes it."""
        return self.is_serverless and self.state not in ("DELETED", "DELETING")
