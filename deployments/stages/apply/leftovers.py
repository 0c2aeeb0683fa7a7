"""What a run created in the workspace, stored on its Apply stage for a later clean-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployments.runs.records import StageRecord
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages.context import Context
from deployments.tfstate import store as statestore
from deployments.tfstate.models import StateVersion
from integrations.databricks.records import Endpoint


def remember_made(context: Context) -> None:
    """After a successful apply: store what the run created, from the tfstate. Adopt and destroy runs create nothing."""
    if context.run.kind in (RunKind.ADOPT, RunKind.DESTROY):
        return
    wanted = _versions(context.run.plan.variables.get("served_entities") or ())
    _keep(context, [*_new_addresses(context), *_new_versions(context, wanted)])


def remember_left(context: Context) -> None:
    """After a failed apply: store what the run created, also if the tfstate lacks it. Reads the workspace."""
    if context.run.kind in (RunKind.ADOPT, RunKind.DESTROY):
        return
    created = _new_addresses(context)
    endpoint = context.workspace.get_endpoint(context.run.deployment.name)
    if endpoint is not None and not context.run.deployment.intended:
        created.append(f"serving endpoint {endpoint.name}")
    elif endpoint is not None:
        created += _new_versions(context, _served(endpoint))
    _keep(context, created)


def _new_addresses(context: Context) -> list[str]:
    """Resources in the tfstate that did not exist before this run."""
    deployment = context.run.deployment_id
    before = StateVersion.objects.filter(deployment=deployment, pk__lt=_first_own_version(context)).first()
    known = statestore.addresses_in(statestore.content(before)) if before else []
    return [address for address in statestore.resource_addresses(deployment) if address not in known]


def _first_own_version(context: Context) -> int:
    """The primary key of the first tfstate version that this run wrote, or MAX_ID if it wrote none."""
    own = StateVersion.objects.filter(run=context.run).order_by("pk").values_list("pk", flat=True).first()
    return own or statestore.MAX_ID


def _new_versions(context: Context, served: Iterable[tuple[str, str]]) -> list[str]:
    """Served versions that this run added. Empty for a new endpoint, which is listed as a whole."""
    intended: Mapping[str, Any] = context.run.deployment.intended
    if not intended:
        return []
    known = _versions(intended.get("served_entities") or ())
    name = context.run.deployment.name
    return [f"version {version} of {model} on {name}" for model, version in served if (model, version) not in known]


def _versions(entities: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(entity["entity_name"], entity["entity_version"]) for entity in entities]


def _served(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Served versions, including those of an update in progress but not of a failed one."""
    entities = [*endpoint.served_entities, *(endpoint.pending_entities if endpoint.is_updating else ())]
    return list(dict.fromkeys((entity.entity_name, entity.entity_version) for entity in entities))


def _keep(context: Context, created: list[str]) -> None:
    record = StageRecord.objects.filter(run=context.run, stage=RunStatus.APPLY).last()
    if record:
        record.created = created
        record.save(update_fields=["created"])
