"""Filters of the catalog's lists, with the same parameters for pages and API."""

from __future__ import annotations

import django_filters
from django.db.models import Exists, OuterRef, Q
from django.forms import TextInput

from accounts.teams.permissions import teams_of
from catalog.registered_models.models import ModelVersion, ModelVersionStatus, RegisteredModel, RegisteredModelQuerySet
from catalog.workspaces.models import Environment
from web.filters import TextFilter

PRESENCE = [("true", "With an alias"), ("false", "Without an alias")]


class ModelFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    """Filters registered models. Unknown values are rejected, not ignored."""

    q = TextFilter(
        method="search",
        label="Search",
        help_text="Words in the name, comment, owner or team.",
        widget=TextInput(attrs={"type": "search"}),
    )
    environment = django_filters.ModelChoiceFilter(
        queryset=Environment.objects.all(),
        to_field_name="slug",
        method="in_environment",
        label="Environment",
        empty_label="All environments",
    )
    catalog = TextFilter(field_name="catalog_name", lookup_expr="iexact", label="Catalog")
    team = django_filters.ModelChoiceFilter(
        queryset=teams_of, to_field_name="slug", label="Team", empty_label="All teams"
    )
    flavor = TextFilter(
        field_name="flavors", method="with_text", label="Flavor", help_text="An MLflow flavor, for example sklearn."
    )
    alias = TextFilter(field_name="aliases", method="with_text", label="Alias", help_text="For example champion.")
    has_alias = django_filters.ChoiceFilter(
        choices=PRESENCE, method="aliased", label="Aliases", empty_label="With or without alias"
    )

    class Meta:
        model = RegisteredModel
        fields: list[str] = []

    def search(self, models: RegisteredModelQuerySet, name: str, value: str) -> RegisteredModelQuerySet:
        for word in value.split()[:10]:
            models = models.filter(
                Q(full_name__icontains=word)
                | Q(comment__icontains=word)
                | Q(owner__icontains=word)
                | Q(team__name__icontains=word)
            )
        return models

    def in_environment(self, models: RegisteredModelQuerySet, name: str, value: Environment) -> RegisteredModelQuerySet:
        return models.filter(workspace=value.workspace_id, catalog_name=value.catalog_name.lower())

    def with_text(self, models: RegisteredModelQuerySet, name: str, value: str) -> RegisteredModelQuerySet:
        return models.with_version_text(name, value)

    def aliased(self, models: RegisteredModelQuerySet, name: str, value: str) -> RegisteredModelQuerySet:
        versions = ModelVersion.objects.filter(model=OuterRef("pk"), removed_at=None).exclude(aliases=[])
        return models.filter(Exists(versions)) if value == "true" else models.filter(~Exists(versions))


class VersionFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    status = django_filters.ChoiceFilter(choices=ModelVersionStatus.choices)

    class Meta:
        model = ModelVersion
        fields: list[str] = []


class ModelListFilter(ModelFilter):
    """``ModelFilter`` with an order, for the page. The API has an ordering backend instead."""

    ordering = django_filters.OrderingFilter(
        fields=["full_name", "team", "owner", "created_at", "updated_at", "version_count"]
    )
