"""Pages of runs: the list, one run, its live part, and its plan."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from deployments.deployment import presenters as specs
from deployments.deployment.snippets import spec_samples
from deployments.pages import questions as pages_questions
from deployments.pages import run_presenters as present
from deployments.pages.filters import RunListFilter
from deployments.pages.panels import panel_context
from deployments.pages.run_log import LogFilter, log_context
from deployments.policies import presenters
from deployments.policies import questions as policies_questions
from deployments.policies.approvals import may_decide
from deployments.rollouts import questions as rollouts_questions
from deployments.runs.models import Run
from deployments.runs.records import RunPlan
from deployments.runs.statuses import CLEANABLE, RESUMABLE, RunKind, RunStatus
from deployments.stages.cleanup_presenters import cleanup_question, may_clean_up
from web.htmx import HtmxRequest

PAGE_SIZE = 25


@login_required
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """Runs of the user's teams. Search, filters, order and page are in the URL."""
    visible = Run.objects.visible_to(signed_in(request))
    chosen = RunListFilter(request.GET, queryset=present.for_list(visible), request=request)
    valid = chosen.is_valid()
    rows = chosen.qs if valid else visible.none()
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": chosen.form,
        "page": page,
        "elapsed": [(run, present.elapsed_s(run)) for run in page],
    }
    return render(request, "deployments/runs.html", context, status=200 if valid else 400)


def visible_run(request: HttpRequest, run_id: int) -> Run:
    return get_object_or_404(present.for_page(Run.objects.visible_to(signed_in(request))), pk=run_id)


@login_required
@require_safe
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run. ``?tab=`` selects the stage."""
    return run_page(request, visible_run(request, run_id))


def run_page(request: HttpRequest, found: Run, status: int = 200, **more: Any) -> HttpResponse:
    shown = request.GET.get("tab") or present.default_tab(found)
    if shown not in found.stage_order:
        raise Http404
    context = {
        **status_context(request, found, shown),
        **_panel_context(request, found, shown),
        **_questions(found),
        **log_context(request, found, LogFilter.of(request)),
        **more,
    }
    return render(request, "deployments/run.html", context, status=status)


@login_required
@require_safe
def run_status(request: HttpRequest, run_id: int) -> HttpResponse:
    """Header, rail and actions. Polls while the run is active, and triggers ``run-changed`` on other changes."""
    found = visible_run(request, run_id)
    shown = request.GET.get("tab") or present.default_tab(found)
    context = status_context(request, found, shown)
    response = render(request, "deployments/_run_status.html", context)
    if request.GET.get("seen", "") != context["token"]:
        trigger_client_event(response, "run-changed")
    return response


def status_context(request: HttpRequest, found: Run, shown: str) -> dict[str, Any]:
    may_act = can(request.user, Action.DEPLOY, found.deployment.team)
    return {
        "run": found,
        "crumb": f"Run #{found.pk}",
        "deployment": found.deployment,
        "version": found.spec.get("version", ""),
        "previous": present.previous_version(found) if found.kind in (RunKind.DEPLOY, RunKind.ROLLBACK) else "",
        "stages": present.stages(found, shown),
        "shown": shown,
        "token": present.token(found),
        "waiting": present.waiting(found),
        "elapsed_s": present.elapsed_s(found),
        "may_cancel": may_act and found.can_be_cancelled,
        "may_resume": may_act and found.status in RESUMABLE and not found.deployment.destroyed_at,
        "may_clean_up": may_act and may_clean_up(found),
        "may_repeat": may_act and found.is_finished and found.kind == RunKind.DEPLOY,
        "waits_for_decision": found.status == RunStatus.APPROVAL,
    }


def _questions(found: Run) -> dict[str, Any]:
    asked = {"cancel": pages_questions.cancel_question(found), "resume": pages_questions.resume_question(found)}
    if found.status == RunStatus.ROLLOUT:
        asked |= {
            "promote_dialog": rollouts_questions.promote_question(found),
            "rollback_dialog": rollouts_questions.roll_back_question(found),
        }
    if found.status in CLEANABLE:
        asked["cleanup"] = cleanup_question(found)
    if found.status == RunStatus.APPROVAL:
        asked |= {
            "approve": policies_questions.approve_question(found),
            "reject": policies_questions.reject_question(found),
        }
    return asked


def _panel_context(request: HttpRequest, found: Run, shown: str) -> dict[str, Any]:
    user = signed_in(request)
    spec = found.parsed_spec()
    plan: RunPlan | None = getattr(found, "plan", None)
    record = next((stage.record for stage in present.stages(found, shown) if stage.key == shown), None)
    return {
        "plan": plan,
        "plan_changes": present.plan_changes(plan.changes) if plan else [],
        "record": record,
        "checks": present.checks(record),
        "refusal": may_decide(found, user) if found.status == RunStatus.APPROVAL else "",
        "approvers": presenters.approvers(found.deployment.team, found.requested_by) if shown == "approval" else [],
        "expires_at": present.approval_expires_at(found),
        "sections": specs.sections(spec),
        "samples": spec_samples(spec, found.deployment)[:2],
        "resources": present.created_resources(found),
        **panel_context(found, shown, record, user),
    }


@login_required
@require_safe
def run_plan(request: HtmxRequest, run_id: int) -> HttpResponse:
    """The plan as ``terraform show -json`` prints it, without secrets: a partial for htmx, else a download."""
    found = get_object_or_404(Run.objects.visible_to(signed_in(request)), pk=run_id)
    shown = RunPlan.objects.filter(run=found).values_list("show", flat=True).first()
    if shown is None:
        raise Http404
    if request.htmx:
        return render(request, "deployments/_plan_json.html", {"show": shown})
    response = JsonResponse(shown, json_dumps_params={"indent": 2})
    response.headers["Content-Disposition"] = f'attachment; filename="plan-of-run-{found.pk}.json"'
    return response
