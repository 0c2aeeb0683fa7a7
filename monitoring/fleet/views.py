"""The page Fleet: all live deployments through a lens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.people.permissions import signed_in
from deployments.deployment.models import DeploymentQuerySet
from deployments.models import Deployment
from monitoring.cost import costing
from monitoring.cost.presenters import cost_rows
from monitoring.cost.requests import requests_of
from monitoring.fleet import presenters as present
from monitoring.fleet.filters import FleetFilter
from monitoring.fleet.listing import Lens, steps_of
from monitoring.fleet.listing import fleet as fleet_of
from monitoring.fleet.overview import overview
from monitoring.fleet.overview_presenters import figures
from monitoring.fleet.saved_view_presenters import SHOWN, default_of, links
from monitoring.fleet.saved_views import views_of
from web.csv import csv_of
from web.htmx import HtmxRequest
from web.paginator import LatePaginator

PAGE_SIZE = 25
REFRESH_S = 30


@login_required
@require_safe
def fleet(request: HtmxRequest) -> HttpResponse:
    """Takes ``?lens=``, ``?status=``, filters, ``?ordering=`` and ``?page=``. ``?format=csv`` returns all chosen rows.

    Without parameters it redirects to the user's default view, if there is one.
    """
    user = signed_in(request)
    asked = FleetFilter(request.GET, queryset=Deployment.objects.none(), request=request)
    asked.queryset = fleet_of(user, asked.now)
    if not asked.is_valid():
        return render(request, "monitoring/fleet.html", {"filter_form": asked.form, "lenses": Lens}, status=400)
    rows: DeploymentQuerySet = asked.qs
    if request.GET.get("format") == "csv":
        shown = present.rows_of(rows, _facts(user, asked, rows))
        return csv_of(f"fleet-{asked.chosen_lens}.csv", present.csv_columns(asked.chosen_lens), present.csv_rows(shown))
    kept = list(views_of(user)[: SHOWN + 1])
    first = default_of(kept, user)
    if first and not request.GET and not request.htmx:
        return redirect("monitoring:fleet_view", first.pk)
    shown_views = {"view_links": links(kept[:SHOWN], user, asked.choice), "more_views": len(kept) > SHOWN}
    return render(request, "monitoring/fleet.html", _context(request, user, asked, rows) | shown_views)


@login_required
@require_safe
def fleet_now(request: HttpRequest) -> HttpResponse:
    """The key figures alone, which the page polls."""
    return render(request, "monitoring/_fleet_now.html", _now(signed_in(request), timezone.now()))


def _now(user: User, now: datetime) -> dict[str, Any]:
    found = overview(user, now)
    return {"overview": found, "figures": figures(found), "refresh_s": REFRESH_S}


def _context(request: HtmxRequest, user: User, asked: FleetFilter, rows: DeploymentQuerySet) -> dict[str, Any]:
    lens, chosen = asked.chosen_lens, request.GET.get("status", "")
    page = LatePaginator(rows, PAGE_SIZE, asked.count).get_page(request.GET.get("page"))
    found = list(page)
    form = asked.form
    del form.fields["lens"]
    tiles = present.tiles(lens, asked.counts)
    # htmx requests the table alone and keeps the key figures.
    head = {} if request.htmx else _now(user, asked.now)
    return {
        **head,
        "filter_form": form,
        "lens": lens,
        "tabs": [
            {"label": one.label, "url": _with(request, lens=one.value, status="", ordering=""), "active": one == lens}
            for one in Lens
        ],
        "tiles": [{"tile": t, "url": _with(request, status=t.value), "active": t.value == chosen} for t in tiles],
        "columns": present.COLUMNS[lens],
        "page": page,
        "rows": present.rows_of(found, _facts(user, asked, found)),
        "csv_url": _with(request, format="csv"),
        "save_url": f"{reverse('monitoring:fleet_view_new')}{_with(request, lens=lens.value)}",
        "now": asked.now,
        "refresh_s": REFRESH_S,
        "ordering": form.cleaned_data.get("ordering") or "status",
    }


def _facts(user: User, asked: FleetFilter, deployments: Iterable[Deployment]) -> present.Facts:
    """A constant number of queries for each lens."""
    lens, now = asked.chosen_lens, asked.now
    if lens == Lens.COST:
        found = list(deployments)
        ids = [row.pk for row in found]
        ledger = costing.load(costing.costs_of(user).filter(deployment__in=ids), now)
        costs = {row.deployment.pk: row for row in cost_rows(ledger, found, requests_of(ids, ledger.period))}
        return present.Facts(lens, now, ledger.currency, costs)
    if lens == Lens.ROLLOUT:
        runs = [run for row in deployments if (run := present.newest_run(row))]
        return present.Facts(lens, now, steps=steps_of(runs))
    return present.Facts(lens, now)


def _with(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    query.pop("format", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"?{query.urlencode()}"
