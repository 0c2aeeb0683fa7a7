"""Adopting an endpoint that was created outside Slipway. An empty plan proves that nothing changes."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.teams.permissions import can, teams_where
from accounts.teams.roles import Action
from catalog.models import Environment, Workspace
from deployments.configuration.listing import live_variables
from deployments.configuration.live_spec import spec_of
from deployments.configuration.tasks import list_endpoints
from deployments.configuration.unmanaged import UnmanagedEndpoint, given_up_adoptions
from deployments.deployment.models import Deployment
from deployments.deployment.specs import DeploymentSpec
from deployments.runs.checking import check_spec
from deployments.runs.models import Run
from deployments.runs.requests import request_run
from deployments.runs.statuses import RunKind
from web.errors import Invalid, Refused


def refresh_unmanaged(*, workspace: Workspace, actor: User) -> None:
    """Start a task that lists the endpoints of the workspace."""
    if not teams_where(actor, Action.DEPLOY).exists():
        raise PermissionDenied("You need the role deployer or team admin in a team.")
    transaction.on_commit(lambda: list_endpoints.delay(workspace.pk), robust=True)


def adopt_endpoint(*, name: str, environment: Environment, team: Team, actor: User) -> Run:
    """Create a deployment for an existing endpoint, and the run that adopts it.

    Raises Invalid if ``actor`` cannot see such an endpoint, or if no spec can describe it. Raises Refused if it cannot
    be adopted in its current state.
    """
    if not can(actor, Action.DEPLOY, team):
        raise PermissionDenied(f"You need a role in {team} that may deploy.")
    found = UnmanagedEndpoint.objects.visible_to(actor).unmanaged()
    endpoint = found.filter(workspace=environment.workspace_id, name=name).first()
    if endpoint is None:
        raise Invalid({"name": [f"There is no unmanaged endpoint {name} in {environment} that you may see."]})
    if endpoint.obstacle:
        raise Refused("not_adoptable", endpoint.obstacle)
    spec = spec_of(live_variables(endpoint), {"environment": environment.slug})
    try:
        with transaction.atomic():
            return _adopt(endpoint, spec, environment, team, actor)
    except IntegrityError:
        raise Invalid({"name": ["Another person has just adopted it."]}) from None


def _adopt(endpoint: UnmanagedEndpoint, spec: DeploymentSpec, environment: Environment, team: Team, actor: User) -> Run:
    # An earlier adoption that failed releases the name.
    before = given_up_adoptions().filter(workspace=endpoint.workspace_id, name=endpoint.name)
    Deployment.objects.filter(pk__in=list(before.values_list("pk", flat=True))).update(destroyed_at=timezone.now())
    target = check_spec(spec, actor)
    deployment = Deployment.objects.create(
        team=team,
        workspace_id=endpoint.workspace_id,
        environment=environment,
        model=target.model,
        name=endpoint.name,
        spec=target.spec.as_json(),
        created_by=actor,
    )
    return request_run(deployment, RunKind.ADOPT, target.spec, actor)
