"""Filters of the alert inbox: the same parameters in the URL of the page and in the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import HiddenInput

from accounts.teams.permissions import teams_of
from catalog.models import Environment
from deployments.models import Deployment
from monitoring.alerts.models import Alert
from monitoring.alerts.states import ALERT_ONGOING, AlertState, AlertSubject, Severity
from web.filters import TextFilter, words_in

STATES = [
    ("all", "All"),
    ("ongoing", "Unresolved"),
    *((state.value, state.label) for state in (*ALERT_ONGOING, AlertState.RESOLVED)),
]


def deployments_of(request: Any) -> Any:
    return Deployment.objects.none() if request is None else Deployment.objects.visible_to(request.user)


class AlertFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    q = TextFilter(
        method=words_in("reason", "key", "deployment__name", "deployment__team__name"),
        label="Search",
        help_text="Words in the reason, the deployment or the team.",
    )
    state = django_filters.ChoiceFilter(choices=STATES, method="in_state", label="State", empty_label="All")
    severity = django_filters.ChoiceFilter(choices=Severity.choices, label="Severity", empty_label="All")
    subject = django_filters.ChoiceFilter(choices=AlertSubject.choices, label="About", empty_label="All")
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

    deployment = django_filters.ModelChoiceFilter(
        queryset=deployments_of, label="Deployment", widget=HiddenInput(), help_text="The id of the deployment."
    )

    class Meta:
        model = Alert
        fields: list[str] = []

    def in_state(self, rows: QuerySet[Alert], name: str, value: str) -> QuerySet[Alert]:
        if value == "all":
            return rows
        return rows.filter(state__in=ALERT_ONGOING) if value == "ongoing" else rows.filter(state=value)


class InboxFilter(AlertFilter):
    """Without ``state``, unresolved alerts."""

    state = django_filters.ChoiceFilter(
        choices=[choice for choice in STATES if choice[0] != "ongoing"],
        method="in_state",
        label="State",
        empty_label="Unresolved",
    )
