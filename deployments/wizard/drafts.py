"""Drafts of the wizard: starting, finding and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can, teams_where
from accounts.teams.roles import Action
from catalog.models import RegisteredModel
from deployments.deployment.models import Deployment
from deployments.runs.models import Run
from deployments.wizard import presenters
from deployments.wizard.choices import environment_for
from deployments.wizard.models import Draft
from deployments.wizard.problems import Problems, problems_of, problems_of_step

MAX_NUMBER_DIGITS = 9
MAX_ID_DIGITS = 18
MAX_DRAFTS_SHOWN = 20
ANSWERED = list(presenters.STEPS[:-1])
ALL_AT_ONCE = {"strategy": "all_at_once"}


def own_draft(request: HttpRequest, draft_id: int) -> Draft:
    rows = Draft.objects.select_related(
        "owner", "deployment__environment", "deployment__model", "deployment__team", "deployment__workspace"
    )
    return get_object_or_404(rows, pk=draft_id, owner=signed_in(request))


def posted_revision(request: HttpRequest) -> int:
    """The submitted revision, or -1 if it is not a number. No draft has revision -1."""
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_DIGITS else -1


def draft_problems(draft: Draft, answers: Mapping[str, Any]) -> Problems:
    return problems_of(answers, draft.owner, draft.deployment)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def wizard_start(request: HttpRequest) -> HttpResponse:
    """The user's drafts. POST starts a new one. Links may preset model and version, from_run, or deployment."""
    user = signed_in(request)
    if not teams_where(user, Action.DEPLOY).exists():
        raise PermissionDenied("You need the role deployer or team admin in a team to deploy. Ask a team admin for it.")
    if request.method == "POST":
        draft = Draft.start(user, {}, ["template"], None, "")
        return redirect("deployments:wizard_step", draft.pk, "model")
    if {"model", "from_run", "deployment"} & set(request.GET):
        return _start_with(request)
    drafts = Draft.objects.filter(owner=user)[:MAX_DRAFTS_SHOWN]
    context = {"drafts": [presenters.draft_row(draft) for draft in drafts], "facts": presenters.template_facts()}
    return render(request, "deployments/wizard_start.html", context)


def _start_with(request: HttpRequest) -> HttpResponse:
    if "\x00" in "".join(request.GET.dict().values()):
        raise Http404
    if "deployment" in request.GET:
        rows = Deployment.objects.visible_to(request.user)
        deployment = get_object_or_404(rows.select_related("team"), pk=_id(request.GET["deployment"]))
        return _start_update(request, deployment, deployment.spec)
    if "from_run" in request.GET:
        runs = Run.objects.visible_to(request.user).select_related("deployment__team")
        run = get_object_or_404(runs, pk=_id(request.GET["from_run"]))
        return _start_update(request, run.deployment, run.spec)
    return _start_model(request)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS):
        raise Http404
    return int(text)


def _start_update(request: HttpRequest, deployment: Deployment, spec: Mapping[str, Any]) -> HttpResponse:
    """Start an update with the values of ``spec``, or a new deployment if the old one was destroyed."""
    if not can(request.user, Action.DEPLOY, deployment.team):
        raise PermissionDenied(f"You need the role deployer or team admin in {deployment.team}.")
    answers = {**spec, "rollout": ALL_AT_ONCE}
    version = request.GET.get("version", "")
    if version:
        answers["version"] = version
    if to_zero := request.GET.get("scale_to_zero") == "true":
        answers["compute"] = {**spec.get("compute", {}), "scale_to_zero": True}
    of = None if deployment.destroyed_at else deployment
    draft = Draft.start(signed_in(request), answers, ANSWERED, of, request.GET.urlencode())
    is_answered = version or to_zero or "from_run" in request.GET
    return redirect("deployments:wizard_step", draft.pk, "review" if is_answered else "model")


def _start_model(request: HttpRequest) -> HttpResponse:
    user, name = signed_in(request), request.GET["model"].lower()
    model = RegisteredModel.objects.visible_to(user).present().filter(full_name=name).first()
    environment = environment_for(model) if model else None
    answers = {"model": name, "environment": environment.slug if environment else ""}
    if request.GET.get("version"):
        answers["version"] = request.GET["version"]
    is_answered = not problems_of_step(problems_of(answers, user, None), "model")
    done = ["template"] + ["model"] * is_answered
    draft = Draft.start(user, answers, done, None, request.GET.urlencode())
    return redirect("deployments:wizard_step", draft.pk, "target" if is_answered else "model")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def wizard_delete(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Delete a draft: GET asks, POST deletes."""
    draft = own_draft(request, draft_id)
    if request.method == "POST":
        draft.delete()
        messages.success(request, "Draft deleted.")
        return redirect("deployments:wizard_start")
    context = {
        "url": reverse("deployments:wizard_delete", args=[draft.pk]),
        "title": "Delete this draft?",
        "text": "Its answers are lost. Deployments and runs are not affected.",
        "confirm_label": "Delete the draft",
        "cancel_url": reverse("deployments:wizard_start"),
    }
    return render(request, "ui/confirm.html", context)
