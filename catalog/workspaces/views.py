"""The page of environments."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.workspaces.models import Environment


@login_required
@require_safe
def environments(request: HttpRequest) -> HttpResponse:
    """The environments that models can be deployed to."""
    rows = Environment.objects.select_related("workspace")
    return render(request, "catalog/environments.html", {"environments": rows})
