"""Removing what a run left behind that did not end well, and nothing else."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from accounts.teams.roles import Action
from deployments.configuration.services import last_good_spec
from deployments.deployment.models import Deployment
from deployments.deployment.permissions import require
from deployments.runs.models import Run
from deployments.runs.requests import audit, refuse_destroyed, request_run
from deployments.runs.statuses import CLEANABLE, UNFINISHED, RunKind
from web.errors import Refused


def clean_up(*, run: Run, actor: User) -> Run:
    """Start a run that removes what ``run`` made.

    What was there before stays: a deployment with a good run before is put back to that; else its endpoint is deleted.
    """
    require(actor, Action.DEPLOY, run.deployment)
    with transaction.atomic():
        deployment = Deployment.objects.select_for_update().get(pk=run.deployment_id)
        run.refresh_from_db()
        _refuse(run, deployment)
        spec = last_good_spec(deployment)
        if spec is None:
            started = request_run(deployment, RunKind.DESTROY, run.parsed_spec(), actor, cleans_up=run)
        else:
            deployment.spec = spec.as_json()
            deployment.save(update_fields=["spec"])
            started = request_run(deployment, RunKind.DEPLOY, spec, actor, cleans_up=run)
        audit(run, actor, {"cleaned_up_by": ["None", f"run {started.pk}"]})
    return started


def _refuse(run: Run, deployment: Deployment) -> None:
    refuse_destroyed(deployment)
    newest = deployment.runs.first()
    if newest and newest.pk != run.pk:
        raise Refused("superseded", f"Run #{newest.pk} came after this one: what is there may be its work.")
    if run.status in UNFINISHED:
        raise Refused("not_finished", "The run is not over: cancel it first.")
    if run.kind == RunKind.ADOPT:
        raise Refused("nothing_left", "The run made nothing: the endpoint was there before.")
    if run.kind == RunKind.DESTROY:
        raise Refused("resume_instead", "The run was to delete everything: resume it to go on.")
    if run.status not in CLEANABLE:
        raise Refused("nothing_left", f"The run is {run.get_status_display().lower()}: nothing is to be removed.")
    if not run.left_behind:
        raise Refused("nothing_left", "The run left nothing behind.")
