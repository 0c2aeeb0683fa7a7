"""Pages to promote or roll back a rollout, and to roll back a deployment to an earlier version."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.people.permissions import signed_in
from deployments.deployment.permissions import deployable, require_deployer
from deployments.rollouts import rolling_back, services
from deployments.rollouts.questions import promote_question, rehearse_question, roll_back_question, rollback_question
from deployments.runs.views import do, start_run, visible_run
from web.views import GET_OR_POST, attempt


@login_required
@require_http_methods(GET_OR_POST)
def run_promote(request: HttpRequest, run_id: int) -> HttpResponse:
    run = visible_run(request, run_id)
    require_deployer(request, run.deployment.team)
    if request.method != "POST":
        return render(request, "ui/confirm.html", promote_question(run))
    return do(request, run, services.promote, "Promoted: the rollout continues.")


@login_required
@require_http_methods(GET_OR_POST)
def run_rollback(request: HttpRequest, run_id: int) -> HttpResponse:
    """Move the traffic of a rollout back to the previous version."""
    run = visible_run(request, run_id)
    require_deployer(request, run.deployment.team)
    if request.method != "POST":
        return render(request, "ui/confirm.html", roll_back_question(run))
    return do(request, run, services.roll_back_run, "All traffic goes back to the previous version.")


@login_required
@require_http_methods(GET_OR_POST)
def rollback(request: HttpRequest, deployment_id: int, run_id: int) -> HttpResponse:
    """Roll back to an earlier run: GET shows the changes, POST starts the rollback."""
    found = deployable(request, deployment_id)
    target = attempt(request, lambda: rolling_back.rollback_target(found, run_id))
    if target is None:
        return redirect("deployments:deployment", found.pk)
    if request.method != "POST":
        return render(request, "ui/confirm.html", rollback_question(found, target))
    actor = signed_in(request)
    return start_run(
        request, found, lambda: rolling_back.request_rollback(deployment=found, to_run=target.run, actor=actor)
    )


@login_required
@require_http_methods(GET_OR_POST)
def rehearse(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """Rehearse a rollback: GET asks, POST starts it."""
    found = deployable(request, deployment_id)
    targets = rolling_back.rollback_targets(found)
    if request.method != "POST" and targets:
        return render(request, "ui/confirm.html", rehearse_question(found, targets[0]))
    actor = signed_in(request)
    rehearsal = attempt(request, lambda: rolling_back.rehearse_rollback(deployment=found, actor=actor))
    if rehearsal is None:
        return redirect("deployments:deployment", found.pk)
    return redirect("deployments:run", rehearsal.rollback_run_id)
