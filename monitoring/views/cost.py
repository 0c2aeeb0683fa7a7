"""What everything costs: the month, its bars, its deployments, and what belongs to nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.views import signed_in
from deployments.models import Deployment
from monitoring.filters.cost import CostFilter
from monitoring.presenters import cost as present
from monitoring.presenters.csv import csv_of
from monitoring.services import costing
from monitoring.services.costing import Ledger
from monitoring.views.subject import subject_of

PAGE_SIZE = 25


@dataclass(frozen=True)
class Chosen:
    """What the address asks for: the month in a currency, and the deployments that it is narrowed to."""

    ledger: Ledger
    rows: list[present.CostRow]
    bars: present.Bars
    filter: CostFilter


def chosen_costs(request: HttpRequest, user: User) -> Chosen:
    """Seven queries, whatever the number of rows. A filter that cannot be applied chooses nothing."""
    visible = Deployment.objects.visible_to(user)
    asked = CostFilter(request.GET, queryset=visible, request=request)
    valid = asked.is_valid()
    month, currency = (asked.chosen_month, asked.chosen("currency")) if valid else (None, "")
    ledger = costing.load(costing.costs_of(user), timezone.now(), month, currency.upper())
    ids = {row.deployment_id for row in ledger.rows} | set(ledger.before)
    found = (asked.qs if valid else visible.none()).filter(pk__in=[pk for pk in ids if pk is not None])
    deployments = {row.pk: row for row in found.select_related("team", "environment", "model")}
    rows = present.cost_rows(ledger, deployments.values(), {})
    narrowed = any(asked.chosen(name) for name in ("q", "team", "environment")) if valid else True
    of_bars = [row for row in ledger.of_month if row.deployment_id in deployments or not narrowed]
    group = asked.chosen("group") if valid else ""
    shown = present.bars(of_bars, ledger.period, deployments, group, ledger.currency)
    return Chosen(ledger, present.ordered(rows, asked.chosen("ordering") if valid else ""), shown, asked)


@login_required
@require_GET
def cost(request: HttpRequest) -> HttpResponse:
    """A month of my teams, of everybody for a platform admin; ``?format=csv`` is the table of it."""
    user = signed_in(request)
    chosen = chosen_costs(request, user)
    valid = not chosen.filter.form.errors
    if request.GET.get("format") == "csv" and valid:
        name = f"cost-{chosen.ledger.period.first:%Y-%m}.csv"
        return csv_of(name, present.CSV_COLUMNS, present.csv_rows(chosen.rows, chosen.ledger))
    form = chosen.filter.form
    if len(chosen.ledger.currencies) < 2 and not form.errors and not form.cleaned_data["currency"]:
        del form.fields["currency"]
    context = {
        **_overview(user, chosen.ledger),
        "filter_form": form,
        "page": Paginator(chosen.rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "bars": chosen.bars,
        "csv_query": _with(request, format="csv"),
    }
    return render(request, "monitoring/cost.html", context, status=200 if valid else 400)


@login_required
@require_GET
def model_cost(request: HttpRequest, full_name: str) -> HttpResponse:
    """What one deployment of a model costs this month, and by what."""
    user, subject = signed_in(request), subject_of(request, full_name)
    context: dict[str, Any] = {"subject": subject}
    if subject.deployment:
        visible = costing.costs_of(user).filter(deployment=subject.deployment)
        context |= _of_deployment(user, subject.deployment, costing.load(visible, timezone.now()))
    return render(request, "monitoring/model_cost.html", context)


def _of_deployment(user: User, deployment: Deployment, ledger: Ledger) -> dict[str, Any]:
    rows = present.cost_rows(ledger, [deployment], {})
    visible = costing.costs_of(user).filter(deployment=deployment)
    return {
        "ledger": ledger,
        "period": ledger.period,
        "totals": present.totals(ledger),
        "row": rows[0] if rows else None,
        "bars": present.bars(ledger.of_month, ledger.period, {deployment.pk: deployment}, "kind", ledger.currency),
        "notices": present.source_notices(costing.sources(user, deployment.workspace_id), timezone.now()),
        "unpriced": costing.unpriced(visible, ledger.period),
    }


def _with(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        query[name] = value
    return query.urlencode()


def _overview(user: User, ledger: Ledger) -> dict[str, Any]:
    """What holds for all that the person may see, however the list is narrowed."""
    period = ledger.period
    visible = costing.costs_of(user)
    return {
        "ledger": ledger,
        "period": period,
        "totals": present.totals(ledger),
        "notices": present.source_notices(costing.sources(user), timezone.now()),
        "unpriced": costing.unpriced(visible, period),
        "checks": costing.reconciliations(user, period.first),
        "unattributed": costing.unattributed(visible, period, ledger.currency) if user.is_platform_admin else [],
        "other_currencies": [name for name in ledger.currencies if name != ledger.currency],
    }
