"""The Health tab of a model."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from deployments.deployment.permissions import visible_deployment
from deployments.models import Deployment
from monitoring.health import presenters as present
from monitoring.health.models import HealthHistory
from monitoring.health.services import ask_for_history
from monitoring.watched.versions import inference_table
from monitoring.watched.views import subject_of
from web.csv import csv_of
from web.errors import Refused
from web.ranges import range_links

OFFERED = ("1h", "24h", "7d", "30d", "90d")


@login_required
@require_safe
def health(request: HttpRequest, full_name: str) -> HttpResponse:
    """Takes ``?range=``, ``?version=`` (up to five) and ``?deployment=``. ``?format=csv`` returns the table as CSV."""
    subject = subject_of(request, full_name)
    context: dict[str, Any] = {"subject": subject, "ranges": range_links(request.GET, subject.range, OFFERED)}
    if subject.deployment:
        wanted = request.GET.getlist("version")
        report = present.health_report(subject.deployment, subject.range, wanted, timezone.now())
        if request.GET.get("format") == "csv":
            return csv_of(f"health-{subject.deployment.name}.csv", present.CSV_COLUMNS, present.csv_rows(report))
        query = request.GET.copy()
        query["format"] = "csv"
        context |= {
            "report": report,
            "range": subject.range,
            "tiles": present.tiles(report),
            "charts": present.charts(report),
            "csv_query": query.urlencode(),
            **_history(request, subject.deployment),
        }
    return render(request, "monitoring/health.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def health_history(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """POST starts filling hours without metrics. GET returns the progress, and reloads the page when it has ended."""
    found = visible_deployment(request, deployment_id)
    if request.method == "POST":
        try:
            ask_for_history(deployment=found, actor=signed_in(request))
        except Refused as refusal:
            messages.error(request, refusal.message)
        url = reverse("monitoring:health", args=[found.model.full_name])
        return HttpResponseRedirect(f"{url}?deployment={found.pk}&range=30d")
    context = _history(request, found)
    if not context["history"] or not context["history"].is_under_way:
        return HttpResponseClientRefresh()
    return render(request, "monitoring/_health_history.html", context)


def _history(request: HttpRequest, deployment: Deployment) -> dict[str, Any]:
    return {
        "history": HealthHistory.objects.filter(deployment=deployment).select_related("asked_by").first(),
        "history_url": reverse("monitoring:health_history", args=[deployment.pk]),
        "keeps_requests": inference_table(deployment) is not None,
        "can_ask": can(signed_in(request), Action.DEPLOY, deployment.team),
    }
