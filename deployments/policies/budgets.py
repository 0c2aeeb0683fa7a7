"""What a team may spend in one environment, and what was billed to it this month.

The budget of all environments together is ``Team.monthly_budget``.
"""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from accounts.models import OfTeamQuerySet, Team
from catalog.models import Environment


class Budget(models.Model):
    """What all endpoints of the team in this environment may cost in a month, beside the team's budget for all."""

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
    """What was billed for the endpoints of a team in an environment from the first day of ``month`` (UTC) on.

    Monitoring writes it with each import of costs; policies and the fleet read it. ``amount`` is not rounded to cents,
    so that sums are those of the costs. ``until`` is the last day that was billed.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    month = models.DateField()
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=19, decimal_places=9)
    until = models.DateField()

    objects = OfTeamQuerySet.as_manager()

    class Meta:
        ordering = ["-month", "team", "environment"]
        constraints = [
            models.UniqueConstraint(fields=["team", "environment", "month", "currency"], name="one_spend_per_month")
        ]

    def __str__(self) -> str:
        return f"{self.team} in {self.environment}, {self.month:%Y-%m}: {self.amount} {self.currency}"
