"""Pages of unmanaged endpoints, and adopting one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.people.permissions import signed_in
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from catalog.models import Workspace
from deployments.configuration import adopting
from deployments.configuration import unmanaged_presenters as present
from deployments.configuration.filters import UnmanagedEndpointFilter
from deployments.configuration.forms import AdoptForm
from deployments.configuration.unmanaged import UnmanagedEndpoint
from web.errors import Invalid, Refused

PAGE_SIZE = 25


@login_required
@require_safe
def unmanaged(request: HttpRequest) -> HttpResponse:
    """Unmanaged endpoints as of the last listing. Search, filters and page are in the URL."""
    visible = UnmanagedEndpoint.objects.visible_to(signed_in(request)).unmanaged().select_related("workspace")
    chosen = UnmanagedEndpointFilter(request.GET, queryset=visible, request=request)
    valid = chosen.is_valid()
    context = {
        "filter_form": chosen.form,
        "page": Paginator(chosen.qs if valid else visible.none(), PAGE_SIZE).get_page(request.GET.get("page")),
        "listings": present.listings(),
        "may_adopt": teams_where(request.user, Action.DEPLOY).exists(),
    }
    return render(request, "deployments/unmanaged.html", context, status=200 if valid else 400)


@login_required
@require_POST
def unmanaged_refresh(request: HttpRequest, workspace_id: int) -> HttpResponse:
    workspace = get_object_or_404(Workspace, pk=workspace_id)
    adopting.refresh_unmanaged(workspace=workspace, actor=signed_in(request))
    messages.success(request, f"The endpoints of {workspace} are being listed. Reload the page in a moment.")
    return redirect("deployments:unmanaged")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def adopt(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    """Ask for team and environment, then start the run that adopts the endpoint."""
    user = signed_in(request)
    rows = UnmanagedEndpoint.objects.visible_to(user).unmanaged().select_related("workspace")
    found = get_object_or_404(rows, pk=endpoint_id)
    if not teams_where(user, Action.DEPLOY).exists():
        raise PermissionDenied("You need the role deployer or team admin in a team to adopt an endpoint.")
    form = AdoptForm(request.POST or None, endpoint=found, user=user)
    if request.method != "POST" or not form.is_valid():
        return _form(request, found, form)
    try:
        run = adopting.adopt_endpoint(name=found.name, actor=user, **form.cleaned_data)
    except Refused as refusal:
        form.add_error(None, refusal.message)
    except Invalid as error:
        form.show(error)
    else:
        return redirect("deployments:run", run.pk)
    return _form(request, found, form)


def _form(request: HttpRequest, found: UnmanagedEndpoint, form: AdoptForm) -> HttpResponse:
    context: dict[str, Any] = {"endpoint": found, "form": form, "facts": present.facts(found)}
    return render(request, "deployments/adopt.html", context, status=422 if form.errors else 200)
