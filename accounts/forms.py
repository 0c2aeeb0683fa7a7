"""Forms of accounts; what they accept is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from accounts.models import TokenScope
from accounts.roles import Role
from accounts.services import login
from accounts.services.tokens import MAX_DAYS


class ThrottledLogin(AuthenticationForm):
    """Counts failures per username and address, and stops asking for passwords after too many."""

    blocked = False

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username") or ""
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        if login.is_blocked(username, address):
            self.blocked = True
            minutes = login.WINDOW_S // 60
            raise ValidationError(f"Too many failed logins. Wait {minutes} minutes, then try again.")
        try:
            cleaned = super().clean()
        except ValidationError:
            login.note_failure(username, address)
            raise
        login.note_success(username, address)
        return cleaned


class ThrottledAdminLogin(ThrottledLogin, AdminAuthenticationForm):
    """The same for Django's admin pages."""


class NewTokenForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="What will use it, for example: CI of card-fraud.")
    scope = forms.ChoiceField(choices=TokenScope.choices, initial=TokenScope.READ)
    expires_in_days = forms.IntegerField(min_value=1, max_value=MAX_DAYS, initial=90, label="Expires in (days)")


class NewMemberForm(forms.Form):
    username = forms.CharField(max_length=150)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER)


class BudgetForm(forms.Form):
    monthly_budget = forms.DecimalField(
        max_digits=12, decimal_places=2, min_value=0, required=False, help_text="Leave it empty for no limit."
    )
    budget_currency = forms.CharField(min_length=3, max_length=3, initial="USD", label="Currency")


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
