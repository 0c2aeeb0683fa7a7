"""Selects a month of costs for the page, its CSV and the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from accounts.models import User
from deployments.models import Deployment
from monitoring.cost import costing
from monitoring.cost.costing import CostChoice, Ledger
from monitoring.cost.presenters import Bars, CostRow, bars, cost_rows, ordered
from monitoring.cost.requests import requests_of


@dataclass(frozen=True)
class Chosen:
    """``ledger`` has all costs that the user can see; ``rows`` and ``bars`` cover the selected deployments."""

    ledger: Ledger
    rows: list[CostRow]
    bars: Bars


def chosen(user: User, deployments: QuerySet[Deployment] | None, choice: CostChoice, now: datetime) -> Chosen:
    """``deployments`` are the selected ones, or None for an empty selection. Always eight queries."""
    ledger = costing.load(costing.costs_of(user), now, choice.month, choice.currency)
    ids = {row.deployment_id for row in ledger.rows} | set(ledger.before)
    asked = Deployment.objects.none() if deployments is None else deployments
    found = asked.filter(pk__in=[pk for pk in ids if pk is not None])
    known = {row.pk: row for row in found.select_related("team", "environment", "model")}
    everything = deployments is not None and not choice.is_narrowed
    of_bars = [row for row in ledger.of_month if row.deployment_id in known or everything]
    rows = cost_rows(ledger, known.values(), requests_of(known, ledger.period))
    shown = bars(of_bars, ledger.period, known, choice.group, ledger.currency)
    return Chosen(ledger, ordered(rows, choice.ordering), shown)
