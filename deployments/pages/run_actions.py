"""Actions on a run. GET asks for confirmation (for dialogs without JavaScript), POST acts."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.people.permissions import signed_in
from deployments.deployment.permissions import require_deployer
from deployments.pages.questions import cancel_question, resume_question
from deployments.runs.views import do, visible_run
from deployments.stages import cleaning, stopping
from deployments.stages.cleanup_presenters import cleanup_question
from web.views import GET_OR_POST, attempt


@login_required
@require_http_methods(GET_OR_POST)
def run_cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    run = visible_run(request, run_id)
    require_deployer(request, run.deployment.team)
    if request.method != "POST":
        return render(request, "ui/confirm.html", cancel_question(run))
    return do(request, run, stopping.cancel, f"Run #{run.pk} is being cancelled.")


@login_required
@require_http_methods(GET_OR_POST)
def run_resume(request: HttpRequest, run_id: int) -> HttpResponse:
    run = visible_run(request, run_id)
    require_deployer(request, run.deployment.team)
    if request.method != "POST":
        return render(request, "ui/confirm.html", resume_question(run))
    return do(request, run, stopping.resume, f"Run #{run.pk} is queued again.")


@login_required
@require_http_methods(GET_OR_POST)
def run_cleanup(request: HttpRequest, run_id: int) -> HttpResponse:
    """Clean up after a run: GET lists what will be removed, POST starts the run that removes it."""
    run = visible_run(request, run_id)
    require_deployer(request, run.deployment.team)
    if request.method != "POST":
        return render(request, "ui/confirm.html", cleanup_question(run))
    actor = signed_in(request)
    started = attempt(request, lambda: cleaning.clean_up(run=run, actor=actor))
    return redirect("deployments:run", started.pk if started else run.pk)
