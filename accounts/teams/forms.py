"""Forms of teams. The services validate what they submit."""

from __future__ import annotations

from django import forms

from accounts.teams.roles import Role


class NewMemberForm(forms.Form):
    username = forms.CharField(max_length=150)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER)


class BudgetForm(forms.Form):
    monthly_budget = forms.DecimalField(
        max_digits=12, decimal_places=2, min_value=0, required=False, help_text="Leave empty for no limit."
    )
    budget_currency = forms.CharField(min_length=3, max_length=3, initial="USD", label="Currency")


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
