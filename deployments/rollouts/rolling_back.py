"""Rolling back to an earlier successful version, and rehearsing it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.teams.roles import Action
from deployments.deployment.models import Deployment
from deployments.deployment.permissions import require
from deployments.deployment.specs import DeploymentSpec, Rollout, parse_spec
from deployments.rollouts.entities import entity_of, is_served, live_entity
from deployments.rollouts.models import Rehearsal
from deployments.runs.checking import check_spec
from deployments.runs.models import Run
from deployments.runs.requests import pending_destroy, refuse_destroyed, request_run
from deployments.runs.statuses import GOOD, UNFINISHED, RunKind
from web.errors import Refused

LOOK_BACK = 200
MAX_TARGETS = 20


@dataclass(frozen=True)
class RollbackTarget:
    """An earlier successful version. ``is_served``: it is still on the endpoint, so only traffic has to move."""

    run: Run
    version: str
    is_served: bool


def rollback_targets(deployment: Deployment) -> list[RollbackTarget]:
    """Earlier successful versions other than the live one, by their newest run, newest first. One query."""
    good = deployment.runs.filter(status__in=GOOD).exclude(kind=RunKind.DESTROY).select_related("requested_by")
    seen = [live_entity(deployment.intended)]
    found = []
    for run in good[:LOOK_BACK]:
        spec = run.parsed_spec()
        entity = entity_of(spec)
        if entity not in seen:
            seen.append(entity)
            found.append(RollbackTarget(run, spec.version, is_served(entity, deployment.intended)))
    return found[:MAX_TARGETS]


def rollback_target(deployment: Deployment, run_id: int) -> RollbackTarget:
    """The target of this run. Raises Refused if the run is not among ``rollback_targets``."""
    target = next((target for target in rollback_targets(deployment) if target.run.pk == run_id), None)
    if target is None:
        message = "Choose an earlier successful run other than the one that serves now."
        raise Refused("not_a_target", message)
    return target


def request_rollback(*, deployment: Deployment, to_run: Run, actor: User) -> Run:
    """Start a run that restores what the earlier ``to_run`` deployed, with all traffic at once.

    Raises Refused if it is not a target, and Invalid if its version can no longer be deployed.
    """
    _refuse(deployment, actor)
    target = rollback_target(deployment, to_run.pk)
    wanted = check_spec(_at_once(target.run.parsed_spec()), actor, deployment).spec
    with transaction.atomic():
        # A rollback keeps the rollout settings for the next update.
        rollout = deployment.spec.get("rollout", {})
        deployment.spec = {**wanted.as_json(), "rollout": rollout}
        deployment.save(update_fields=["spec"])
        return request_run(deployment, RunKind.ROLLBACK, wanted, actor)


def rehearse_rollback(*, deployment: Deployment, actor: User) -> Rehearsal:
    """Roll back to the newest target and forward again. Raises Refused if the environment needs approval."""
    _refuse(deployment, actor)
    if deployment.environment.needs_approval:
        message = f"{deployment.environment} needs approval. Rehearse in an environment without approval."
        raise Refused("not_here", message)
    if ahead := deployment.runs.filter(status__in=UNFINISHED).first():
        raise Refused("busy", f"Run #{ahead.pk} has not ended. Rehearse when it has.")
    targets = rollback_targets(deployment)
    if not targets or not deployment.intended_spec:
        raise Refused("no_target", "There is no earlier successful version to roll back to.")
    present = parse_spec(deployment.intended_spec)
    there = check_spec(_at_once(targets[0].run.parsed_spec()), actor, deployment).spec
    back = check_spec(_at_once(present), actor, deployment).spec
    with transaction.atomic():
        return Rehearsal.objects.create(
            deployment=deployment,
            version=there.version,
            started_by=actor,
            started_at=timezone.now(),
            rollback_run=request_run(deployment, RunKind.ROLLBACK, there, actor),
            # Waits in the deployment's queue and starts however the first run ends.
            return_run=request_run(deployment, RunKind.ROLLBACK, back, actor),
        )


def _refuse(deployment: Deployment, actor: User) -> None:
    require(actor, Action.DEPLOY, deployment)
    refuse_destroyed(deployment)
    if pending := pending_destroy(deployment):
        raise Refused("being_destroyed", f"Run #{pending.pk} destroys this deployment. Cancel it first.")


def _at_once(spec: DeploymentSpec) -> DeploymentSpec:
    return spec.model_copy(update={"rollout": Rollout()})
