"""What views that do something share: who may, and how a refusal is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.models import Team
from accounts.permissions import can
from accounts.roles import Action
from deployments.models import Deployment, Run
from deployments.services import Refused
from deployments.specs import Invalid

GET_OR_POST = ["GET", "HEAD", "POST"]
T = TypeVar("T")


def require_deployer(request: HttpRequest, team: Team) -> None:
    if not can(request.user, Action.DEPLOY, team):
        raise PermissionDenied(f"This takes the role deployer or team admin in {team}.")


def attempt(request: HttpRequest, act: Callable[[], T]) -> T | None:
    """What ``act`` gives; None where it was refused, and the next page says why."""
    try:
        return act()
    except Refused as refusal:
        messages.error(request, refusal.message)
    except Invalid as invalid:
        messages.error(request, invalid.text)
    return None


def start_run(request: HttpRequest, deployment: Deployment, ask: Callable[[], Run]) -> HttpResponse:
    """To the run that ``ask`` starts; back to the deployment where it was refused."""
    run = attempt(request, ask)
    return redirect("deployments:run", run.pk) if run else redirect("deployments:deployment", deployment.pk)
