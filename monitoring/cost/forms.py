"""The form of a budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from accounts.models import Team, User
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from catalog.models import Environment
from web.forms import JudgedForm


class BudgetForm(JudgedForm):
    """Lists the teams whose budget the user may set. Without an environment it is the budget for all."""

    renamed: ClassVar[Mapping[str, str]] = {"monthly_budget": "monthly_amount", "budget_currency": "currency"}

    team = forms.ModelChoiceField(Team.objects.none(), to_field_name="slug")
    environment = forms.ModelChoiceField(
        Environment.objects.all(), to_field_name="slug", required=False, empty_label="All environments"
    )
    monthly_amount = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=2, required=False, help_text="Per month. Leave empty for no budget."
    )
    currency = forms.CharField(min_length=3, max_length=3, initial="USD")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams_where(user, Action.MANAGE)  # type: ignore[attr-defined]  # a choice field
        if not user.is_platform_admin:
            self.fields["environment"].required = True
            self.fields["environment"].empty_label = None  # type: ignore[attr-defined]  # a choice field
