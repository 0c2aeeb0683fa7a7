"""The Drift tab of a model, with the settings of features and baselines."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from deployments.deployment.permissions import visible_deployment
from deployments.models import Deployment
from monitoring.drift import presenters as present
from monitoring.drift.forms import BaselineForm, FeatureForm
from monitoring.drift.rows import query_behind, rows_behind, version_of
from monitoring.drift.services import choose_baseline, set_feature
from monitoring.watched.views import Subject, subject_of
from web.csv import csv_of
from web.errors import Invalid, Refused
from web.htmx import HtmxRequest
from web.ranges import RangeInvalid, parse_range, range_links

PAGE_SIZE = 50
DEFAULT_RANGE = "7d"
OFFERED = ("24h", "7d", "30d")
KEPT = 2000


@login_required
@require_safe
def drift(request: HttpRequest, full_name: str) -> HttpResponse:
    """Drift in the newest window. ``?window=range`` judges the whole range, ``?format=csv`` returns the table."""
    subject = subject_of(request, full_name, DEFAULT_RANGE)
    context: dict[str, Any] = {"subject": subject}
    if subject.deployment is None:
        return render(request, "monitoring/drift.html", context)
    given = request.GET
    view = present.drift_view(
        subject.deployment,
        timezone.now(),
        subject.range,
        feature=given.get("feature", ""),
        whole_range=given.get("window") == "range",
    )
    rows = present.ordered(
        present.narrowed(view.rows, given.get("q", ""), given.get("status", "")), given.get("ordering", "")
    )
    if given.get("format") == "csv":
        return csv_of(f"drift-{subject.deployment.pk}.csv", present.CSV_COLUMNS, present.csv_rows(view, rows))
    context |= {
        "view": view,
        "judged": view.judged,
        "page": Paginator(rows, PAGE_SIZE).get_page(given.get("page")),
        "range": subject.range,
        "ranges": range_links(given, subject.range, OFFERED),
        "can_change": can(signed_in(request), Action.DEPLOY, subject.deployment.team),
        "tiles": _tiles(request, view),
        **_links(request),
        **_baseline(subject, view),
        **_rows_behind(subject, view),
    }
    return render(request, "monitoring/drift.html", context)


def _links(request: HttpRequest) -> dict[str, str]:
    return {
        "csv_query": _with(request, format="csv"),
        "newest_query": _with(request, window=""),
        "range_query": _with(request, window="range"),
        "feature_query": _with(request, feature=""),
        "query": request.GET.urlencode()[:KEPT],
    }


def _with(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return query.urlencode()


def _tiles(request: HttpRequest, view: present.DriftView) -> list[dict[str, Any]]:
    """A link for each status with its number of features."""
    chosen = request.GET.get("status", "")
    every = [("", "All", len(view.rows)), *view.counts]
    return [
        {"label": label, "count": count, "url": f"?{_with(request, status=value)}", "active": value == chosen}
        for value, label, count in every
    ]


def _baseline(subject: Subject, view: present.DriftView) -> dict[str, Any]:
    version = view.judged.version
    return {
        "baseline_form": BaselineForm.about(version),
        "training_table": version.training_table if version else None,
        "deploy_url": reverse("deployments:deployment", args=[subject.deployment.pk]) if subject.deployment else "",
    }


def _rows_behind(subject: Subject, view: present.DriftView) -> dict[str, Any]:
    """The link that loads the requests of the judged window on demand."""
    span = view.judged.span
    if subject.deployment is None or span is None or view.chosen is None:
        return {}
    version = view.judged.version.version if view.judged.version else None
    asked = {"feature": view.chosen.name, "from": span.start.isoformat(), "to": span.end.isoformat()}
    asked |= {"version": str(version)} if version else {}
    return {
        "version": version,
        "start": span.start,
        "end": span.end,
        "label": view.chosen.label,
        "load_url": f"{reverse('monitoring:drift_rows', args=[subject.deployment.pk])}?{urlencode(asked)}",
        "query": query_behind(subject.deployment, span.start, span.end, version) if view.has_table else "",
    }


@login_required
@require_safe
def drift_rows(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """Predictions in ``?from=&to=``, optionally of ``&version=``. Every user sees the query."""
    found = visible_deployment(request, deployment_id)
    try:
        shown = parse_range("", request.GET.get("from", ""), request.GET.get("to", ""), timezone.now(), DEFAULT_RANGE)
        version = version_of(request.GET.get("version", ""))
    except RangeInvalid as invalid:
        return HttpResponseBadRequest(str(invalid))
    except Invalid:
        return HttpResponseBadRequest("There is no such version.")
    context: dict[str, Any] = {"start": shown.start, "end": shown.end, "label": request.GET.get("feature", "")[:255]}
    context["version"] = version
    try:
        behind = rows_behind(
            deployment=found, start=shown.start, end=shown.end, actor=signed_in(request), version=version
        )
        context |= {"behind": behind, "query": behind.query, **present.table_of(behind, context["label"])}
    except Refused as refusal:
        context |= {"refusal": refusal.message}
    return render(request, "monitoring/_drift_rows.html", context)


@login_required
@require_POST
def drift_feature(request: HtmxRequest, deployment_id: int) -> HttpResponse:
    """Star, exclude, mark as critical, or set a threshold. Redirects back to the page."""
    found = visible_deployment(request, deployment_id)
    form = FeatureForm(request.POST)
    try:
        set_feature(deployment=found, feature=form.feature(), changes=form.changes(), actor=signed_in(request))
    except Invalid as invalid:
        messages.error(request, invalid.text)
        return _back(request, found, reloads=True)
    return _back(request, found)


@login_required
@require_POST
def drift_baseline(request: HtmxRequest, deployment_id: int) -> HttpResponse:
    found = visible_deployment(request, deployment_id)
    form = BaselineForm(request.POST)
    try:
        choose_baseline(deployment=found, actor=signed_in(request), **form.answers())
    except Invalid as invalid:
        messages.error(request, invalid.text)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Baseline requested. All predictions are counted again when it is ready.")
    return _back(request, found)


def _back(request: HtmxRequest, found: Deployment, *, reloads: bool = False) -> HttpResponse:
    """Redirect to the page. ``reloads`` forces htmx to load the whole page, which shows the message."""
    query = QueryDict(request.POST.get("query", "")[:KEPT])
    url = f"{reverse('monitoring:drift', args=[found.model.full_name])}?{query.urlencode()}"
    if reloads and request.htmx:
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url)
