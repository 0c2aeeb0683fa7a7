"""What people do to a run. GET asks (the page where a dialog's link leads without JavaScript), POST does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.views import signed_in
from deployments import services
from deployments.forms import ApproveForm, RejectForm
from deployments.models import Run
from deployments.presenters.cleanup import cleanup_question
from deployments.presenters.confirms import approve_question, cancel_question, reject_question, resume_question
from deployments.views.acting import GET_OR_POST, attempt, require_deployer


def visible_run(request: HttpRequest, run_id: int) -> Run:
    rows = Run.objects.visible_to(signed_in(request)).select_related("deployment__team", "deployment__environment")
    return get_object_or_404(rows, pk=run_id)


def _require_decider(request: HttpRequest, run: Run) -> str:
    """Why nobody can decide now, "" if this person can. Raises PermissionDenied where it is the person."""
    reason = services.may_decide(run, signed_in(request))
    if reason and run.status == "approval":
        raise PermissionDenied(reason)
    return reason


def do(request: HttpRequest, run: Run, act: Callable[..., Run], done: str, **values: Any) -> HttpResponse:
    actor = signed_in(request)
    if attempt(request, lambda: act(run=run, actor=actor, **values)):
        messages.success(request, done)
    return redirect("deployments:run", run.pk)


@login_required
@require_http_methods(GET_OR_POST)
def run_cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    run = visible_run(request, run_id)
    require_deployer(request, run.deployment.team)
    if request.method != "POST":
        return render(request, "ui/confirm.html", cancel_question(run))
    return do(request, run, services.cancel, f"Run #{run.pk} is being cancelled.")


@login_required
@require_http_methods(GET_OR_POST)
def run_resume(request: HttpRequest, run_id: int) -> HttpResponse:
    run = visible_run(request, run_id)
    require_deployer(request, run.deployment.team)
    if request.method != "POST":
        return render(request, "ui/confirm.html", resume_question(run))
    return do(request, run, services.resume, f"Run #{run.pk} is queued again.")


@login_required
@require_http_methods(GET_OR_POST)
def run_cleanup(request: HttpRequest, run_id: int) -> HttpResponse:
    """Asks with a list of what goes, then leads to the run that removes it."""
    run = visible_run(request, run_id)
    require_deployer(request, run.deployment.team)
    if request.method != "POST":
        return render(request, "ui/confirm.html", cleanup_question(run))
    actor = signed_in(request)
    started = attempt(request, lambda: services.clean_up(run=run, actor=actor))
    return redirect("deployments:run", started.pk if started else run.pk)


@login_required
@require_http_methods(GET_OR_POST)
def run_approve(request: HttpRequest, run_id: int) -> HttpResponse:
    """Approves the plan that the page showed, and no other."""
    run = visible_run(request, run_id)
    if refusal := _require_decider(request, run):
        return _cannot_decide(request, run, refusal)
    if request.method != "POST":
        return render(request, "ui/confirm.html", approve_question(run))
    form = ApproveForm(request.POST)
    if not form.is_valid():
        return asked_again(request, approve_question(run), form)
    return do(request, run, services.approve, "Approved: the plan is being applied.", **form.cleaned_data)


@login_required
@require_http_methods(GET_OR_POST)
def run_reject(request: HttpRequest, run_id: int) -> HttpResponse:
    run = visible_run(request, run_id)
    if refusal := _require_decider(request, run):
        return _cannot_decide(request, run, refusal)
    if request.method != "POST":
        return render(request, "ui/confirm.html", reject_question(run))
    form = RejectForm(request.POST)
    if not form.is_valid():
        return asked_again(request, reject_question(run), form)
    return do(request, run, services.reject, "Rejected: nothing was changed.", **form.cleaned_data)


def _cannot_decide(request: HttpRequest, run: Run, refusal: str) -> HttpResponse:
    messages.error(request, refusal)
    return redirect(f"{reverse('deployments:run', args=[run.pk])}?tab=approval")


def asked_again(request: HttpRequest, question: dict[str, Any], form: Form) -> HttpResponse:
    texts = [str(text) for errors in form.errors.values() for text in errors]
    return render(request, "ui/confirm.html", {**question, "error": " ".join(texts)}, status=422)
