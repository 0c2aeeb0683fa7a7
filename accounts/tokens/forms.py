"""The form of a new API token."""

from __future__ import annotations

from django import forms

from accounts.tokens.models import TokenScope
from accounts.tokens.services import MAX_DAYS


class NewTokenForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="The client that uses the token, for example: CI of card-fraud.")
    scope = forms.ChoiceField(choices=TokenScope.choices, initial=TokenScope.READ)
    expires_in_days = forms.IntegerField(min_value=1, max_value=MAX_DAYS, initial=90, label="Expires in (days)")
