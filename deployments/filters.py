"""How lists of deployments and runs are narrowed: the same parameters in a page's URL and in the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.forms import HiddenInput
from django.utils import timezone

from catalog.filters import TextFilter, teams_of
from catalog.models import Environment
from deployments.models import ConfigCheck, Deployment, Run, UnmanagedEndpoint
from deployments.models.deployment import STALE_AFTER, DeploymentQuerySet
from deployments.states import RESUMABLE, TERMINAL, UNFINISHED, RunKind, RunStatus

STATES = [
    ("ready", "Ready · up to date"),
    ("updating", "Updating"),
    ("update_failed", "Update failed"),
    ("not_ready", "Not ready"),
    ("not_deployed", "Not deployed"),
    ("unknown", "Unknown"),
    ("destroyed", "Destroyed"),
]
CONFIGURATIONS = [("changed", "Changed by hand"), ("in_sync", "As asked for"), ("unknown", "Unknown")]
GROUPS = [("unfinished", "Unfinished"), ("finished", "Finished")]


def in_state(word: str) -> Q:
    """Deployments whose endpoint is in the state ``word``: the words of ``Deployment.endpoint_state`` as a query."""
    seen = Q(destroyed_at=None, observed_at__gte=timezone.now() - STALE_AFTER, observe_error="")
    there = seen & ~Q(endpoint_id="")
    return {
        "ready": there & Q(ready="READY", config_update="NOT_UPDATING"),
        "updating": there & Q(config_update="IN_PROGRESS"),
        "update_failed": there & Q(config_update__in=("UPDATE_FAILED", "UPDATE_CANCELED")),
        "not_ready": there & Q(ready="NOT_READY"),
        "not_deployed": seen & Q(endpoint_id=""),
        "unknown": Q(destroyed_at=None) & ~seen,
        "destroyed": Q(destroyed_at__isnull=False),
    }[word]


def with_configuration(word: str) -> Q:
    """Live deployments by the words of ``ConfigCheck.state``. What nobody checked lately is unknown."""
    status = {"changed": ConfigCheck.Status.DRIFTED, "in_sync": ConfigCheck.Status.IN_SYNC}
    fresh = Q(config_check__checked_at__gte=ConfigCheck.stale_before())
    known = fresh & Q(config_check__status__in=status.values())
    found = fresh & Q(config_check__status=status[word]) if word in status else ~known
    return Q(destroyed_at=None) & found


def in_trouble(deployments: DeploymentQuerySet) -> DeploymentQuerySet:
    """Those that are not as they should be, whose last run failed, or that were not seen lately with no run at work."""
    newest = Run.objects.filter(deployment=OuterRef("pk")).order_by("-pk").values("status")[:1]
    bad = Q(newest_status__in=RESUMABLE) | in_state("update_failed") | in_state("not_ready")
    lost = in_state("unknown") & (Q(newest_status=None) | ~Q(newest_status__in=UNFINISHED))
    return deployments.annotate(newest_status=Subquery(newest)).filter(bad | lost)


def words_in(rows: Any, value: str, *fields: str) -> Any:
    """Rows that have each word of ``value`` in one of ``fields``."""
    for word in value.split()[:10]:
        any_field = Q()
        for field in fields:
            any_field |= Q(**{f"{field}__icontains": word})
        rows = rows.filter(any_field)
    return rows


class DeploymentFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    """Without ``status`` those that were destroyed are left out."""

    q = TextFilter(method="search", label="Search", help_text="Words in the name, the model or the team.")
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
        choices=STATES, method="with_state", label="Status", empty_label="All that are not destroyed"
    )

    configuration = django_filters.ChoiceFilter(
        choices=CONFIGURATIONS, method="with_configuration", label="Configuration", empty_label="All"
    )

    class Meta:
        model = Deployment
        fields: list[str] = []

    def search(self, rows: QuerySet[Deployment], name: str, value: str) -> Any:
        return words_in(rows, value, "name", "model__full_name", "team__name")

    def with_state(self, rows: QuerySet[Deployment], name: str, value: str) -> QuerySet[Deployment]:
        return rows.filter(in_state(value))

    def with_configuration(self, rows: QuerySet[Deployment], name: str, value: str) -> QuerySet[Deployment]:
        return rows.filter(with_configuration(value))

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("status") else rows.filter(destroyed_at=None)


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    q = TextFilter(method="search", label="Search", help_text="Words in the endpoint's name, the model or the message.")
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
    requested_by = TextFilter(field_name="requested_by__username", label="Asked for by", help_text="A user name.")

    class Meta:
        model = Run
        fields: list[str] = []

    def search(self, rows: QuerySet[Run], name: str, value: str) -> Any:
        return words_in(rows, value, "deployment__name", "deployment__model__full_name", "message")

    def with_status(self, rows: QuerySet[Run], name: str, value: str) -> QuerySet[Run]:
        groups: dict[str, tuple[RunStatus, ...]] = {"unfinished": UNFINISHED, "finished": TERMINAL}
        return rows.filter(status__in=groups.get(value, (value,)))


class UnmanagedEndpointFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    q = TextFilter(method="search", label="Search", help_text="Words in the name, the model or the creator.")
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

    def search(self, rows: QuerySet[UnmanagedEndpoint], name: str, value: str) -> Any:
        return words_in(rows, value, "name", "model_name", "creator")

    def in_environment(
        self, rows: QuerySet[UnmanagedEndpoint], name: str, value: Environment
    ) -> QuerySet[UnmanagedEndpoint]:
        """Endpoints of its workspace that serve models of its catalog."""
        return rows.filter(workspace=value.workspace_id, model_name__startswith=f"{value.catalog_name.lower()}.")


class DeploymentListFilter(DeploymentFilter):
    """The same for the page, with its order. (The API orders by its own backend.)"""

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
    requested_by = None  # type: ignore[assignment]  # takes the inherited filter away
    model = TextFilter(
        field_name="deployment__model__full_name", lookup_expr="iexact", label="Model", widget=HiddenInput()
    )
    mine = django_filters.ChoiceFilter(
        choices=[("me", "Me")], method="asked_by_me", label="Asked for by", empty_label="Anybody"
    )
    ordering = django_filters.OrderingFilter(
        fields={"pk": "number", "deployment__name": "name", "status": "status", "finished_at": "finished_at"}
    )

    def asked_by_me(self, rows: QuerySet[Run], name: str, value: str) -> QuerySet[Run]:
        return rows.filter(requested_by=self.request.user)
