"""Pages of the versions of a deployment's tfstate, for people who may deploy."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can, require_platform_admin
from accounts.teams.roles import Action
from deployments.deployment.models import Deployment
from deployments.deployment.permissions import visible_deployment
from deployments.tfstate import presenters as present
from deployments.tfstate import services
from deployments.tfstate import store as statestore
from deployments.tfstate.locks import left_lock, unlock_question
from deployments.tfstate.models import StateVersion
from web.errors import Refused

PAGE_SIZE = 25
# Longer numbers exceed the database's integers.
MAX_DIGITS = 18


@login_required
@require_safe
def states(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """The list. ``?version=`` adds the changes since the previous version, or since ``?against=``."""
    found = visible_deployment(request, deployment_id)
    if not can(request.user, Action.DEPLOY, found.team):
        raise PermissionDenied(f"You need the role deployer or team admin in {found.team}.")
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


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def force_unlock(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """Free the lock that the page showed. Refused if the lock has changed since."""
    found = visible_deployment(request, deployment_id)
    require_platform_admin(signed_in(request), services.FREE_LOCK)
    lock = left_lock(found)
    if lock is None:
        messages.info(request, "The state is not locked, or the run that holds the lock is still at work.")
        return redirect("deployments:deployment", found.pk)
    question = unlock_question(found, lock)
    if request.method != "POST":
        return render(request, "ui/confirm.html", question)
    try:
        services.force_unlock(
            deployment=found,
            actor=signed_in(request),
            reason=request.POST.get("reason", ""),
            lock_id=request.POST.get("lock_id", ""),
        )
    except Refused as refusal:
        return render(request, "ui/confirm.html", {**question, "error": refusal.message}, status=422)
    messages.success(request, "The lock is free.")
    return redirect("deployments:deployment", found.pk)
