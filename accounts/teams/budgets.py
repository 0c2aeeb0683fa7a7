"""The monthly budget of a team."""

from __future__ import annotations

from decimal import Decimal

from accounts.people.models import User
from accounts.teams.models import Team
from accounts.teams.permissions import require_platform_admin
from web.errors import Invalid

SET_BUDGET = "set the budget of a team"


def set_budget(*, actor: User, team: Team, monthly_budget: Decimal | None, budget_currency: str) -> Team:
    """Limit the monthly cost of all endpoints of the team; a ``monthly_budget`` of None removes the limit.

    Raises PermissionDenied unless ``actor`` is a platform admin, and Invalid by field.
    """
    require_platform_admin(actor, SET_BUDGET)
    currency = budget_currency.strip().upper()
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        raise Invalid({"budget_currency": ["Enter a three-letter currency code, for example USD."]})
    if monthly_budget is not None and monthly_budget < 0:
        raise Invalid({"monthly_budget": ["A budget cannot be negative."]})
    team.monthly_budget, team.budget_currency = monthly_budget, currency
    team.save(update_fields=["monthly_budget", "budget_currency"])
    return team
