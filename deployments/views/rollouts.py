"""Going on with a rollout, and going back: of a run that moves traffic, and to an earlier version."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.permissions import can
from accounts.roles import Action
from accounts.views import signed_in
from deployments import services
from deployments.models import Deployment
from deployments.presenters.confirms import promote_question, rehearse_question, roll_back_question, rollback_question
from deployments.services import ActionRefused
from deployments.specs import SpecInvalid
from deployments.views.deployments import visible_deployment
from deployments.views.run_actions import GET_OR_POST, do, require_deployer, visible_run


@login_required
@require_http_methods(GET_OR_POST)
def run_promote(request: HttpRequest, run_id: int) -> HttpResponse:
    run = visible_run(request, run_id)
    require_deployer(request, run)
    if request.method == "GET":
        return render(request, "ui/confirm.html", promote_question(run))
    return do(request, run, services.promote, "Promoted: the rollout goes on.")


@login_required
@require_http_methods(GET_OR_POST)
def run_rollback(request: HttpRequest, run_id: int) -> HttpResponse:
    """Take the traffic back that a rollout has moved."""
    run = visible_run(request, run_id)
    require_deployer(request, run)
    if request.method == "GET":
        return render(request, "ui/confirm.html", roll_back_question(run))
    return do(request, run, services.roll_back_run, "All traffic goes back to the version before.")


def _deployable(request: HttpRequest, deployment_id: int) -> Deployment:
    found = visible_deployment(request, deployment_id)
    if not can(request.user, Action.DEPLOY, found.team):
        raise PermissionDenied(f"This takes the role deployer or team admin in {found.team}.")
    return found


@login_required
@require_http_methods(GET_OR_POST)
def rollback(request: HttpRequest, deployment_id: int, run_id: int) -> HttpResponse:
    """To the version of an earlier run: GET shows what that changes, POST starts it."""
    found = _deployable(request, deployment_id)
    try:
        target = services.rollback_target(found, run_id)
        if request.method == "GET":
            return render(request, "ui/confirm.html", rollback_question(found, target))
        run = services.request_rollback(deployment=found, to_run=target.run, actor=signed_in(request))
    except ActionRefused as refusal:
        messages.error(request, refusal.message)
    except SpecInvalid as invalid:
        messages.error(request, " ".join(text for texts in invalid.fields.values() for text in texts))
    else:
        return redirect("deployments:run", run.pk)
    return redirect("deployments:deployment", found.pk)


@login_required
@require_http_methods(GET_OR_POST)
def rehearse(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """A rollback and the way forward again, with the time it took."""
    found = _deployable(request, deployment_id)
    targets = services.rollback_targets(found)
    if request.method == "GET" and targets:
        return render(request, "ui/confirm.html", rehearse_question(found, targets[0]))
    try:
        rehearsal = services.rehearse_rollback(deployment=found, actor=signed_in(request))
    except ActionRefused as refusal:
        messages.error(request, refusal.message)
    except SpecInvalid as invalid:
        messages.error(request, " ".join(text for texts in invalid.fields.values() for text in texts))
    else:
        return redirect("deployments:run", rehearsal.rollback_run_id)
    return redirect("deployments:deployment", found.pk)
