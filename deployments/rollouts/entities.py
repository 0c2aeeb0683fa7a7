"""The versions that an endpoint serves at once, and their shares of the traffic.

Entities and routes are in the shape of the variables of terraform/modules/model_endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.deployment.specs import DeploymentSpec

Entity = dict[str, Any]


@dataclass(frozen=True)
class Serving:
    """The variables ``served_entities`` and ``routes``."""

    entities: list[Entity]
    routes: list[dict[str, Any]]


@dataclass(frozen=True)
class Movement:
    """A pending move of traffic from the served entity ``old`` to ``new``."""

    old: str
    new: str

    def at(self, percent: int) -> dict[str, int]:
        """The routes with ``percent`` of the traffic on the new entity."""
        return {self.old: 100 - percent, self.new: percent}


def served_entity_name(spec: DeploymentSpec) -> str:
    """Databricks' default name, {model}-{version}, with forbidden characters replaced."""
    model = re.sub(r"[^A-Za-z0-9_-]", "-", spec.model.rpartition(".")[2])
    return f"{model[:50]}-{spec.version}"


def entity_of(spec: DeploymentSpec) -> Entity:
    return {
        "name": served_entity_name(spec),
        "entity_name": spec.model,
        "entity_version": spec.version,
        "workload_type": spec.compute.workload_type,
        "workload_size": spec.compute.workload_size,
        "scale_to_zero_enabled": spec.compute.scale_to_zero,
        "environment_vars": dict(spec.env_vars),
    }


def entities_of(variables: Mapping[str, Any]) -> list[Entity]:
    return list(variables.get("served_entities") or [])


def percents_of(variables: Mapping[str, Any]) -> dict[str, int]:
    """Traffic in percent by served entity name."""
    return {route["served_entity_name"]: int(route["traffic_percentage"]) for route in variables.get("routes") or []}


def live_entity(variables: Mapping[str, Any]) -> Entity | None:
    """The served entity with the largest share of the traffic; None if nothing is served."""
    percents = percents_of(variables)
    return max(entities_of(variables), key=lambda entity: percents.get(entity["name"], 0), default=None)


def is_served(entity: Entity, variables: Mapping[str, Any]) -> bool:
    """Whether this exact entity is served, so that traffic can move to it without a build."""
    return entity in entities_of(variables)


def serving(spec: DeploymentSpec, intended: Mapping[str, Any]) -> Serving:
    """What the endpoint serves after the plan of ``spec`` is applied. ``intended`` is what it serves until then.

    A gradual rollout does not change the routes here: its stage moves the traffic. A version that is still served gets
    its traffic back without a build. Versions without traffic stay only if they scale to zero and so cost nothing,
    except the version that had the traffic until now: it stays for a rollback.
    """
    entity, live = entity_of(spec), live_entity(intended)
    if live is None:
        return _routed([entity], entity)
    if entity["name"] == live["name"]:
        kept = [entity if item is live else item for item in entities_of(intended) if item is live or _is_free(item)]
        return _routed(kept, entity)
    if spec.rollout.strategy != "all_at_once":
        known = [item for item in entities_of(intended) if item == entity or item is live]
        return _routed(known if entity in known else [live, entity], live)
    if is_served(entity, intended):
        kept = [item for item in entities_of(intended) if item == entity or item is live or _is_free(item)]
        return _routed(kept, entity)
    return _routed([entity], entity)


def _is_free(entity: Entity) -> bool:
    return bool(entity["scale_to_zero_enabled"])


def _routed(entities: list[Entity], target: Entity) -> Serving:
    """The entities with routes that send all traffic to ``target``."""
    routes = [
        {"served_entity_name": item["name"], "traffic_percentage": 100 if item["name"] == target["name"] else 0}
        for item in entities
    ]
    return Serving(entities, routes)


def movement(spec: DeploymentSpec, variables: Mapping[str, Any]) -> Movement | None:
    """The move of traffic that a plan with ``variables`` leaves to the rollout; None if the plan moves it itself."""
    percents, new = percents_of(variables), served_entity_name(spec)
    if percents.get(new) != 0:
        return None
    return Movement(max(percents, key=lambda name: percents[name]), new)
