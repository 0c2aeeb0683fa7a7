"""Pages that act on a configuration change."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.people.permissions import signed_in
from deployments.configuration import services
from deployments.configuration.models import check_of
from deployments.configuration.presenters import accept_question, revert_question
from deployments.deployment.permissions import deployable, visible_deployment
from deployments.runs.views import start_run
from web.errors import Refused
from web.views import GET_OR_POST


@login_required
@require_POST
def config_check(request: HttpRequest, deployment_id: int) -> HttpResponse:
    found = visible_deployment(request, deployment_id)
    try:
        services.check_configuration(deployment=found, actor=signed_in(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The endpoint is being checked. The card will show the result.")
    return redirect("deployments:deployment", found.pk)


@login_required
@require_http_methods(GET_OR_POST)
def config_accept(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """Accept the configuration that the page showed. Refused if it has changed since."""
    found = deployable(request, deployment_id)
    check = check_of(found)
    if request.method != "POST":
        if check is None or not check.differences:
            messages.info(request, "The last check found no differences.")
            return redirect("deployments:deployment", found.pk)
        return render(request, "ui/confirm.html", accept_question(found, check))
    try:
        services.accept_configuration(
            deployment=found, actor=signed_in(request), fingerprint=request.POST.get("fingerprint", "-")
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Accepted: the live configuration is now the requested one.")
    return redirect("deployments:deployment", found.pk)


@login_required
@require_http_methods(GET_OR_POST)
def config_revert(request: HttpRequest, deployment_id: int) -> HttpResponse:
    found = deployable(request, deployment_id)
    if request.method != "POST":
        return render(request, "ui/confirm.html", revert_question(found))
    actor = signed_in(request)
    return start_run(request, found, lambda: services.revert_configuration(deployment=found, actor=actor))
