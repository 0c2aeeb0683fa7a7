"""The cost pages: a month of all deployments, and a month of one deployment."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.people.permissions import signed_in
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from deployments.models import Deployment
from monitoring.cost import choice as select
from monitoring.cost import costing
from monitoring.cost import presenters as present
from monitoring.cost.budgets import budget_lines
from monitoring.cost.costing import CostChoice, Ledger
from monitoring.cost.estimates import estimate_checks
from monitoring.cost.filters import CostFilter
from monitoring.cost.requests import requests_of
from monitoring.cost.savings import savings
from monitoring.watched.views import subject_of
from web.csv import csv_of

PAGE_SIZE = 25


@login_required
@require_safe
def cost(request: HttpRequest) -> HttpResponse:
    """Costs of the user's teams in a month, or of all teams for a platform admin. ``?format=csv`` returns CSV."""
    user = signed_in(request)
    asked = CostFilter(request.GET, queryset=Deployment.objects.visible_to(user), request=request)
    valid = asked.is_valid()
    chosen = select.chosen(user, asked.qs if valid else None, asked.choice, timezone.now())
    if request.GET.get("format") == "csv" and valid:
        name = f"cost-{chosen.ledger.period.first:%Y-%m}.csv"
        return csv_of(name, present.CSV_COLUMNS, present.csv_rows(chosen.rows, chosen.ledger))
    form = asked.form
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
@require_safe
def model_cost(request: HttpRequest, full_name: str) -> HttpResponse:
    """Costs of one deployment of a model in a month, by kind."""
    user, subject = signed_in(request), subject_of(request, full_name)
    context: dict[str, Any] = {"subject": subject}
    if subject.deployment:
        visible = costing.costs_of(user).filter(deployment=subject.deployment)
        asked = CostFilter(request.GET, queryset=Deployment.objects.none(), request=request)
        choice = asked.choice if asked.is_valid() else CostChoice()
        ledger = costing.load(visible, timezone.now(), choice.month, choice.currency)
        context |= _of_deployment(user, subject.deployment, ledger)
    return render(request, "monitoring/model_cost.html", context)


def _of_deployment(user: User, deployment: Deployment, ledger: Ledger) -> dict[str, Any]:
    visible = costing.costs_of(user).filter(deployment=deployment)
    estimates = estimate_checks(deployment, visible, ledger.period.last_complete, ledger.currency)
    shown = present.bars(ledger.of_month, ledger.period, {deployment.pk: deployment}, "kind", ledger.currency)
    rows = present.cost_rows(ledger, [deployment], requests_of([deployment.pk], ledger.period))
    sources = costing.sources(user, deployment.workspace_id)
    return {
        "ledger": ledger,
        "period": ledger.period,
        "totals": present.totals(ledger, sources),
        "row": rows[0] if rows else None,
        "savings": _savings(user, ledger, deployment),
        "estimates": estimates,
        "bars": present.marked(shown, [check.run for check in estimates]),
        "notices": present.source_notices(sources, timezone.now()),
        "unpriced": costing.unpriced(visible, ledger.period),
    }


def _savings(user: User, ledger: Ledger, only: Deployment | None = None) -> list[present.SavingView]:
    """Savings from the costs and requests of the last week. None for a past month."""
    if ledger.period.is_over:
        return []
    team_ids = set(teams_where(user, Action.DEPLOY).values_list("pk", flat=True))
    return [present.saving_view(saving, team_ids) for saving in savings(user, ledger, timezone.now(), only)]


def _with(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        query[name] = value
    return query.urlencode()


def _overview(user: User, ledger: Ledger) -> dict[str, Any]:
    """Figures of all costs that the user can see, independent of the filters."""
    period = ledger.period
    visible, sources = costing.costs_of(user), costing.sources(user)
    return {
        "ledger": ledger,
        "period": period,
        "totals": present.totals(ledger, sources),
        "lines": budget_lines(user, timezone.now()),
        "savings": _savings(user, ledger),
        "notices": present.source_notices(sources, timezone.now()),
        "unpriced": costing.unpriced(visible, period),
        "checks": costing.reconciliations(user, period.first),
        "unattributed": costing.unattributed(visible, period, ledger.currency) if user.is_platform_admin else [],
        "other_currencies": [name for name in ledger.currencies if name != ledger.currency],
    }
