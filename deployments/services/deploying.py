"""Asking for a run: deploy, update, destroy."""

from __future__ import annotations

from decimal import Decimal

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.roles import Action
from deployments.models import Deployment, Draft, Run
from deployments.services.base import Refused, pending_destroy, refuse_destroyed, request_run, require
from deployments.services.checking import check_spec
from deployments.specs import DeploymentSpec, Invalid, parse_spec
from deployments.states import RunKind


def request_deployment(*, spec: DeploymentSpec, actor: User, hours_used_per_day: Decimal | None = None) -> Run:
    """Create a deployment and its first run. Raises Invalid; a name taken meanwhile is reported like any other.

    ``hours_used_per_day``: what the price assumes if the spec scales to zero.
    """
    target = check_spec(spec, actor)
    assert target.model.team is not None or actor.is_platform_admin
    if target.model.team is None:
        raise Invalid({"model": ["The model belongs to no team: create a team with the name of its schema."]})
    try:
        with transaction.atomic():
            deployment = Deployment.objects.create(
                team=target.model.team,
                workspace=target.environment.workspace,
                environment=target.environment,
                model=target.model,
                name=spec.name,
                spec=target.spec.as_json(),
                created_by=actor,
                hours_used_per_day=hours_used_per_day,
            )
            return request_run(deployment, RunKind.DEPLOY, target.spec, actor)
    except IntegrityError:
        raise Invalid({"name": ["The name was taken a moment ago."]}) from None


def request_update(
    *, deployment: Deployment, spec: DeploymentSpec, actor: User, hours_used_per_day: Decimal | None = None
) -> Run:
    """Start a run that makes the deployment as ``spec`` says. Without ``hours_used_per_day`` they stay as they are."""
    require(actor, Action.DEPLOY, deployment)
    refuse_destroyed(deployment)
    if pending := pending_destroy(deployment):
        raise Refused("being_destroyed", f"Run #{pending.pk} destroys this deployment: cancel it first.")
    target = check_spec(spec, actor, deployment)
    with transaction.atomic():
        deployment.spec = target.spec.as_json()
        deployment.hours_used_per_day = hours_used_per_day or deployment.hours_used_per_day
        deployment.save(update_fields=["spec", "hours_used_per_day"])
        return request_run(deployment, RunKind.DEPLOY, target.spec, actor)


def request_destroy(*, deployment: Deployment, actor: User) -> Run:
    """Start a run that deletes the endpoint."""
    require(actor, Action.DEPLOY, deployment)
    refuse_destroyed(deployment)
    if pending := pending_destroy(deployment):
        raise Refused("already_requested", f"Run #{pending.pk} already destroys this deployment.")
    last = deployment.runs.first()
    spec = last.parsed_spec() if last else DeploymentSpec.model_validate(deployment.spec)
    return request_run(deployment, RunKind.DESTROY, spec, actor)


def submit_draft(*, draft: Draft, revision: int, actor: User, hours_used_per_day: Decimal | None = None) -> Run:
    """Start the run of a finished draft; the draft is gone with it, so sending it twice gives one run.

    Raises Refused (draft_changed) when the draft is no longer at ``revision``, Invalid like the requests.
    """
    spec = parse_spec(draft.answers)
    with transaction.atomic():
        deleted, _ = Draft.objects.filter(pk=draft.pk, owner=actor, revision=revision).delete()
        if not deleted:
            raise Refused("draft_changed", "The draft has changed since you looked at it: read it again.")
        if draft.deployment is None:
            return request_deployment(spec=spec, actor=actor, hours_used_per_day=hours_used_per_day)
        return request_update(
            deployment=draft.deployment, spec=spec, actor=actor, hours_used_per_day=hours_used_per_day
        )
