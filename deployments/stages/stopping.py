"""Cancelling a run, and resuming one that stopped."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.teams.roles import Action
from deployments.deployment.permissions import require
from deployments.runs.models import IllegalTransition, Line, Run
from deployments.runs.queue import send_on, send_on_whoever_can, wake
from deployments.runs.requests import audit, refuse_destroyed
from deployments.runs.statuses import RESUMABLE, UNFINISHED, Level, RunStatus
from deployments.stages.stage import TABLE
from deployments.tfstate import store as statestore
from web.errors import Refused


def cancel(*, run: Run, actor: User) -> Run:
    """End the run: at once if no worker has its lease, otherwise after its worker has stopped Terraform."""
    require(actor, Action.DEPLOY, run.deployment)
    asked = Run.objects.filter(pk=run.pk, status__in=UNFINISHED, cancel_requested_at=None).update(
        cancel_requested_at=timezone.now(), cancel_requested_by=actor
    )
    if not asked:
        run.refresh_from_db()
        if run.status in UNFINISHED:
            raise Refused("already_cancelling", "The run is already being cancelled.")
        raise Refused("finished", f"The run is over: {run.get_status_display().lower()}.")
    audit(run, actor, {"cancel_requested_by": ["None", actor.username]})
    text = f"cancelled by {actor.display_name}"
    try:
        run.refresh_from_db()
        stage = TABLE.get(RunStatus(run.status))
        if stage is not None and stage.stops_itself(run):
            wake(run)
            raise IllegalTransition("its stage must stop something first")
        with transaction.atomic():
            run.transition(RunStatus.CANCELLED, text)
            statestore.release_at_the_end(run)
            send_on_whoever_can(run)
    except IllegalTransition:
        run.log([Line(stage=run.status, message=f"{text}: stopping", level=Level.WARNING)])
        run.refresh_from_db()
    return run


def resume(*, run: Run, actor: User) -> Run:
    """Queue a failed or interrupted run again. It makes a new plan from what exists now."""
    require(actor, Action.DEPLOY, run.deployment)
    refuse_destroyed(run.deployment)
    newest = run.deployment.runs.first()
    if newest and newest.pk != run.pk:
        raise Refused("superseded", f"Run #{newest.pk} came after this one: resume or start a new run there.")
    if run.status not in RESUMABLE:
        raise Refused("not_resumable", f"The run is {run.get_status_display().lower()}.")
    try:
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(
                cancel_requested_at=None, cancel_requested_by=None, apply_started_at=None
            )
            audit(run, actor, {"status": [run.status, RunStatus.QUEUED]})
            run.transition(RunStatus.QUEUED, f"resumed by {actor.display_name}")
            send_on(run.pk)
    except IllegalTransition:
        raise Refused("not_resumable", "Another user has just resumed it.") from None
    return run
