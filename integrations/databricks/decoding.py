"""Decodes the JSON of the REST API into records. Null counts as absent; unknown keys are ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.databricks.records import (
    Endpoint,
    InferenceTable,
    JobRun,
    RegisteredModel,
    Route,
    ServedEntity,
    Version,
)


def from_milliseconds(value: Any) -> datetime | None:
    """Unix milliseconds as a time in UTC; None if ``value`` is not a valid number."""
    try:
        return datetime.fromtimestamp(int(value) / 1000, tz=UTC) if value else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value)


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def key_values(value: Any) -> dict[str, str]:
    """Convert [{"key", "value"}] to {key: value}."""
    return {_text(row, "key"): _text(row, "value") for row in rows(value) if row.get("key")}


def registered_model(row: Mapping[str, Any]) -> RegisteredModel:
    catalog, schema, name = (_text(row, key) for key in ("catalog_name", "schema_name", "name"))
    return RegisteredModel(
        full_name=(_text(row, "full_name") or f"{catalog}.{schema}.{name}").lower(),
        catalog_name=catalog,
        schema_name=schema,
        name=name,
        comment=_text(row, "comment"),
        owner=_text(row, "owner"),
        created_at=from_milliseconds(row.get("created_at")),
        updated_at=from_milliseconds(row.get("updated_at")),
    )


def version(row: Mapping[str, Any], full_name: str) -> Version:
    return Version(
        full_name=full_name,
        version=int(row.get("version") or 0),
        status=_text(row, "status") or "MODEL_VERSION_STATUS_UNKNOWN",
        run_id=_text(row, "run_id"),
        source=_text(row, "source"),
        comment=_text(row, "comment"),
        created_by=_text(row, "created_by"),
        created_at=from_milliseconds(row.get("created_at")),
        updated_at=from_milliseconds(row.get("updated_at")),
    )


def _served_entity(row: Mapping[str, Any]) -> ServedEntity:
    state = mapping(row.get("state"))
    return ServedEntity(
        name=_text(row, "name"),
        entity_name=_text(row, "entity_name") or _text(row, "model_name"),
        entity_version=_text(row, "entity_version") or _text(row, "model_version"),
        workload_type=_text(row, "workload_type"),
        workload_size=_text(row, "workload_size"),
        scale_to_zero=bool(row.get("scale_to_zero_enabled")),
        environment_vars={str(k): str(v) for k, v in mapping(row.get("environment_vars")).items()},
        deployment=_text(state, "deployment"),
        message=_text(state, "deployment_state_message"),
    )


def _entities(config: Mapping[str, Any]) -> tuple[ServedEntity, ...]:
    """The served entities of a config; older configs call them served_models."""
    return tuple(
        _served_entity(row) for row in rows(config.get("served_entities")) or rows(config.get("served_models"))
    )


def _routes(config: Mapping[str, Any]) -> tuple[Route, ...]:
    routes: Iterable[Mapping[str, Any]] = rows(mapping(config.get("traffic_config")).get("routes"))
    return tuple(
        Route(
            served_entity=_text(row, "served_entity_name") or _text(row, "served_model_name"),
            traffic_percentage=int(row.get("traffic_percentage") or 0),
        )
        for row in routes
    )


def _inference_table(row: Mapping[str, Any]) -> InferenceTable | None:
    table = mapping(mapping(row.get("ai_gateway")).get("inference_table_config"))
    if not table:
        return None
    return InferenceTable(
        catalog_name=_text(table, "catalog_name"),
        schema_name=_text(table, "schema_name"),
        table_name_prefix=_text(table, "table_name_prefix"),
        enabled=bool(table.get("enabled")),
    )


def endpoint(row: Mapping[str, Any]) -> Endpoint:
    """Decode a ServingEndpointDetailed, or the shorter ServingEndpoint of a list."""
    state, config, pending = (mapping(row.get(key)) for key in ("state", "config", "pending_config"))
    config_version = config.get("config_version")
    return Endpoint(
        name=_text(row, "name"),
        id=_text(row, "id"),
        ready=state.get("ready") == "READY",
        config_update=_text(state, "config_update"),
        served_entities=_entities(config),
        pending_entities=_entities(pending),
        routes=_routes(config),
        pending_routes=_routes(pending),
        tags=key_values(row.get("tags")),
        inference_table=_inference_table(row),
        creator=_text(row, "creator"),
        description=_text(row, "description"),
        endpoint_url=_text(row, "endpoint_url"),
        config_version=int(config_version) if config_version is not None else None,
        created_at=from_milliseconds(row.get("creation_timestamp")),
        updated_at=from_milliseconds(row.get("last_updated_timestamp")),
        raw=row,
    )


def job_run(row: Mapping[str, Any]) -> JobRun:
    """Decode a run of Jobs 2.2. It has its state twice: the newer ``status`` has more details about the end."""
    state, status = mapping(row.get("state")), mapping(row.get("status"))
    details = mapping(status.get("termination_details"))
    return JobRun(
        run_id=int(row.get("run_id") or 0),
        name=_text(row, "run_name"),
        life_cycle_state=_text(state, "life_cycle_state") or _text(status, "state"),
        result_state=_text(state, "result_state"),
        message=_text(details, "message") or _text(state, "state_message"),
        started_at=from_milliseconds(row.get("start_time")),
        ended_at=from_milliseconds(row.get("end_time")),
        url=_text(row, "run_page_url"),
    )
