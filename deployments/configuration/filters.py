"""Filters of unmanaged endpoints, and the choices of the configuration filter."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from catalog.models import Environment
from deployments.configuration.unmanaged import UnmanagedEndpoint
from web.filters import TextFilter, words_in

CONFIGURATIONS = [("changed", "Changed by hand"), ("in_sync", "In sync"), ("unknown", "Unknown")]


class UnmanagedEndpointFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    q = TextFilter(
        method=words_in("name", "model_name", "creator"),
        label="Search",
        help_text="Words in the name, the model or the creator.",
    )
    environment = django_filters.ModelChoiceFilter(
        queryset=Environment.objects.all(),
        to_field_name="slug",
        method="in_environment",
        label="Environment",
        empty_label="All environments",
    )

    class Meta:
        model = UnmanagedEndpoint
        fields: list[str] = []

    def in_environment(
        self, rows: QuerySet[UnmanagedEndpoint], name: str, value: Environment
    ) -> QuerySet[UnmanagedEndpoint]:
        """Endpoints in the environment's workspace that serve models of its catalog."""
        return rows.filter(workspace=value.workspace_id, model_name__startswith=f"{value.catalog_name.lower()}.")
