"""What the views of this API share: refusals as answers, and rows with all that their serializers read."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, Prefetch, Subquery
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.mixins import Conflict, PortalAPIMixin
from accounts.api.requests import user_of
from deployments.forms.prices import HoursForm
from deployments.models import Approval, Deployment, PolicyResult, RolloutStep, Run
from deployments.models.deployment import DeploymentQuerySet
from deployments.models.run import RunQuerySet
from deployments.serializers import RunDetailSerializer
from deployments.services import Refused
from deployments.specs import Invalid

# A primary key of up to 18 digits: longer ones are larger than the database's integers.
ID = "[0-9]{1,18}"
DEPLOYMENT_ID = OpenApiParameter("deployment_id", int, OpenApiParameter.PATH)
HOURS = OpenApiParameter(
    "assumed_hours_per_day",
    float,
    description="What the price assumes where the spec scales to zero: 0.1 to 24, 8 if nobody has said.",
)
HEAVY = ("plan__planfile", "plan__show", "plan__changes")


class DeploymentsAPIMixin(PortalAPIMixin):
    """First among the bases of every view here: a spec that is wrong is 400, an action that is refused 409."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Invalid):
            exc = exceptions.ValidationError({name: list(texts) for name, texts in exc.fields.items()})
        elif isinstance(exc, Refused):
            exc = Conflict(exc.message, exc.code)
        return super().handle_exception(exc)


def asked_hours(request: Request) -> Decimal | None:
    """``?assumed_hours_per_day=``, None if it is not there."""
    if HOURS.name not in request.query_params:
        return None
    form = HoursForm(request.query_params)
    if not form.is_valid():
        raise Invalid({name: [str(text) for text in texts] for name, texts in form.errors.items()})
    return form.hours


def deployments_of(request: Request) -> DeploymentQuerySet:
    """Two queries, whatever the number of rows."""
    newest = Run.objects.filter(deployment=OuterRef("deployment")).order_by("-pk").values("pk")[:1]
    runs = Run.objects.filter(pk=Subquery(newest)).only("pk", "deployment", "kind", "status")
    visible = Deployment.objects.visible_to(user_of(request))
    rows = visible.select_related("team", "environment", "workspace", "model", "created_by", "config_check")
    return rows.prefetch_related(Prefetch("runs", runs, to_attr="newest_runs"))


def runs_of(request: Request) -> RunQuerySet:
    return Run.objects.visible_to(user_of(request)).select_related(
        "deployment__team", "deployment__environment", "deployment__model", "requested_by"
    )


def detailed(runs: RunQuerySet) -> RunQuerySet:
    """With what RunDetailSerializer reads, and without the plan's large columns."""
    decisions = Prefetch("approvals", Approval.objects.select_related("decided_by"))
    results = Prefetch("policy_results", PolicyResult.objects.select_related("policy_version", "overridden_by"))
    steps = Prefetch("rollout_steps", RolloutStep.objects.select_related("ordered_by").order_by("index"))
    return runs.select_related("plan").defer(*HEAVY).prefetch_related("stages", decisions, results, steps)


def deployment_or_404(request: Request, deployment_id: str) -> Deployment:
    rows = Deployment.objects.visible_to(user_of(request)).select_related("team", "environment", "model", "workspace")
    return get_object_or_404(rows, pk=int(deployment_id))


def run_body(request: Request, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
    """The run as it is now: a service may have changed it since it was fetched."""
    fresh = detailed(runs_of(request)).get(pk=run.pk)
    return dict(RunDetailSerializer(fresh, context=dict(context)).data)
