"""How fresh the catalog is, and refreshing it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from accounts.people.permissions import signed_in
from catalog.mirror.services import request_refresh
from catalog.workspaces.presenters import synced_workspaces
from web.htmx import HtmxRequest


@login_required
@require_safe
def sync_status(request: HttpRequest) -> HttpResponse:
    """How fresh the catalog is, and how far a running sync has come; asks again by itself while one runs."""
    status = synced_workspaces()
    response = render(request, "catalog/_sync_status.html", status)
    if not status["syncing"]:
        trigger_client_event(response, "catalog-synced")
    return response


@login_required
@require_POST
def refresh(request: HtmxRequest) -> HttpResponse:
    """Read all workspaces anew."""
    started = [
        workspace
        for workspace in synced_workspaces()["workspaces"]
        if request_refresh(user=signed_in(request), workspace=workspace)
    ]
    if request.htmx:
        return render(request, "catalog/_sync_status.html", synced_workspaces())
    messages.info(request, "Reading the registry anew." if started else "A refresh is already under way.")
    return redirect("catalog:models")
