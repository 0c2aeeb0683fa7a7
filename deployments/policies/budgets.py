"""Monthly budgets of a team by environment, and what was billed.

``Team.monthly_budget`` is the budget for all environments together.
"""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from accounts.models import OfTeamQuerySet, Team
from catalog.models import Environment


class Budget(models.Model):
    """The monthly budget for all endpoints of a team in one environment, in addition to the team's total budget."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="budgets")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="budgets")
    monthly_amount = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, default="USD")

    objects = OfTeamQuerySet.as_manager()

    class Meta:
        ordering = ["team__slug", "environment__position", "environment__slug"]
        constraints = [
            models.UniqueConstraint(fields=["team", "environment"], name="one_budget_per_team_and_environment")
        ]

    def __str__(self) -> str:
        return f"{self.team} in {self.environment}"


class MonthSpend(models.Model):
    """The billed cost of a team's endpoints in an environment since the first day of ``month`` (UTC).

    Monitoring writes it with each import of costs. Policies and the fleet read it.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    month = models.DateField()
    currency = models.CharField(max_length=3)
    #: Not rounded to cents, so that sums match the imported costs.
    amount = models.DecimalField(max_digits=19, decimal_places=9)
    #: The last billed day.
    until = models.DateField()

    objects = OfTeamQuerySet.as_manager()

    class Meta:
        ordering = ["-month", "team", "environment"]
        constraints = [
            models.UniqueConstraint(fields=["team", "environment", "month", "currency"], name="one_spend_per_month")
        ]

    def __str__(self) -> str:
        return f"{self.team} in {self.environment}, {self.month:%Y-%m}: {self.amount} {self.currency}"
