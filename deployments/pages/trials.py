"""The trial box of a deployment's page: sends a request to the endpoint and shows the answer."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.people.permissions import signed_in
from deployments.deployment.models import Deployment
from deployments.deployment.permissions import visible_deployment
from deployments.pages.deployments import deployment_page
from deployments.trials.forms import TestForm
from deployments.trials.models import TestRequest
from deployments.trials.services import request_test
from web.errors import Invalid, Refused
from web.htmx import HtmxRequest


@login_required
@require_POST
def test_request(request: HtmxRequest, deployment_id: int) -> HttpResponse:
    """Send a trial. The response is a fragment that polls for the answer."""
    found = visible_deployment(request, deployment_id)
    form = TestForm(request.POST)
    sent = _send(request, found, form) if form.is_valid() else None
    if request.htmx:
        context = {"deployment": found, "form": form, "test": sent}
        return render(request, "deployments/_test_box.html", context, status=200 if sent else 422)
    if sent is None:
        return deployment_page(request, found, 422, form=form)
    return redirect("deployments:test_result", found.pk, sent.pk)


def _send(request: HttpRequest, found: Deployment, form: TestForm) -> TestRequest | None:
    """Send the trial. Returns None and adds the errors to the form if it is refused."""
    try:
        return request_test(deployment=found, body=form.cleaned_data["body"], actor=signed_in(request))
    except Invalid as invalid:
        for text in invalid.fields.get("body", []):
            form.add_error("body", text)
    except Refused as refusal:
        form.add_error(None, refusal.message)
    return None


@login_required
@require_safe
def test_result(request: HtmxRequest, deployment_id: int, test_id: int) -> HttpResponse:
    """The answer to a trial: a fragment for htmx, else the deployment's page."""
    found = visible_deployment(request, deployment_id)
    sent = get_object_or_404(TestRequest, deployment=found, pk=test_id)
    if request.htmx:
        return render(request, "deployments/_test_result.html", {"deployment": found, "test": sent})
    return deployment_page(request, found, test=sent)
