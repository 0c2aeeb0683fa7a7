"""What every service needs: refusals, permission, and telling a worker."""

from __future__ import annotations

from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.models import User
from accounts.permissions import can
from accounts.roles import Action
from deployments.models import Deployment, Run
from deployments.models.run import Line
from deployments.runner import next_in_line
from deployments.specs import DeploymentSpec
from deployments.states import ACTIVE, UNFINISHED, RunKind, RunStatus
from deployments.tasks import advance_run

ASKED = {RunKind.ADOPT: "adopt", RunKind.DESTROY: "destroy", RunKind.ROLLBACK: "roll back"}


class Refused(Exception):
    """The action is not possible now. ``code`` is stable and goes to API clients; the text is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def require(actor: User, action: Action, deployment: Deployment) -> None:
    if not can(actor, action, deployment.team):
        raise PermissionDenied(f"You need a role in {deployment.team} that may {action.label.split(',')[0]}.")


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


def hold_in(run: Run, status: RunStatus) -> bool:
    """Keep the run where it is until the transaction ends; False if it is not in ``status`` any more.

    A condition on the run must not be a join in a conditional UPDATE of another table: PostgreSQL reads
    the joined row as it was before a concurrent writer committed, and both would win.
    """
    return Run.objects.select_for_update().filter(pk=run.pk, status=status).first() is not None


def send_on(run_id: int) -> None:
    """Tell a worker, once the row is there. With the broker away the run is not lost: beat finds it."""
    transaction.on_commit(lambda: advance_run.delay(run_id), robust=True)


def wake(run: Run) -> None:
    """Have a run that waits in its stage looked at now."""
    Run.objects.filter(pk=run.pk, status=run.status).update(wake_at=None)
    send_on(run.pk)


def send_on_whoever_can(run: Run) -> None:
    """Send on whoever can work now: this run, or the next of its deployment."""
    for run_id in [run.pk] if run.status in ACTIVE else next_in_line(run):
        send_on(run_id)


def audit(run: Run, actor: User, changes: dict[str, list[str]]) -> None:
    """A line in the audit trail for what is written by a conditional UPDATE, which auditlog does not see."""
    LogEntry.objects.log_create(run, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor)
