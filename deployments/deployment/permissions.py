"""Which deployments a request may see and change. Pages and API share these rules."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.models import Team, User
from accounts.people.permissions import signed_in, user_of
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from deployments.deployment.models import Deployment

DEPLOYMENT_ID = OpenApiParameter("deployment_id", int, OpenApiParameter.PATH)


def deployment_or_404(request: Request, deployment_id: str) -> Deployment:
    rows = Deployment.objects.visible_to(user_of(request)).select_related("team", "environment", "model", "workspace")
    return get_object_or_404(rows, pk=int(deployment_id))


def visible_deployment(request: HttpRequest, deployment_id: int) -> Deployment:
    rows = Deployment.objects.visible_to(signed_in(request))
    related = rows.select_related(
        "team", "environment", "model", "workspace", "created_by", "config_check", "state_lock"
    )
    return get_object_or_404(related, pk=deployment_id)


def deployable(request: HttpRequest, deployment_id: int) -> Deployment:
    """A deployment that the user may change. Raises PermissionDenied if they may only see it."""
    found = visible_deployment(request, deployment_id)
    require_deployer(request, found.team)
    return found


def require_deployer(request: HttpRequest, team: Team) -> None:
    if not can(request.user, Action.DEPLOY, team):
        raise PermissionDenied(f"You need the role deployer or team admin in {team}.")


def require(actor: User, action: Action, deployment: Deployment) -> None:
    if not can(actor, action, deployment.team):
        raise PermissionDenied(f"You need a role in {deployment.team} that may {action.label.split(',')[0]}.")
