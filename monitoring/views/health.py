"""The Health tab of a model."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from monitoring.presenters import health as present
from monitoring.presenters.csv import csv_of
from monitoring.presenters.ranges import range_links
from monitoring.views.subject import subject_of

OFFERED = ("1h", "24h", "7d", "30d")


@login_required
@require_GET
def health(request: HttpRequest, full_name: str) -> HttpResponse:
    """``?range=``, ``?version=`` (up to five) and ``?deployment=`` choose; ``?format=csv`` is the table of it."""
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
        }
    return render(request, "monitoring/health.html", context)
