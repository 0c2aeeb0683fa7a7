"""The form to adopt an endpoint."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import Team, User
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from catalog.models import Environment
from deployments.configuration.unmanaged import UnmanagedEndpoint
from web.errors import Invalid


class AdoptForm(forms.Form):
    """Offers the teams that ``user`` may deploy for, and the environments of the endpoint's workspace and catalog."""

    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None)
    environment = forms.ModelChoiceField(Environment.objects.none(), empty_label=None)

    def __init__(self, *args: Any, endpoint: UnmanagedEndpoint, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams, environments = self.fields["team"], self.fields["environment"]
        assert isinstance(teams, forms.ModelChoiceField)
        assert isinstance(environments, forms.ModelChoiceField)
        teams.queryset = teams_where(user, Action.DEPLOY)
        catalog = endpoint.model_name.split(".")[0]
        environments.queryset = Environment.objects.filter(workspace=endpoint.workspace_id, catalog_name=catalog)

    def show(self, error: Invalid) -> None:
        """Add errors to their fields. Errors of the endpoint's spec have no field and go to the whole form."""
        for name, texts in error.fields.items():
            field = name if name in self.fields else None
            for text in texts:
                self.add_error(field, text if field else f"{name}: {text}")
