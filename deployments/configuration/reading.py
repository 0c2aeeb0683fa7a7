"""A live endpoint as variables of terraform/modules/model_endpoint, with the server's defaults made explicit.

Defaults of Databricks' serving endpoints: a CPU workload, scale to zero off, and all traffic for the only served entity
of a config without traffic_config.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.databricks.records import Endpoint, ServedEntity

DEFAULT_WORKLOAD_TYPE = "CPU"


def variables_of(endpoint: Endpoint) -> dict[str, Any]:
    """The module's variables that would create this endpoint, in the API's order.

    Without ``usage_tracking`` if the endpoint has no such block: to the module, null means "not managed".
    """
    variables: dict[str, Any] = {
        "endpoint_name": endpoint.name,
        "served_entities": [_entity(entity) for entity in endpoint.served_entities],
        "routes": _routes(endpoint),
        "tags": dict(endpoint.tags),
        "inference_table": _inference_table(endpoint),
    }
    usage = _usage_tracking(endpoint.raw)
    return variables if usage is None else {**variables, "usage_tracking": usage}


def _entity(entity: ServedEntity) -> dict[str, Any]:
    return {
        "name": entity.name,
        "entity_name": entity.entity_name,
        "entity_version": entity.entity_version,
        "workload_type": entity.workload_type or DEFAULT_WORKLOAD_TYPE,
        "workload_size": entity.workload_size,
        "scale_to_zero_enabled": entity.scale_to_zero,
        "environment_vars": dict(entity.environment_vars),
    }


def _routes(endpoint: Endpoint) -> list[dict[str, Any]]:
    traffic = endpoint.traffic
    if not traffic and len(endpoint.served_entities) == 1:
        traffic = {endpoint.served_entities[0].name: 100}
    return [{"served_entity_name": name, "traffic_percentage": percent} for name, percent in traffic.items()]


def _inference_table(endpoint: Endpoint) -> dict[str, Any] | None:
    table = endpoint.inference_table
    if table is None:
        return None
    return {
        "enabled": table.enabled,
        "catalog_name": table.catalog_name,
        "schema_name": table.schema_name,
        "table_name_prefix": table.table_name_prefix,
    }


def _usage_tracking(raw: Mapping[str, Any]) -> bool | None:
    gateway = raw.get("ai_gateway")
    block = gateway.get("usage_tracking_config") if isinstance(gateway, Mapping) else None
    return bool(block.get("enabled")) if isinstance(block, Mapping) else None
