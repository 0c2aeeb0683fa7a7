"""Requesting a run: deploy, update, destroy."""

from __future__ import annotations

from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, Subquery

from accounts.models import User
from accounts.teams.roles import Action
from deployments.deployment.models import Deployment, DeploymentQuerySet, in_state
from deployments.deployment.permissions import require
from deployments.deployment.specs import DeploymentSpec
from deployments.runs.checking import check_spec
from deployments.runs.models import Run
from deployments.runs.requests import pending_destroy, refuse_destroyed, request_run
from deployments.runs.statuses import RESUMABLE, UNFINISHED, RunKind
from web.errors import Invalid, Refused


def in_trouble(deployments: DeploymentQuerySet) -> DeploymentQuerySet:
    """Deployments that need attention: unhealthy endpoint, failed last run, or stale observation without a run."""
    newest = Run.objects.filter(deployment=OuterRef("pk")).order_by("-pk").values("status")[:1]
    bad = Q(newest_status__in=RESUMABLE) | in_state("update_failed") | in_state("not_ready")
    lost = in_state("unknown") & (Q(newest_status=None) | ~Q(newest_status__in=UNFINISHED))
    return deployments.annotate(newest_status=Subquery(newest)).filter(bad | lost)


def request_deployment(*, spec: DeploymentSpec, actor: User, hours_used_per_day: Decimal | None = None) -> Run:
    """Create a deployment and its first run. Raises Invalid if the spec cannot be deployed or its name is taken.

    ``hours_used_per_day`` is the assumption of the price if the spec scales to zero.
    """
    target = check_spec(spec, actor)
    assert target.model.team is not None or actor.is_platform_admin
    if target.model.team is None:
        raise Invalid({"model": ["The model does not belong to a team. Create a team with the name of its schema."]})
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
        raise Invalid({"name": ["Another deployment has just taken this name."]}) from None


def request_update(
    *, deployment: Deployment, spec: DeploymentSpec, actor: User, hours_used_per_day: Decimal | None = None
) -> Run:
    """Start a run that updates the deployment to ``spec``. None for ``hours_used_per_day`` keeps the stored value."""
    require(actor, Action.DEPLOY, deployment)
    refuse_destroyed(deployment)
    if pending := pending_destroy(deployment):
        raise Refused("being_destroyed", f"Run #{pending.pk} destroys this deployment. Cancel it first.")
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
