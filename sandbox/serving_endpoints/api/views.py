"""Responses for endpoints. Leaves out what was not configured: Terraform would report an empty block as a change."""

from __future__ import annotations

from typing import Any

from sandbox.serving_endpoints.records import EndpointConfig, EndpointRecord
from sandbox.serving_endpoints.supervisor import Endpoint, Supervisor

# Shown if set, left out if None.
OPTIONAL_KEYS = ("tags", "ai_gateway", "rate_limits", "email_notifications", "telemetry_config", "budget_policy_id")


def detailed(supervisor: Supervisor, endpoint: Endpoint, permission_level: str, workspace_url: str) -> dict[str, Any]:
    """ServingEndpointDetailed."""
    record = endpoint.record
    url = f"{workspace_url.rstrip('/')}/serving-endpoints/{record.name}/invocations"
    view = _common(endpoint) | {
        "permission_level": permission_level,
        "route_optimized": record.route_optimized,
        "endpoint_url": url,
    }
    if record.config is not None:
        view["config"] = _config(supervisor, endpoint, record.config)
    if record.pending_config is not None:
        pending = _config(supervisor, endpoint, record.pending_config)
        view["pending_config"] = pending | {"start_time": record.pending_config.start_time}
    if record.route_optimized:
        query_info = {"endpoint_url": url, "authorization_details": _authorization_details(record)}
        view["data_plane_info"] = {"query_info": query_info}
    return view


def listed(endpoint: Endpoint) -> dict[str, Any]:
    """ServingEndpoint, an item of a list. Its config is a summary without states."""
    view = _common(endpoint)
    config = endpoint.record.config or endpoint.record.pending_config
    if config is not None:
        entities = [entity.model_dump(include={"name", "entity_name", "entity_version"}) for entity in config.entities]
        models = [_as_model(summary) for summary in entities]
        view["config"] = {"served_entities": entities, "served_models": models}
    return view


def _common(endpoint: Endpoint) -> dict[str, Any]:
    record = endpoint.record
    view: dict[str, Any] = {
        "id": record.id,
        "name": record.name,
        "creator": record.creator,
        "creation_timestamp": record.creation_timestamp,
        "last_updated_timestamp": record.last_updated_timestamp,
        "state": {
            "ready": "READY" if endpoint.is_ready else "NOT_READY",
            "config_update": record.config_update.value,
        },
        "description": "",
    }
    given = {key: getattr(record, key) for key in OPTIONAL_KEYS}
    return view | {key: value for key, value in given.items() if value is not None}


def _config(supervisor: Supervisor, endpoint: Endpoint, config: EndpointConfig) -> dict[str, Any]:
    entities = []
    for entity in config.entities:
        state = supervisor.state_of(endpoint, config, entity.name)
        entities.append(entity.model_dump(exclude_none=True) | {"state": state.model_dump(mode="json")})
    routes = [
        {
            "served_entity_name": route.name,
            "served_model_name": route.name,
            "traffic_percentage": route.traffic_percentage,
        }
        for route in config.routes
    ]
    return {
        "served_entities": entities,
        "served_models": [_as_model(entity) for entity in entities],
        "traffic_config": {"routes": routes},
        "config_version": config.config_version,
    }


def _as_model(entity: dict[str, Any]) -> dict[str, Any]:
    """The entity with the older field names."""
    rest = {key: value for key, value in entity.items() if key not in ("entity_name", "entity_version")}
    return rest | {"model_name": entity["entity_name"], "model_version": entity["entity_version"]}


def _authorization_details(record: EndpointRecord) -> str:
    return (
        '[{"type":"workspace_permission","object_type":"serving-endpoints",'
        f'"object_path":"/serving-endpoints/{record.id}","actions":["query_inference_endpoint"]}}]'
    )
