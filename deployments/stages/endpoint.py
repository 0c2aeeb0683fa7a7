"""Endpoint: Terraform's success is not the endpoint's. Wait for READY, then read back what was asked."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from deployments.models import StageRecord
from deployments.specs import DeploymentSpec
from deployments.stages.context import Context
from deployments.stages.terraform import served_entity_name
from deployments.stages.watch import log_excerpt, state_words
from deployments.states import End, GoOn, Level, Outcome, RunStatus, Wait
from deployments.sync import record_observation
from integrations.databricks import Endpoint

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
    differences = _differences(context.spec, endpoint)
    for difference in differences:
        context.log(f"read back: {difference}", level=Level.WARNING)
    StageRecord.note(
        context.run,
        RunStatus.ENDPOINT,
        {"config_version": endpoint.config_version, "differences": differences},
    )
    return GoOn(RunStatus.SMOKE, f"the endpoint is ready, configuration {endpoint.config_version}")


def _wait(context: Context, endpoint: Endpoint) -> Outcome:
    since = context.run.stage_started_at or timezone.now()
    if timezone.now() - since > timedelta(seconds=settings.ENDPOINT_TIMEOUT_S):
        return End(RunStatus.FAILED, f"the endpoint was not ready after {settings.ENDPOINT_TIMEOUT_S} s")
    return Wait(2, f"the endpoint is {state_words(endpoint)}")


def _update_failed(context: Context, endpoint: Endpoint) -> Outcome:
    """Failed with the old version still serving is another thing than down."""
    failed = [entity for entity in endpoint.pending_entities if entity.deployment == "DEPLOYMENT_FAILED"]
    for entity in failed:
        log_excerpt(context, endpoint.name, entity.name)
    reasons = "; ".join(f"version {entity.entity_version}: {entity.message or entity.deployment}" for entity in failed)
    serving = ", ".join(f"version {entity.entity_version}" for entity in endpoint.served_entities)
    still = f" Still serving: {serving}." if endpoint.ready and serving else " Nothing is serving."
    return End(RunStatus.FAILED, f"the update failed ({reasons or endpoint.config_update}).{still}")


def _differences(spec: DeploymentSpec, endpoint: Endpoint) -> list[str]:
    """Every intended field, compared with what the workspace shows after the apply."""
    name = served_entity_name(spec)
    entity = next((item for item in endpoint.served_entities if item.name == name), None)
    if entity is None:
        return [f"{name} is not served"]
    pairs = [
        ("model", spec.model, entity.entity_name),
        ("version", spec.version, entity.entity_version),
        ("workload size", spec.compute.workload_size, entity.workload_size),
        ("workload type", spec.compute.workload_type, entity.workload_type),
        ("scale to zero", spec.compute.scale_to_zero, entity.scale_to_zero),
        ("traffic", {name: 100}, endpoint.traffic),
        ("environment variables", spec.env_vars, dict(entity.environment_vars)),
    ]
    found = [f"{label} is {live!r}, asked was {asked!r}" for label, asked, live in pairs if live != asked]
    missing = [key for key in spec.tags if endpoint.tags.get(key) != spec.tags[key]]
    return found + [f"tag {key} is missing" for key in missing]
