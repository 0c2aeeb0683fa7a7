"""Querysets that the API's views share, with everything that their serializers read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import OuterRef, Prefetch, Subquery
from rest_framework.request import Request

from accounts.people.permissions import user_of
from deployments.deployment.models import Deployment, DeploymentQuerySet
from deployments.pages.serializers import RunDetailSerializer
from deployments.policies.models import Approval, PolicyResult
from deployments.rollouts.models import RolloutStep
from deployments.runs.models import Run, RunQuerySet

HEAVY = ("plan__planfile", "plan__show", "plan__changes")


def deployments_of(request: Request) -> DeploymentQuerySet:
    """Visible deployments with their newest run. Two queries for any number of rows."""
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
    """Prefetch what RunDetailSerializer reads. Defers the plan's large columns."""
    decisions = Prefetch("approvals", Approval.objects.select_related("decided_by"))
    results = Prefetch("policy_results", PolicyResult.objects.select_related("policy_version", "overridden_by"))
    steps = Prefetch("rollout_steps", RolloutStep.objects.select_related("ordered_by").order_by("index"))
    return runs.select_related("plan").defer(*HEAVY).prefetch_related("stages", decisions, results, steps)


def run_body(request: Request, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
    """The current state of the run as JSON, read again because a service may have changed it."""
    fresh = detailed(runs_of(request)).get(pk=run.pk)
    return dict(RunDetailSerializer(fresh, context=dict(context)).data)
