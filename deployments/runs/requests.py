"""Creating a run with its first event, and the checks that every request for a run shares."""

from __future__ import annotations

from auditlog.models import LogEntry
from django.db import transaction

from accounts.models import User
from deployments.deployment.models import Deployment
from deployments.deployment.specs import DeploymentSpec
from deployments.runs.models import Line, Run
from deployments.runs.queue import send_on
from deployments.runs.statuses import UNFINISHED, RunKind, RunStatus
from web.errors import Refused

ASKED = {RunKind.ADOPT: "adopt", RunKind.DESTROY: "destroy", RunKind.ROLLBACK: "roll back"}


def pending_destroy(deployment: Deployment) -> Run | None:
    return deployment.runs.filter(kind=RunKind.DESTROY, status__in=UNFINISHED).first()


def refuse_destroyed(deployment: Deployment) -> None:
    if deployment.destroyed_at:
        raise Refused("destroyed", "This deployment was destroyed; deploy a new one.")


def request_run(
    deployment: Deployment, kind: RunKind, spec: DeploymentSpec, actor: User, *, cleans_up: Run | None = None
) -> Run:
    with transaction.atomic():
        run = Run.objects.create(
            deployment=deployment, kind=kind, spec=spec.as_json(), requested_by=actor, cleans_up=cleans_up
        )
        what = f"clean up after run #{cleans_up.pk} in" if cleans_up else ASKED.get(kind, "deploy")
        run.log(
            [
                Line(
                    stage=RunStatus.QUEUED,
                    message=f"{actor.display_name} asked to {what} {deployment.name} in {deployment.environment}: "
                    f"{spec.model} version {spec.version}",
                )
            ]
        )
        send_on(run.pk)
    run.refresh_from_db()
    return run


def audit(run: Run, actor: User, changes: dict[str, list[str]]) -> None:
    """Record ``changes`` in the audit trail. For conditional UPDATEs, which auditlog does not see."""
    LogEntry.objects.log_create(run, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor)
