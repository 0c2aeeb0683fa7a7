"""The form of a saved view."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q

from accounts.models import Team, User
from monitoring.fleet.models import MAX_NAME_CHARS, SavedView
from web.forms import JudgedForm


class SavedViewForm(JudgedForm):
    """A saved view can be shared with a team of its owner. Only the owner can make it their default view."""

    name = forms.CharField(
        max_length=MAX_NAME_CHARS, widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"})
    )
    # Shown if the name is taken.
    replace = forms.BooleanField(required=False, label="Replace the view with this name")
    team = forms.ModelChoiceField(
        Team.objects.none(), to_field_name="slug", required=False, label="Share with", empty_label="Only me"
    )
    is_default = forms.BooleanField(required=False, label="Default view")

    def __init__(self, *args: Any, user: User, view: SavedView | None = None, **kwargs: Any) -> None:
        if view is not None:
            team = view.team.slug if view.team else None
            kwargs["initial"] = {"name": view.name, "team": team, "is_default": view.is_default}
        super().__init__(*args, **kwargs)
        self.offers_to_replace = False
        if view is not None:
            del self.fields["replace"]
        teams = Team.objects.filter(_choice_of_teams(user, view))
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]  # a choice field
        if view is not None and view.owner_id != user.pk:
            self.fields["team"].empty_label = f"Only {view.owner}"  # type: ignore[attr-defined]  # a choice field
            del self.fields["is_default"]


def _choice_of_teams(user: User, view: SavedView | None) -> Q:
    here = Q(pk=view.team_id) if view is not None and view.team_id else Q(pk__in=[])
    if view is not None and view.owner_id != user.pk:
        return here
    return here | Q(pk__in=Team.objects.visible_to(user).values("pk"))
