"""The key figures at the top of the page Fleet. Each links to the rows that it counts."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from monitoring.cost.presenters import money
from monitoring.fleet.overview import MonthCost, Overview
from monitoring.watched.states import TONES, Standing


@dataclass(frozen=True)
class Figure:
    key: str
    label: str
    value: str
    #: Links to the counted rows.
    url: str
    note: str = ""
    #: "" for no icon.
    tone: str = ""


def figures(found: Overview) -> list[Figure]:
    """The figures. A count of 0 has no tone."""
    fleet, runs = reverse("monitoring:fleet"), reverse("deployments:runs")
    requests = "unknown" if found.requests_24h is None else f"{found.requests_24h:,.0f}"
    endpoint = "endpoint" if found.deployments == 1 else "endpoints"
    with_health = f"{fleet}?lens=health&status="
    standings = [
        _count(one.value, str(one.label), found.standings.get(one, 0), f"{with_health}{one.value}", TONES[one])
        for one in (Standing.FAILING, Standing.AT_RISK, Standing.UNKNOWN)
    ]
    alerts = f"{reverse('monitoring:alerts')}?state=firing"
    return [
        Figure("models", "Models live", f"{found.models:,}", fleet, f"{found.deployments:,} {endpoint}"),
        Figure("requests", "Requests, 24\N{NO-BREAK SPACE}h", requests, f"{fleet}?ordering=-requests"),
        *standings,
        _count("alerts", "Firing alerts", found.alert_count, alerts, "bad"),
        _count("runs", "Runs in progress", found.in_progress, f"{runs}?status=unfinished", "busy"),
        _count("approval", "Awaiting approval", found.awaiting_approval, f"{runs}?status=approval", "warn"),
        _cost(found.cost),
    ]


def _count(key: str, label: str, count: int, url: str, tone: str) -> Figure:
    return Figure(key, label, f"{count:,}", url, tone=tone if count else "")


def _cost(cost: MonthCost) -> Figure:
    note, tone = "no budget", ""
    if cost.budget is not None:
        note = f"of {money(cost.budget, cost.currency)}"
        tone = "bad" if cost.spent is not None and cost.spent >= cost.budget else ""
    spent = "unknown" if cost.spent is None else money(cost.spent, cost.currency)
    return Figure("cost", "Month to date", spent, reverse("monitoring:cost"), note, tone)
