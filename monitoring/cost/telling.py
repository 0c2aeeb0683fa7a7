"""Reports costs to the fleet, and budgets to alerts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum

from accounts.models import Team
from catalog.models import Workspace
from deployments.models import Budget, Deployment, MonthSpend
from monitoring.alerts.reporting import report
from monitoring.alerts.states import AlertSubject
from monitoring.cost.models import BillingSource, CostDay
from monitoring.watched import watch
from monitoring.watched.states import Standing

#: The defaults of the policy "budget".
WARN_PERCENT, FAIL_PERCENT = 80, 100
WORST_FIRST = (Standing.FAILING, Standing.AT_RISK, Standing.PASSING)


@dataclass(frozen=True)
class Kept:
    """A team's budget in the current month."""

    team_id: int
    #: The primary key of an environment; None for all environments.
    place: int | None
    standing: Standing
    reason: str
    spent: Decimal
    limit: Decimal


def tell_costs(workspace: Workspace, month: date) -> None:
    """Report each live deployment to the fleet and each budget to alerts. Called after each import.

    A budget belongs to a team, but an alert to a deployment: it is the oldest one with costs in that environment.
    """
    rows = Deployment.objects.live().filter(workspace=workspace).select_related("team", "environment")
    deployments = list(rows.order_by("pk"))
    kept = [one for team in {row.team for row in deployments} for one in _kept_by(team, month)]
    spent = _spent(workspace, month)
    error = BillingSource.objects.filter(workspace=workspace).values_list("error", flat=True).first()
    for deployment in deployments:
        standing, reason = _standing(deployment, kept, spent.get(deployment.pk), error)
        watch.note(deployment.pk, cost=standing, cost_reason=reason)
    if not error:
        for one in kept:
            _report(one, [row for row in deployments if _is_of(row, one)], spent)


def _spent(workspace: Workspace, month: date) -> dict[int, str]:
    """{deployment: formatted cost of the month}."""
    rows = CostDay.objects.filter(workspace=workspace, date__gte=month, deployment__isnull=False).exclude(currency="")
    totals = rows.order_by().values_list("deployment_id", "currency").annotate(total=Sum("cost"))
    words: dict[int, list[str]] = {}
    for pk, currency, total in totals.order_by("deployment_id", "currency"):
        words.setdefault(pk or 0, []).append(f"{total:,.2f} {currency}")
    return {pk: " and ".join(parts) for pk, parts in words.items()}


def _kept_by(team: Team, month: date) -> Iterator[Kept]:
    limits: list[tuple[int | None, str, Decimal, str]] = []
    if team.monthly_budget is not None:
        limits.append((None, f"The budget of {team}", team.monthly_budget, team.budget_currency))
    for row in Budget.objects.filter(team=team).select_related("environment"):
        name = f"The budget of {team} in {row.environment}"
        limits.append((row.environment_id, name, row.monthly_amount, row.currency))
    spends = list(MonthSpend.objects.filter(team=team, month=month))
    for place, name, limit, currency in limits:
        here = [row for row in spends if row.currency == currency and place in (None, row.environment_id)]
        spent = sum((row.amount for row in here), Decimal(0))
        share = spent * 100 / limit if limit else Decimal(FAIL_PERCENT if spent else 0)
        reason = f"{name}: {spent:,.2f} of {limit:,.2f} {currency} spent this month."
        yield Kept(team.pk, place, _standing_at(share), reason, spent, limit)


def _standing_at(percent: Decimal) -> Standing:
    if percent >= FAIL_PERCENT:
        return Standing.FAILING
    return Standing.AT_RISK if percent >= WARN_PERCENT else Standing.PASSING


def _is_of(deployment: Deployment, one: Kept) -> bool:
    return deployment.team_id == one.team_id and one.place in (None, deployment.environment_id)


def _standing(
    deployment: Deployment, kept: Sequence[Kept], spent: str | None, error: str | None
) -> tuple[Standing, str]:
    if error is None or error:
        return Standing.UNKNOWN, error or "Nothing was imported yet."
    mine = sorted((one for one in kept if _is_of(deployment, one)), key=lambda one: WORST_FIRST.index(one.standing))
    cost = f"{spent} this month." if spent else "Nothing was billed this month."
    # Without a budget there is no limit to judge by.
    return (mine[0].standing, f"{cost} {mine[0].reason}") if mine else (Standing.UNKNOWN, f"{cost} No budget.")


def _report(one: Kept, deployments: Sequence[Deployment], spent: dict[int, str]) -> None:
    """Report the budget on the first deployment with costs, else on the first, so that it stays the same one."""
    billed = [row for row in deployments if row.pk in spent] or deployments
    if billed:
        evidence = {"spent": f"{one.spent:.2f}", "budget": str(one.limit)}
        key = f"budget-{one.team_id}-{one.place or 'all'}"
        report(billed[0], AlertSubject.COST, one.standing, one.reason, evidence, key=key)
