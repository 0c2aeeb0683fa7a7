"""Pages of deployments: the list, one deployment, its live part, and destroying it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can, teams_where
from accounts.teams.roles import Action
from deployments.configuration import presenters
from deployments.deployment import presenters as specs
from deployments.deployment import snippets
from deployments.deployment.models import Deployment
from deployments.deployment.permissions import deployable, visible_deployment
from deployments.deployment.specs import parse_spec
from deployments.pages import presenters as present
from deployments.pages.filters import DeploymentListFilter
from deployments.pages.forms import DestroyForm
from deployments.pages.questions import destroy_question
from deployments.pages.run_presenters import for_list as runs_for_list
from deployments.rollouts.rollback_presenters import failed_update, rollback_context
from deployments.runs.services import request_destroy
from deployments.runs.statuses import UNFINISHED
from deployments.runs.views import start_run
from deployments.tfstate.locks import left_lock
from deployments.trials.forms import TestForm
from web.htmx import HtmxRequest
from web.views import GET_OR_POST, yaml_file

PAGE_SIZE = 25

RUNS_SHOWN = 15

# Polling intervals of the live part: while something is in progress, and otherwise.
BUSY_POLL_S, CALM_POLL_S = 2, 15


@login_required
@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """Deployments of the user's teams. Search, filters, order and page are in the URL."""
    visible = Deployment.objects.visible_to(signed_in(request))
    chosen = DeploymentListFilter(request.GET, queryset=present.for_list(visible), request=request)
    valid = chosen.is_valid()
    page = Paginator(chosen.qs if valid else visible.none(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": chosen.form,
        "page": page,
        "rows": present.rows_of(page),
        "may_deploy": teams_where(request.user, Action.DEPLOY).exists(),
    }
    return render(request, "deployments/list.html", context, status=200 if valid else 400)


@login_required
@require_safe
def of_model(request: HtmxRequest, full_name: str) -> HttpResponse:
    """The deployments of a model, as a part of its page. Without htmx, redirects to the filtered list."""
    if not request.htmx:
        return redirect(f"{reverse('deployments:list')}?{urlencode({'model': full_name})}")
    visible = Deployment.objects.visible_to(signed_in(request)).live().filter(model__full_name=full_name.lower())
    rows = present.rows_of(present.for_list(visible).order_by("environment__position", "name"))
    return render(request, "deployments/_of_model.html", {"rows": rows})


@login_required
@require_safe
def deployment(request: HttpRequest, deployment_id: int) -> HttpResponse:
    return deployment_page(request, visible_deployment(request, deployment_id))


def deployment_page(request: HttpRequest, found: Deployment, status: int = 200, **more: Any) -> HttpResponse:
    example = present.example_body(found)
    text = snippets.pretty(example) if example is not None else ""
    context = {
        **live_context(request, found),
        "sections": specs.sections(parse_spec(found.spec)),
        "samples": snippets.request_samples(found, example if example is not None else {"dataframe_split": {}}),
        "has_example": example is not None,
        "form": TestForm(initial={"body": text}),
        "destroy": destroy_question(found),
        **rollback_context(found, signed_in(request)),
        "left_lock": left_lock(found),
        "may_see_states": can(request.user, Action.DEPLOY, found.team),
        **more,
    }
    return render(request, "deployments/deployment.html", context, status=status)


@login_required
@require_safe
def deployment_status(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """The live part of the page: state, served versions and runs."""
    found = visible_deployment(request, deployment_id)
    return render(request, "deployments/_deployment_status.html", live_context(request, found))


def live_context(request: HttpRequest, found: Deployment) -> dict[str, Any]:
    state = found.endpoint_state()
    is_known = state.tone != "unknown"
    runs = list(runs_for_list(found.runs.all())[:RUNS_SHOWN])
    is_busy = any(run.status in UNFINISHED for run in runs) or state.tone == "busy"
    return {
        "deployment": found,
        "state": state,
        "is_known": is_known,
        "served": present.served(found.served, is_known),
        "pending": present.served(found.pending, is_known) if found.config_update != "NOT_UPDATING" else [],
        "failed_update": failed_update(found),
        "runs": runs,
        "configuration": presenters.card(found),
        "invocation_url": snippets.invocation_url(found),
        "poll_s": BUSY_POLL_S if is_busy else CALM_POLL_S,
        "may_act": can(request.user, Action.DEPLOY, found.team) and not found.destroyed_at,
    }


@login_required
@require_safe
def spec_yaml(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """Download the requested spec."""
    found = visible_deployment(request, deployment_id)
    return yaml_file(found.name, snippets.spec_yaml(parse_spec(found.spec)))


@login_required
@require_http_methods(GET_OR_POST)
def destroy(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """Destroy a deployment: GET asks for its name, POST starts the run that deletes the endpoint."""
    found = deployable(request, deployment_id)
    if request.method != "POST":
        return render(request, "ui/confirm.html", destroy_question(found))
    form = DestroyForm(request.POST, name=found.name)
    if not form.is_valid():
        question = destroy_question(found) | {"error": " ".join(str(text) for text in form.errors["typed_name"])}
        return render(request, "ui/confirm.html", question, status=422)
    actor = signed_in(request)
    return start_run(request, found, lambda: request_destroy(deployment=found, actor=actor))
