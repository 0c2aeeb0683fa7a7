"""Budgets of teams, for all environments or for one, and what is spent of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Sum

from accounts.models import Team, User
from accounts.teams.budgets import set_budget as set_team_budget
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from catalog.models import Environment
from deployments.models import Budget
from monitoring.cost.costing import RATE_DAYS, Period, Spent, costs_of, forecast, month_to_date, newest_day, period_of
from web.errors import Invalid

#: The defaults of the policy "budget". Runs are judged by the policy's own values.
WARN_PERCENT, APPROVE_PERCENT = 80, 100


@dataclass(frozen=True)
class BudgetLine:
    """A budget and the current month. ``spent`` and ``forecast`` are None before the first import."""

    team: Team
    environment: Environment | None
    amount: Decimal
    currency: str
    spent: Decimal | None
    forecast: Decimal | None

    @property
    def percent(self) -> Decimal | None:
        """Share of the budget in percent; 100 if the budget is zero and something is spent."""
        if self.spent is None:
            return None
        if not self.amount:
            return Decimal(100 if self.spent else 0)
        return self.spent * 100 / self.amount

    @property
    def tone(self) -> str:
        if self.percent is None:
            return "unknown"
        if self.percent >= APPROVE_PERCENT:
            return "bad"
        return "warn" if self.percent >= WARN_PERCENT or self._ends_over else "ok"

    @property
    def standing(self) -> str:
        if self.percent is None:
            return "Nothing billed yet"
        if self.percent >= APPROVE_PERCENT:
            return "Exhausted: runs need approval"
        if self.percent >= WARN_PERCENT:
            return "Nearly exhausted"
        return "Forecast over budget" if self._ends_over else "Within budget"

    @property
    def _ends_over(self) -> bool:
        return self.forecast is not None and self.forecast > self.amount


def budget_lines(user: User, now: datetime) -> list[BudgetLine]:
    """The budgets of the user's teams, by team, with the one for all environments first. Four queries."""
    teams = Team.objects.visible_to(user)
    set_here = Budget.objects.visible_to(user).select_related("team", "environment")
    wanted: list[tuple[Team, Environment | None, Decimal, str]] = [
        (team, None, team.monthly_budget, team.budget_currency)
        for team in teams.exclude(monthly_budget=None)
        if team.monthly_budget is not None
    ]
    wanted += [(row.team, row.environment, row.monthly_amount, row.currency) for row in set_here]
    period, spent = _spent_by_place(user, now)
    lines = [_line(one, period, spent) for one in wanted]
    return sorted(lines, key=_place)


def _place(line: BudgetLine) -> tuple[str, int, str]:
    here = line.environment
    return (line.team.slug, -1, "") if here is None else (line.team.slug, here.position, here.slug)


_Key = tuple[int, int, str]


def _spent_by_place(user: User, now: datetime) -> tuple[Period, dict[_Key, list[Spent]]]:
    """{(team, environment, currency): costs by day}, as far back as a forecast needs."""
    visible = costs_of(user).filter(deployment__isnull=False)
    period = period_of(now.astimezone(UTC).date(), now, newest_day(visible))
    rows = visible.between(period.first - timedelta(days=RATE_DAYS), period.today).exclude(currency="").order_by()
    keys = ("deployment__team", "deployment__environment", "currency", "date")
    found: dict[_Key, list[Spent]] = {}
    for team_id, environment_id, currency, day, total in rows.values_list(*keys).annotate(total=Sum("cost")):
        found.setdefault((team_id, environment_id, currency), []).append(Spent(day, None, "", total))
    return period, found


def _line(
    one: tuple[Team, Environment | None, Decimal, str], period: Period, spent: dict[_Key, list[Spent]]
) -> BudgetLine:
    team, here, amount, currency = one
    if period.newest is None:
        return BudgetLine(team, here, amount, currency, None, None)
    rows = list(_of_place(spent, team.pk, here.pk if here else None, currency))
    return BudgetLine(team, here, amount, currency, month_to_date(rows, period), forecast(rows, period))


def _of_place(
    spent: dict[_Key, list[Spent]], team_id: int, environment_id: int | None, currency: str
) -> Iterable[Spent]:
    for (team, environment, its_currency), rows in spent.items():
        if team == team_id and its_currency == currency and environment_id in (None, environment):
            yield from rows


def may_set(user: User, team: Team, environment: Environment | None) -> bool:
    """Platform admins set a team's budget for all environments. Team admins divide it among environments."""
    return user.is_platform_admin if environment is None else can(user, Action.MANAGE, team)


def set_budget(
    *, actor: User, team: Team, environment: Environment | None, monthly_amount: Decimal | None, currency: str
) -> None:
    """Set the monthly budget of a team in one environment or in all (None). An amount of None removes it.

    Raises PermissionDenied, or Invalid if the amount or the currency is not valid.
    """
    if environment is None:
        set_team_budget(actor=actor, team=team, monthly_budget=monthly_amount, budget_currency=currency)
        return
    if not may_set(actor, team, environment):
        raise PermissionDenied(f"Only a team admin of {team} or a platform admin can set its budgets.")
    code = currency.strip().upper()
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise Invalid({"currency": ["Enter a currency code of three letters, such as USD."]})
    if monthly_amount is not None and not 0 <= monthly_amount < 10**10:
        raise Invalid({"monthly_amount": ["Enter an amount from 0 to below ten billion."]})
    _keep(team, environment, monthly_amount, code)


def _keep(team: Team, environment: Environment, amount: Decimal | None, currency: str) -> None:
    with transaction.atomic():
        # If two people set it at once, the later write wins and neither gets an error.
        Environment.objects.select_for_update().get(pk=environment.pk)
        row = Budget.objects.filter(team=team, environment=environment).first()
        if amount is not None:
            row = row or Budget(team=team, environment=environment)
            row.monthly_amount, row.currency = amount, currency
            row.save()
        elif row is not None:
            row.delete()
