"""Going on where the rules say stop: overriding a policy, breaking the glass, and reading about it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.views import signed_in
from deployments import services
from deployments.forms import BreakGlassForm, OverrideForm
from deployments.models import Notice, PolicyResult
from deployments.policies.approval import may_break_glass, may_override, waits_for_glass
from deployments.policies.rules import RULES
from deployments.presenters.confirms import break_glass_question, override_question
from deployments.states import RunStatus
from deployments.views.acting import GET_OR_POST
from deployments.views.run_actions import asked_again, do, visible_run


@login_required
@require_http_methods(GET_OR_POST)
def run_override(request: HttpRequest, run_id: int, result_id: int) -> HttpResponse:
    """Let the run go on although it does not meet this policy."""
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
    return do(request, run, services.override_policy, "Overridden.", result=result, **form.cleaned_data)


@login_required
@require_http_methods(GET_OR_POST)
def run_break_glass(request: HttpRequest, run_id: int) -> HttpResponse:
    """Apply the plan that the page showed without a second person, and in spite of a freeze."""
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
    done = "The plan is being applied. The approvers of the team are told."
    return do(request, run, services.break_glass, done, **form.cleaned_data)


@login_required
@require_POST
def notice_acknowledge(request: HttpRequest, notice_id: int) -> HttpResponse:
    user = signed_in(request)
    notice = get_object_or_404(Notice, pk=notice_id, user=user)
    services.acknowledge_notice(notice=notice, actor=user)
    return redirect("home")
