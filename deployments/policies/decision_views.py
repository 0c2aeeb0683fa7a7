"""Pages of decisions on a run: approve, reject, override a policy, break the glass. GET asks, POST decides."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.people.permissions import signed_in
from deployments.policies import approvals, break_glass, overrides
from deployments.policies.approvals import may_break_glass, may_override, waits_for_glass
from deployments.policies.decision_forms import ApproveForm, BreakGlassForm, OverrideForm, RejectForm
from deployments.policies.models import Notice, PolicyResult
from deployments.policies.questions import approve_question, break_glass_question, override_question, reject_question
from deployments.policies.rules import RULES
from deployments.runs.models import Run
from deployments.runs.statuses import RunStatus
from deployments.runs.views import do, visible_run
from web.views import GET_OR_POST, asked_again


@login_required
@require_http_methods(GET_OR_POST)
def run_override(request: HttpRequest, run_id: int, result_id: int) -> HttpResponse:
    """Override a policy that the run does not meet."""
    run = visible_run(request, run_id)
    result = get_object_or_404(PolicyResult.objects.filter(run=run), pk=result_id)
    result.run = run
    if refusal := may_override(result, signed_in(request)):
        if run.status == RunStatus.POLICY and result.is_blocking:
            raise PermissionDenied(refusal)
        messages.error(request, refusal)
        return redirect("deployments:run", run.pk)
    question = override_question(run, result, RULES[result.rule].title)
    if request.method != "POST":
        return render(request, "ui/confirm.html", question)
    form = OverrideForm(request.POST)
    if not form.is_valid():
        return asked_again(request, question, form)
    return do(request, run, overrides.override_policy, "Overridden.", result=result, **form.cleaned_data)


@login_required
@require_http_methods(GET_OR_POST)
def run_break_glass(request: HttpRequest, run_id: int) -> HttpResponse:
    """Apply the plan that the page showed, without an approval and despite a freeze."""
    run = visible_run(request, run_id)
    if refusal := may_break_glass(run, signed_in(request)):
        if waits_for_glass(run):
            raise PermissionDenied(refusal)
        messages.error(request, refusal)
        return redirect("deployments:run", run.pk)
    if request.method != "POST":
        return render(request, "ui/confirm.html", break_glass_question(run))
    form = BreakGlassForm(request.POST)
    if not form.is_valid():
        return asked_again(request, break_glass_question(run), form)
    done = "The plan is being applied. The approvers of the team are notified."
    return do(request, run, break_glass.break_glass, done, **form.cleaned_data)


@login_required
@require_POST
def notice_acknowledge(request: HttpRequest, notice_id: int) -> HttpResponse:
    user = signed_in(request)
    notice = get_object_or_404(Notice, pk=notice_id, user=user)
    break_glass.acknowledge_notice(notice=notice, actor=user)
    return redirect("home")


def _require_decider(request: HttpRequest, run: Run) -> str:
    """Why the run cannot be decided on now, or "" if it can. Raises PermissionDenied if the user may not decide."""
    reason = approvals.may_decide(run, signed_in(request))
    if reason and run.status == "approval":
        raise PermissionDenied(reason)
    return reason


@login_required
@require_http_methods(GET_OR_POST)
def run_approve(request: HttpRequest, run_id: int) -> HttpResponse:
    """Approve the plan that the page showed. Refused if the plan has changed since."""
    run = visible_run(request, run_id)
    if refusal := _require_decider(request, run):
        return _cannot_decide(request, run, refusal)
    if request.method != "POST":
        return render(request, "ui/confirm.html", approve_question(run))
    form = ApproveForm(request.POST)
    if not form.is_valid():
        return asked_again(request, approve_question(run), form)
    return do(request, run, approvals.approve, "Approved: the plan is being applied.", **form.cleaned_data)


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
    return do(request, run, approvals.reject, "Rejected: nothing was changed.", **form.cleaned_data)


def _cannot_decide(request: HttpRequest, run: Run, refusal: str) -> HttpResponse:
    messages.error(request, refusal)
    return redirect(f"{reverse('deployments:run', args=[run.pk])}?tab=approval")
