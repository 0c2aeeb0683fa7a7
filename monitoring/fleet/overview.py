"""Key figures of the fleet: live deployments, standings, runs, alerts, and costs of the month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db.models import Count, Q, Sum

from accounts.models import Team, User
from deployments.models import Deployment, MonthSpend, Run
from deployments.runs.statuses import UNFINISHED, RunStatus
from monitoring.alerts.models import Alert
from monitoring.alerts.states import AlertState
from monitoring.cost.models import BillingSource, CostDay
from monitoring.fleet.listing import health_now
from monitoring.watched.states import Standing

#: Number of runs and alerts that are listed.
SHOWN = 5


@dataclass(frozen=True)
class MonthCost:
    """Costs of the month in one currency."""

    currency: str
    #: None if billing tables were never read.
    spent: Decimal | None
    #: None if no team has a budget.
    budget: Decimal | None


@dataclass(frozen=True)
class Overview:
    """Key figures of the fleet."""

    models: int
    deployments: int
    #: None without metrics.
    requests_24h: float | None
    standings: dict[Standing, int]
    run_counts: dict[RunStatus, int]
    #: The newest unfinished runs.
    runs: list[Run]
    alert_count: int
    #: The newest firing alerts.
    alerts: list[Alert]
    cost: MonthCost

    @property
    def awaiting_approval(self) -> int:
        return self.run_counts.get(RunStatus.APPROVAL, 0)

    @property
    def in_progress(self) -> int:
        return sum(self.run_counts.values()) - self.awaiting_approval


def overview(user: User, now: datetime) -> Overview:
    """Figures of everything that ``user`` can see, independent of filters. At most nine queries."""
    live = Deployment.objects.visible_to(user).live().order_by().annotate(health_now=health_now(now))
    judged = {standing.value: Count("pk", filter=Q(health_now=standing)) for standing in Standing}
    counts = live.aggregate(
        models=Count("model", distinct=True), deployments=Count("pk"), requests=Sum("watch__requests_24h"), **judged
    )
    runs = Run.objects.visible_to(user).filter(status__in=UNFINISHED)
    firing = Alert.objects.visible_to(user).filter(state=AlertState.FIRING)
    related = ("deployment__environment", "deployment__team", "deployment__model")
    return Overview(
        models=counts["models"],
        deployments=counts["deployments"],
        requests_24h=counts["requests"],
        standings={standing: counts[standing.value] for standing in Standing},
        run_counts={RunStatus(status): n for status, n in runs.order_by().values_list("status").annotate(Count("pk"))},
        runs=list(runs.select_related(*related).order_by("-pk")[:SHOWN]),
        alert_count=firing.count(),
        alerts=list(firing.select_related(*related).order_by("-pk")[:SHOWN]),
        cost=_month_cost(user, now),
    )


def _month_cost(user: User, now: datetime) -> MonthCost:
    """Costs in the currency of the largest budget, else of the highest cost. At most four queries."""
    spent = _spent(user, now.astimezone(UTC).date().replace(day=1))
    own = Team.objects.visible_to(user).exclude(monthly_budget=None).order_by()
    budgets = dict(own.values_list("budget_currency").annotate(total=Sum("monthly_budget")))
    by_size = sorted(budgets, key=lambda name: budgets[name], reverse=True)
    by_size += sorted(spent, key=lambda name: spent[name], reverse=True)
    currency = by_size[0] if by_size else "USD"
    here = Deployment.objects.visible_to(user).values("workspace")
    was_read = bool(spent) or BillingSource.objects.filter(workspace__in=here, read_at__isnull=False).exists()
    nothing = Decimal(0) if was_read else None
    return MonthCost(currency, spent.get(currency, nothing), budgets.get(currency))


def _spent(user: User, month: date) -> dict[str, Decimal]:
    """{currency: amount} of the user's teams and, for platform admins, unattributed costs."""
    kept = MonthSpend.objects.visible_to(user).filter(month=month).order_by()
    spent = dict(kept.values_list("currency").annotate(total=Sum("amount")))
    if user.is_platform_admin:
        rows = CostDay.objects.filter(date__gte=month).unattributed().exclude(currency="").order_by()
        for currency, total in rows.values_list("currency").annotate(total=Sum("cost")):
            spent[currency] = spent.get(currency, Decimal(0)) + total
    return spent
