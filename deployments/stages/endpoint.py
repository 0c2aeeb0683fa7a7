"""Endpoint: waits until the endpoint is READY, then compares it with the plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from deployments.deployment.reading import record_observation
from deployments.deployment.specs import DeploymentSpec
from deployments.rollouts.entities import entities_of, percents_of, served_entity_name
from deployments.runs.records import StageRecord
from deployments.runs.statuses import Level, RunStatus
from deployments.stages.adopting import adopts
from deployments.stages.context import Context
from deployments.stages.ending import succeed
from deployments.stages.outcomes import End, GoOn, Outcome, Wait
from deployments.stages.watch import log_build, log_excerpt, state_words
from integrations.databricks.records import Endpoint

FAILED_UPDATES = frozenset({"UPDATE_FAILED", "UPDATE_CANCELED"})


def run_stage(context: Context) -> Outcome:
    endpoint = context.workspace.get_endpoint(context.run.deployment.name)
    record_observation(context.run.deployment, endpoint)
    if endpoint is None:
        return End(RunStatus.FAILED, "the endpoint is gone from the workspace")
    if endpoint.config_update in FAILED_UPDATES:
        return _update_failed(context, endpoint)
    if not endpoint.ready or endpoint.config_update != "NOT_UPDATING":
        return _wait(context, endpoint)
    differences = _differences(context.spec, context.run.plan.variables, endpoint)
    for difference in differences:
        context.log(f"read back: {difference}", level=Level.WARNING)
    StageRecord.note(
        context.run.pk,
        RunStatus.ENDPOINT,
        {"config_version": endpoint.config_version, "differences": differences},
    )
    log_build(context, served_entity_name(context.spec))
    if adopts(context):
        return succeed(context, f"adopted as it is, configuration {endpoint.config_version}")
    return GoOn(RunStatus.SMOKE, f"the endpoint is ready, configuration {endpoint.config_version}")


def _wait(context: Context, endpoint: Endpoint) -> Outcome:
    since = context.run.stage_started_at or timezone.now()
    if timezone.now() - since > timedelta(seconds=settings.ENDPOINT_TIMEOUT_S):
        return End(RunStatus.FAILED, f"the endpoint was not ready after {settings.ENDPOINT_TIMEOUT_S} s")
    return Wait(2, f"the endpoint is {state_words(endpoint)}")


def _update_failed(context: Context, endpoint: Endpoint) -> Outcome:
    """The end of a run whose update failed. The message says whether an old version still serves."""
    failed = [entity for entity in endpoint.pending_entities if entity.deployment == "DEPLOYMENT_FAILED"]
    for entity in failed:
        log_excerpt(context, endpoint.name, entity.name)
    reasons = "; ".join(f"version {entity.entity_version}: {entity.message or entity.deployment}" for entity in failed)
    serving = ", ".join(f"version {entity.entity_version}" for entity in endpoint.served_entities)
    still = f" Still serving: {serving}." if endpoint.ready and serving else " Nothing is serving."
    return End(RunStatus.FAILED, f"the update failed ({reasons or endpoint.config_update}).{still}")


def _differences(spec: DeploymentSpec, variables: Mapping[str, Any], endpoint: Endpoint) -> list[str]:
    """The intended fields that differ from the live endpoint after the apply."""
    wanted = entities_of(variables)
    found = [text for entity in wanted for text in _entity_differences(entity, endpoint, len(wanted) > 1)]
    routes = percents_of(variables)
    if endpoint.traffic != routes:
        found.append(f"traffic is {endpoint.traffic!r}, requested {routes!r}")
    return found + [f"tag {key} is missing" for key, value in spec.tags.items() if endpoint.tags.get(key) != value]


def _entity_differences(asked: Mapping[str, Any], endpoint: Endpoint, is_named: bool) -> list[str]:
    """The differences of one entity. ``is_named`` adds its name to each, if there are several entities."""
    name = asked["name"]
    live = next((item for item in endpoint.served_entities if item.name == name), None)
    if live is None:
        return [f"{name} is not served"]
    pairs = [
        ("model", asked["entity_name"], live.entity_name),
        ("version", asked["entity_version"], live.entity_version),
        ("workload size", asked["workload_size"], live.workload_size),
        ("workload type", asked["workload_type"], live.workload_type),
        ("scale to zero", asked["scale_to_zero_enabled"], live.scale_to_zero),
        ("environment variables", asked["environment_vars"], dict(live.environment_vars)),
    ]
    of = f" of {name}" if is_named else ""
    return [f"{label}{of} is {shown!r}, requested {wanted!r}" for label, wanted, shown in pairs if shown != wanted]
