"""Filters of the list of environments."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from catalog.workspaces.models import Environment


class EnvironmentFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    needs_approval = django_filters.ChoiceFilter(
        choices=[("true", "Needs approval"), ("false", "No approval needed")], method="approving", label="Approval"
    )

    class Meta:
        model = Environment
        fields: list[str] = []

    def approving(self, environments: QuerySet[Environment], name: str, value: str) -> QuerySet[Environment]:
        return environments.filter(needs_approval=value == "true")
