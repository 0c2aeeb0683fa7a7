"""What a team may spend."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import PermissionDenied, ValidationError

from accounts.people.models import User
from accounts.teams.models import Team


def set_budget(*, actor: User, team: Team, monthly_budget: Decimal | None, budget_currency: str) -> Team:
    """What all endpoints of the team together may cost in a month; None for no limit. For platform admins."""
    if not actor.is_platform_admin:
        raise PermissionDenied("Only a platform admin sets the budget of a team.")
    currency = budget_currency.strip().upper()
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        raise ValidationError({"budget_currency": "Write the three letters of a currency, for example USD."})
    if monthly_budget is not None and monthly_budget < 0:
        raise ValidationError({"monthly_budget": "A budget is not less than nothing."})
    team.monthly_budget, team.budget_currency = monthly_budget, currency
    team.save(update_fields=["monthly_budget", "budget_currency"])
    return team
