"""Turns the config of a request into the config to serve, or raises the documented error."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from sandbox.serving_endpoints.api.bodies import ConfigBody, RouteBody, ServedEntityBody
from sandbox.serving_endpoints.records import CONCURRENCY_OF_SIZE, EndpointConfig, Entity, Route
from sandbox.web.errors import ApiError, invalid

ENDPOINT_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
ENTITY_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
RESERVED_PREFIX = "databricks-"
MAX_ENTITIES = 10
MAX_ENVIRONMENT_VARS = 30
WORKLOAD_TYPES = (
    "CPU", "CPU_MEDIUM", "CPU_LARGE", "GPU_SMALL", "GPU_MEDIUM", "GPU_LARGE", "GPU_XLARGE", "GPU_XLARGE_8",
    "MULTIGPU_MEDIUM",
)  # fmt: skip


@dataclass(frozen=True)
class Author:
    """Who sent the request, and when (Unix ms)."""

    user_name: str
    at_ms: int


def check_endpoint_name(name: str) -> None:
    if not ENDPOINT_NAME.fullmatch(name):
        raise invalid(
            f"Endpoint name '{name}' is not valid: it must have 1 to 63 characters, "
            "and only letters, digits, dashes and underscores."
        )
    if name.lower().startswith(RESERVED_PREFIX):
        raise invalid(f"Endpoint name '{name}' is not valid: the prefix '{RESERVED_PREFIX}' is reserved.")


def read_config(body: ConfigBody, author: Author, config_version: int) -> EndpointConfig:
    """Checks the request without other data. Raises ApiError."""
    if body.auto_capture_config and body.auto_capture_config.get("enabled", True):
        raise invalid("auto_capture_config can no longer be enabled: use ai_gateway.inference_table_config.")
    entities = [_read_entity(item, author) for item in _served(body)]
    _check_names(entities)
    routes = _read_routes(body, entities)
    return EndpointConfig(config_version=config_version, entities=entities, routes=routes, start_time=author.at_ms)


def _served(body: ConfigBody) -> list[ServedEntityBody]:
    if body.served_entities and body.served_models:
        raise invalid("Only one of served_entities and served_models may be given.")
    served = body.served_entities or [model.as_entity() for model in body.served_models or []]
    if not served:
        raise invalid("The config must have at least one served entity.")
    if len(served) > MAX_ENTITIES:
        raise invalid(f"An endpoint can have at most {MAX_ENTITIES} served entities, got {len(served)}.")
    return list(served)


def _read_entity(body: ServedEntityBody, author: Author) -> Entity:
    _check_kind(body)
    if not body.entity_name:
        raise invalid("Missing required field: entity_name")
    if not body.entity_version:
        raise invalid(f"Missing required field: entity_version of '{body.entity_name}'")
    _check_compute(body)
    if len(body.environment_vars or {}) > MAX_ENVIRONMENT_VARS:
        raise invalid(f"A served entity can have at most {MAX_ENVIRONMENT_VARS} environment variables.")
    sized_by_hand = body.max_provisioned_concurrency is not None
    return Entity(
        name=body.name or f"{body.entity_name.rpartition('.')[2]}-{body.entity_version}",
        entity_name=body.entity_name,
        entity_version=body.entity_version,
        workload_type=body.workload_type or "CPU",
        workload_size=None if sized_by_hand else body.workload_size or "Small",
        min_provisioned_concurrency=body.min_provisioned_concurrency,
        max_provisioned_concurrency=body.max_provisioned_concurrency,
        scale_to_zero_enabled=bool(body.scale_to_zero_enabled),
        environment_vars=body.environment_vars or None,
        instance_profile_arn=body.instance_profile_arn or None,
        creator=author.user_name,
        creation_timestamp=author.at_ms,
    )


def _check_kind(body: ServedEntityBody) -> None:
    """Raises ApiError for external and foundation models, which the sandbox does not serve."""
    foundation = (body.min_provisioned_throughput, body.max_provisioned_throughput, body.provisioned_model_units)
    if body.external_model is not None or any(value is not None for value in foundation):
        message = "The sandbox serves custom models only, not external or foundation models."
        raise ApiError(501, "NOT_IMPLEMENTED", message)


def _check_compute(body: ServedEntityBody) -> None:
    low, high = body.min_provisioned_concurrency, body.max_provisioned_concurrency
    if body.workload_size and (low is not None or high is not None):
        raise invalid("Only one of workload_size and min/max_provisioned_concurrency may be given.")
    if (low is None) != (high is None):
        raise invalid("min_provisioned_concurrency and max_provisioned_concurrency must be given together.")
    if low is not None and high is not None and not (0 <= low <= high and high > 0 and not low % 4 and not high % 4):
        raise invalid("Provisioned concurrency must be multiples of 4, the minimum not above the maximum.")
    kind, size = body.workload_type or "CPU", body.workload_size or "Small"
    if kind not in WORKLOAD_TYPES or size not in CONCURRENCY_OF_SIZE:
        raise invalid(
            f"Workload type '{kind}' with size '{size}' is not supported. Please choose a node type from "
            f"{', '.join(WORKLOAD_TYPES)} and a size from {', '.join(CONCURRENCY_OF_SIZE)}."
        )


def _check_names(entities: list[Entity]) -> None:
    for entity in entities:
        if not ENTITY_NAME.fullmatch(entity.name):
            raise invalid(
                f"Served entity name '{entity.name}' is not valid: it must have 1 to 63 characters, "
                "and only letters, digits, dashes and underscores."
            )
    name, count = Counter(entity.name for entity in entities).most_common(1)[0]
    if count > 1:
        raise invalid(f"Served entity names must be unique: '{name}' occurs {count} times.")


def _read_routes(body: ConfigBody, entities: list[Entity]) -> list[Route]:
    """Keeps the given order, because clients compare the list."""
    given = body.traffic_config.routes if body.traffic_config else None
    if not given:
        if len(entities) > 1:
            raise invalid("traffic_config is required when there is more than one served entity.")
        return [Route(name=entities[0].name, traffic_percentage=100)]
    routes = [_read_route(route) for route in given]
    _check_routes(routes, {entity.name for entity in entities})
    return routes


def _read_route(body: RouteBody) -> Route:
    name = body.served_entity_name or body.served_model_name
    if not name:
        raise invalid("Missing required field: served_entity_name of a route")
    if body.served_entity_name and body.served_model_name and body.served_entity_name != body.served_model_name:
        raise invalid("served_entity_name and served_model_name of a route must be the same.")
    if not 0 <= body.traffic_percentage <= 100:
        raise invalid(f"traffic_percentage of '{name}' must be from 0 to 100, got {body.traffic_percentage}.")
    return Route(name=name, traffic_percentage=body.traffic_percentage)


def _check_routes(routes: list[Route], entities: set[str]) -> None:
    names = [route.name for route in routes]
    if len(set(names)) != len(names):
        raise invalid("A served entity can have only one route.")
    unknown = sorted(set(names) - entities)
    if unknown:
        raise invalid(f"The traffic config routes to '{unknown[0]}', which is not a served entity.")
    unrouted = sorted(entities - set(names))
    if unrouted:
        raise invalid(f"Served entity '{unrouted[0]}' has no route in the traffic config.")
    total = sum(route.traffic_percentage for route in routes)
    if total != 100:
        raise invalid(f"The traffic percentages of all routes must sum to 100, got {total}.")
