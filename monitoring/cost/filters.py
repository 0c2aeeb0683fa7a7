"""Filters of the cost page and API: month, currency, grouping, and deployments."""

from __future__ import annotations

from datetime import UTC, date

import django_filters
from django.utils import timezone

from accounts.teams.permissions import teams_of
from catalog.models import Environment
from deployments.models import Deployment
from monitoring.cost.costing import CostChoice, month_before
from web.filters import TextFilter, as_it_is, words_in

MONTHS = 13
GROUPS = [("team", "Team"), ("model", "Model"), ("environment", "Environment"), ("kind", "Kind")]
ORDERINGS = ("cost", "name", "change", "requests", "per_thousand", "idle_share")


def months() -> list[tuple[str, str]]:
    """The current month (UTC) and the twelve before it, newest first: billing tables keep a year."""
    found: list[tuple[str, str]] = []
    month = timezone.now().astimezone(UTC).date().replace(day=1)
    for _ in range(MONTHS):
        found.append((f"{month:%Y-%m}", f"{month:%B %Y}"))
        month = month_before(month)
    return found


class CostFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    """``q``, ``team`` and ``environment`` filter the deployments. The other parameters select what is shown."""

    q = TextFilter(
        method=words_in("name", "model__full_name", "team__name", "team__slug"),
        label="Search",
        help_text="Words in the name, the model or the team.",
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
    month = django_filters.ChoiceFilter(
        choices=months, method=as_it_is, label="Month", empty_label="This month", help_text="YYYY-MM, in UTC."
    )
    group = django_filters.ChoiceFilter(
        choices=GROUPS, method=as_it_is, label="Group by", empty_label="Deployment", help_text="Groups of the chart."
    )
    ordering = django_filters.ChoiceFilter(
        choices=[(f"{sign}{name}", name) for name in ORDERINGS for sign in ("", "-")],
        method=as_it_is,
        label="Ordering",
    )
    currency = TextFilter(method=as_it_is, label="Currency")

    class Meta:
        model = Deployment
        fields: list[str] = []

    @property
    def choice(self) -> CostChoice:
        """The selection, or the default one if the parameters are not valid. Call it after ``is_valid``."""
        given = self.form.cleaned_data if not self.form.errors else {}
        month = f"{given['month']}-01" if given.get("month") else ""
        return CostChoice(
            month=date.fromisoformat(month) if month else None,
            currency=str(given.get("currency") or "").upper(),
            group=str(given.get("group") or ""),
            ordering=str(given.get("ordering") or ""),
            is_narrowed=any(given.get(name) for name in ("q", "team", "environment")),
        )
