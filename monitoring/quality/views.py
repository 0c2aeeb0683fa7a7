"""The Quality tab of a model: metrics of predictions against labels, and the label table."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from deployments.deployment.permissions import visible_deployment
from deployments.models import Deployment
from monitoring.quality import presenters as present
from monitoring.quality.forms import LabelsForm
from monitoring.quality.services import Labels, remove_labels, set_labels
from monitoring.watched.versions import inference_table
from monitoring.watched.views import Subject, subject_of
from web.csv import csv_of
from web.errors import Invalid, Refused
from web.ranges import range_links

PAGE_SIZE = 15
DEFAULT_RANGE = "30d"
OFFERED = ("7d", "30d", "90d")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def quality(request: HttpRequest, full_name: str) -> HttpResponse:
    """Takes ``?range=`` and ``?deployment=``. ``?format=csv`` returns the days as CSV. POST sets the label table."""
    subject = subject_of(request, full_name, DEFAULT_RANGE)
    if subject.deployment is None:
        return render(request, "monitoring/quality.html", {"subject": subject})
    if request.method == "POST":
        return _set_labels(request, subject, subject.deployment)
    return _page(request, subject, subject.deployment)


def _set_labels(request: HttpRequest, subject: Subject, deployment: Deployment) -> HttpResponse:
    form = LabelsForm(request.POST)
    try:
        set_labels(deployment=deployment, labels=Labels(**form.answers()), actor=signed_in(request))
    except Invalid as invalid:
        form.show(invalid)
        return _page(request, subject, deployment, form)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Label table saved. The workspace counts the last 60 days.")
    return HttpResponseRedirect(_url(deployment))


def _page(
    request: HttpRequest, subject: Subject, deployment: Deployment, form: LabelsForm | None = None
) -> HttpResponse:
    """The page. The status is 422 if ``form`` has errors."""
    view = present.quality_view(deployment, timezone.now(), subject.range)
    if request.GET.get("format") == "csv":
        return csv_of(f"quality-{deployment.pk}.csv", present.csv_columns(view), present.csv_rows(view))
    query = request.GET.copy()
    query["format"] = "csv"
    context: dict[str, Any] = {
        "subject": subject,
        "view": view,
        "page": Paginator(view.days, PAGE_SIZE).get_page(request.GET.get("page")),
        "range": subject.range,
        "ranges": range_links(request.GET, subject.range, OFFERED),
        "csv_query": query.urlencode(),
        "form": form or LabelsForm.of(view.source),
        "can_change": can(signed_in(request), Action.DEPLOY, deployment.team),
        "has_table": inference_table(deployment) is not None,
        "labels_url": _url(deployment),
    }
    return render(request, "monitoring/quality.html", context, status=422 if form else 200)


@login_required
@require_POST
def quality_remove(request: HttpRequest, deployment_id: int) -> HttpResponse:
    found = visible_deployment(request, deployment_id)
    try:
        remove_labels(deployment=found, actor=signed_in(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Label table removed.")
    return HttpResponseRedirect(_url(found))


def _url(deployment: Deployment) -> str:
    return f"{reverse('monitoring:quality', args=[deployment.model.full_name])}?deployment={deployment.pk}"
