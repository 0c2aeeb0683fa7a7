"""Filters of deployments and runs. Pages and the API share the parameters."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import HiddenInput

from accounts.teams.permissions import teams_of
from catalog.models import Environment
from deployments.configuration.filters import CONFIGURATIONS
from deployments.configuration.models import with_configuration
from deployments.deployment.models import Deployment, in_state
from deployments.runs.models import Run
from deployments.runs.statuses import TERMINAL, UNFINISHED, RunKind, RunStatus
from web.filters import TextFilter, words_in

STATES = [
    ("ready", "Ready · up to date"),
    ("updating", "Updating"),
    ("update_failed", "Update failed"),
    ("not_ready", "Not ready"),
    ("not_deployed", "Not deployed"),
    ("unknown", "Unknown"),
    ("destroyed", "Destroyed"),
]

GROUPS = [("unfinished", "Unfinished"), ("finished", "Finished")]


class DeploymentFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    """Without ``status``, destroyed deployments are left out."""

    q = TextFilter(
        method=words_in("name", "model__full_name", "team__name"),
        label="Search",
        help_text="Words in the name, the model or the team.",
    )
    environment = django_filters.ModelChoiceFilter(
        queryset=Environment.objects.all(),
        to_field_name="slug",
        label="Environment",
        empty_label="All environments",
    )
    team = django_filters.ModelChoiceFilter(
        queryset=teams_of, to_field_name="slug", label="Team", empty_label="All teams"
    )
    model = TextFilter(field_name="model__full_name", lookup_expr="iexact", label="Model")
    status = django_filters.ChoiceFilter(
        choices=STATES, method="with_state", label="Status", empty_label="All except destroyed"
    )

    configuration = django_filters.ChoiceFilter(
        choices=CONFIGURATIONS, method="with_configuration", label="Configuration", empty_label="All"
    )

    class Meta:
        model = Deployment
        fields: list[str] = []

    def with_state(self, rows: QuerySet[Deployment], name: str, value: str) -> QuerySet[Deployment]:
        return rows.filter(in_state(value))

    def with_configuration(self, rows: QuerySet[Deployment], name: str, value: str) -> QuerySet[Deployment]:
        return rows.filter(with_configuration(value))

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("status") else rows.filter(destroyed_at=None)


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    q = TextFilter(
        method=words_in("deployment__name", "deployment__model__full_name", "message"),
        label="Search",
        help_text="Words in the endpoint's name, the model or the message.",
    )
    environment = django_filters.ModelChoiceFilter(
        field_name="deployment__environment",
        queryset=Environment.objects.all(),
        to_field_name="slug",
        label="Environment",
        empty_label="All environments",
    )
    team = django_filters.ModelChoiceFilter(
        field_name="deployment__team", queryset=teams_of, to_field_name="slug", label="Team", empty_label="All teams"
    )
    model = TextFilter(field_name="deployment__model__full_name", lookup_expr="iexact", label="Model")
    kind = django_filters.ChoiceFilter(choices=RunKind.choices, label="Kind", empty_label="All kinds")
    status = django_filters.ChoiceFilter(
        choices=[*GROUPS, *RunStatus.choices], method="with_status", label="Status", empty_label="All"
    )
    requested_by = TextFilter(field_name="requested_by__username", label="Requested by", help_text="A user name.")

    class Meta:
        model = Run
        fields: list[str] = []

    def with_status(self, rows: QuerySet[Run], name: str, value: str) -> QuerySet[Run]:
        groups: dict[str, tuple[RunStatus, ...]] = {"unfinished": UNFINISHED, "finished": TERMINAL}
        return rows.filter(status__in=groups.get(value, (value,)))


class DeploymentListFilter(DeploymentFilter):
    """The filter of the page, with its order. The API has its own ordering backend."""

    model = TextFilter(field_name="model__full_name", lookup_expr="iexact", label="Model", widget=HiddenInput())
    ordering = django_filters.OrderingFilter(
        fields={
            "name": "name",
            "environment__position": "environment",
            "team__name": "team",
            "created_at": "created_at",
        }
    )


class RunListFilter(RunFilter):
    requested_by = None  # type: ignore[assignment]  # removes the inherited filter
    model = TextFilter(
        field_name="deployment__model__full_name", lookup_expr="iexact", label="Model", widget=HiddenInput()
    )
    mine = django_filters.ChoiceFilter(
        choices=[("me", "Me")], method="asked_by_me", label="Requested by", empty_label="Anyone"
    )
    ordering = django_filters.OrderingFilter(
        fields={"pk": "number", "deployment__name": "name", "status": "status", "finished_at": "finished_at"}
    )

    def asked_by_me(self, rows: QuerySet[Run], name: str, value: str) -> QuerySet[Run]:
        return rows.filter(requested_by=self.request.user)
