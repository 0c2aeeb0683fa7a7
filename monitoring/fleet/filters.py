"""Filters of the fleet: the same parameters for the page, its CSV and the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import F
from django.forms import HiddenInput
from django.utils import timezone

from accounts.teams.permissions import teams_of
from catalog.models import Environment
from deployments.deployment.models import DeploymentQuerySet
from deployments.models import Deployment
from monitoring.fleet.listing import STATUSES, Lens, counted, with_shown, with_status
from web.filters import TextFilter, as_it_is, words_in

#: {ordering: field}. Unknown values come last in both directions.
ORDERINGS = {
    "name": "name",
    "environment": "environment__position",
    "team": "team__name",
    "status": "lens_rank",
    "requests": "watch__requests_24h",
    "p99": "watch__p99_ms",
    "last_request": "watch__last_request_at",
    "owner": "model__owner",
    "created": "created_at",
}


def statuses() -> list[tuple[str, str]]:
    return [(one.value, one.label) for lens in Lens for one in STATUSES[lens]]


class FleetAPIFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    """``status`` is a status of the chosen ``lens``. The API has its own backend for ordering."""

    q = TextFilter(
        method=words_in("name", "model__full_name", "model__owner", "team__name", "team__slug"),
        label="Search",
        help_text="Words in the name, the model, its owner or the team.",
    )
    team = django_filters.ModelChoiceFilter(
        queryset=teams_of, to_field_name="slug", label="Team", empty_label="All teams"
    )
    environment = django_filters.ModelChoiceFilter(
        queryset=Environment.objects.all(),
        to_field_name="slug",
        label="Environment",
        empty_label="All environments",
    )
    lens = django_filters.ChoiceFilter(
        choices=Lens.choices, method=as_it_is, label="Lens", empty_label=None, help_text="health by default."
    )
    status = django_filters.ChoiceFilter(
        choices=statuses, method=as_it_is, label="Status", widget=HiddenInput(), help_text="A status of the lens."
    )

    class Meta:
        model = Deployment
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now: datetime = timezone.now()
        self.counts: dict[str, int] = {}

    @property
    def chosen_lens(self) -> Lens:
        """Call it after ``is_valid``."""
        return Lens(self.form.cleaned_data.get("lens") or Lens.HEALTH)

    def filter_queryset(self, queryset: DeploymentQuerySet) -> DeploymentQuerySet:
        rows = with_status(super().filter_queryset(queryset), self.chosen_lens, self.now)
        self.note_counts(rows)
        status = self.form.cleaned_data.get("status")
        return rows.filter(lens_status=status) if status else rows  # type: ignore[misc]  # an annotation

    def note_counts(self, rows: DeploymentQuerySet) -> None:
        """Hook for subclasses. ``rows`` are filtered by everything except ``status``."""


class FleetFilter(FleetAPIFilter):
    """The filter of the page, with ``ordering`` and the ``counts`` of each status, which take one query."""

    ordering = django_filters.ChoiceFilter(
        choices=[(f"{sign}{name}", name) for name in ORDERINGS for sign in ("", "-")],
        method=as_it_is,
        label="Ordering",
        widget=HiddenInput(),
    )

    @property
    def choice(self) -> dict[str, str]:
        """The chosen parameters in canonical form. Call it after ``is_valid``."""
        given = self.form.cleaned_data
        told = {name: getattr(value, "slug", None) or str(value or "") for name, value in given.items()}
        told |= {"lens": self.chosen_lens.value}
        return {name: text for name, text in told.items() if text and (name, text) != ("ordering", "status")}

    @property
    def count(self) -> int:
        """The number of chosen rows. Access ``qs`` first."""
        status = self.form.cleaned_data.get("status")
        return self.counts.get(status, 0) if status else sum(self.counts.values())

    def note_counts(self, rows: DeploymentQuerySet) -> None:
        self.counts = counted(rows)

    def filter_queryset(self, queryset: DeploymentQuerySet) -> DeploymentQuerySet:
        rows = with_shown(super().filter_queryset(queryset), [self.chosen_lens])
        wanted = self.form.cleaned_data.get("ordering") or "status"
        place = F(ORDERINGS[wanted.removeprefix("-")])
        first = place.desc(nulls_last=True) if wanted.startswith("-") else place.asc(nulls_last=True)
        return rows.order_by(first, "name", "environment__position", "pk")
