"""Deriving a spec from a live endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.deployment.specs import RESERVED_TAGS, DeploymentSpec, parse_spec
from web.errors import Invalid


def spec_of(
    variables: Mapping[str, Any], base: Mapping[str, Any], given_tags: Mapping[str, str] | None = None
) -> DeploymentSpec:
    """The spec of an endpoint with these module variables. ``base`` supplies the fields that an endpoint lacks.

    ``given_tags`` are tags that Slipway adds and that do not belong to the spec. Versions without traffic are ignored.
    Raises Invalid if no spec can describe the endpoint, for example with split traffic or a secret in plain text.
    """
    entity = _with_all_traffic(variables)
    table = variables.get("inference_table") or {}
    return parse_spec(
        {
            **base,
            "model": str(entity["entity_name"]),
            "version": str(entity["entity_version"]),
            "name": variables["endpoint_name"],
            "compute": {
                "workload_type": entity["workload_type"],
                "workload_size": entity["workload_size"],
                "scale_to_zero": entity["scale_to_zero_enabled"],
            },
            "monitoring": {**(base.get("monitoring") or {}), "inference_table": bool(table.get("enabled"))},
            "env_vars": dict(entity["environment_vars"]),
            "tags": _tags(variables.get("tags") or {}, given_tags or {}),
        }
    )


def _with_all_traffic(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    routes = {row["served_entity_name"]: row["traffic_percentage"] for row in variables.get("routes") or ()}
    used = [row for row in variables.get("served_entities") or () if routes.get(row["name"])]
    if len(used) != 1:
        count = len(used) or "no"
        raise Invalid(
            {"served_entities": [f"Traffic goes to {count} versions, but a spec sends all traffic to one version."]}
        )
    entity: Mapping[str, Any] = used[0]
    return entity


def _tags(live: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in live.items() if name not in RESERVED_TAGS and given.get(name) != value}
