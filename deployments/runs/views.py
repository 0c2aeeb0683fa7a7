"""Functions that views of run actions share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from accounts.people.permissions import signed_in
from deployments.deployment.models import Deployment
from deployments.runs.models import Run
from web.views import attempt


def visible_run(request: HttpRequest, run_id: int) -> Run:
    rows = Run.objects.visible_to(signed_in(request)).select_related("deployment__team", "deployment__environment")
    return get_object_or_404(rows, pk=run_id)


def do(request: HttpRequest, run: Run, act: Callable[..., Run], done: str, **values: Any) -> HttpResponse:
    actor = signed_in(request)
    if attempt(request, lambda: act(run=run, actor=actor, **values)):
        messages.success(request, done)
    return redirect("deployments:run", run.pk)


def start_run(request: HttpRequest, deployment: Deployment, ask: Callable[[], Run]) -> HttpResponse:
    """Redirect to the run that ``ask`` starts, or to the deployment if it is refused."""
    run = attempt(request, ask)
    return redirect("deployments:run", run.pk) if run else redirect("deployments:deployment", deployment.pk)
