"""The versions of a deployment's Terraform state, for those who may deploy."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.permissions import can
from accounts.roles import Action
from deployments import statestore
from deployments.models import Deployment, StateVersion
from deployments.presenters import states as present
from deployments.views.deployments import visible_deployment

PAGE_SIZE = 25
# Longer numbers are larger than the database's integers.
MAX_DIGITS = 18


@login_required
@require_safe
def states(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """The list; with ``?version=`` also what changed since the version before, or since ``?against=``."""
    found = visible_deployment(request, deployment_id)
    if not can(request.user, Action.DEPLOY, found.team):
        raise PermissionDenied(f"States are for those who may deploy in {found.team}.")
    context: dict[str, Any] = {
        "deployment": found,
        "page": Paginator(present.versions(found), PAGE_SIZE).get_page(request.GET.get("page")),
        **_compared(request, found),
    }
    return render(request, "deployments/states.html", context)


def _compared(request: HttpRequest, deployment: Deployment) -> dict[str, Any]:
    if "version" not in request.GET:
        return {}
    after = _version(deployment, request.GET["version"])
    against = request.GET.get("against")
    before = _version(deployment, against) if against else present.previous(after)
    try:
        return {"compared": present.comparison(after, before)}
    except statestore.StateUnreadable as error:
        return {"unreadable": str(error)}


def _version(deployment: Deployment, number: str) -> StateVersion:
    if not number.isdecimal() or len(number) > MAX_DIGITS:
        raise Http404
    return get_object_or_404(present.versions(deployment), pk=int(number))
