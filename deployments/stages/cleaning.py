"""Cleaning up after a run that did not succeed: removing only what it left behind."""

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

    A deployment with an earlier successful run is restored to that run's spec. Otherwise its endpoint is deleted.
    Raises Refused if the run left nothing behind, has not ended, or is not the newest.
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
        raise Refused("superseded", f"Run #{newest.pk} is newer. The resources may belong to it.")
    if run.status in UNFINISHED:
        raise Refused("not_finished", "The run has not ended. Cancel it first.")
    if run.kind == RunKind.ADOPT:
        raise Refused("nothing_left", "The run created nothing. The endpoint existed before.")
    if run.kind == RunKind.DESTROY:
        raise Refused("resume_instead", "The run was meant to delete everything. Resume it to continue.")
    if run.status not in CLEANABLE:
        raise Refused("nothing_left", f"The run is {run.get_status_display().lower()}. There is nothing to remove.")
    if not run.left_behind:
        raise Refused("nothing_left", "The run left nothing behind.")
