"""The sync status of the catalog and its refresh."""

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
    """A fragment with the time of the last sync and the progress of a running one; it polls while a sync runs."""
    status = synced_workspaces()
    response = render(request, "catalog/_sync_status.html", status)
    if not status["syncing"]:
        trigger_client_event(response, "catalog-synced")
    return response


@login_required
@require_POST
def refresh(request: HtmxRequest) -> HttpResponse:
    """Request a full sync of all workspaces."""
    started = [
        workspace
        for workspace in synced_workspaces()["workspaces"]
        if request_refresh(user=signed_in(request), workspace=workspace)
    ]
    if request.htmx:
        return render(request, "catalog/_sync_status.html", synced_workspaces())
    messages.info(request, "Refreshing the catalog." if started else "A refresh is already in progress.")
    return redirect("catalog:models")
