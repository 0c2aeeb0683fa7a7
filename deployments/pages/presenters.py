"""Deployments as shown in lists, on the home page and on their own page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, Subquery

from accounts.models import User
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from catalog.models import ModelVersion
from deployments.configuration.models import ConfigCheck, check_of
from deployments.deployment.models import Deployment, DeploymentQuerySet, EndpointState
from deployments.pages.run_presenters import for_list as runs_for_list
from deployments.policies.models import PolicyResult
from deployments.runs.models import Run, RunQuerySet
from deployments.runs.statuses import RunStatus

ENTITY_TONES = {
    "DEPLOYMENT_READY": ("ok", "Ready"),
    "DEPLOYMENT_CREATING": ("busy", "Starting"),
    "DEPLOYMENT_RECOVERING": ("warn", "Recovering"),
    "DEPLOYMENT_FAILED": ("bad", "Failed"),
    "DEPLOYMENT_ABORTED": ("warn", "Aborted"),
}
HOME_ROWS = 8


def for_list(rows: DeploymentQuerySet) -> DeploymentQuerySet:
    """Prefetch what a list shows; ``newest_runs`` has the last run. Two queries."""
    newest = Run.objects.filter(deployment=OuterRef("deployment")).order_by("-pk").values("pk")[:1]
    runs = Run.objects.filter(pk=Subquery(newest)).only("pk", "deployment", "kind", "status", "created_at")
    return rows.select_related("team", "environment", "model", "config_check").prefetch_related(
        Prefetch("runs", runs, to_attr="newest_runs")
    )


@dataclass(frozen=True)
class Row:
    """A row of a list. ``changed_by_hand`` is from the last check, which may be stale."""

    deployment: Deployment
    state: EndpointState
    last_run: Run | None
    changed_by_hand: bool


def rows_of(deployments: Iterable[Deployment]) -> list[Row]:
    """Rows for deployments of ``for_list``. No query."""
    return [_row(deployment) for deployment in deployments]


def _row(deployment: Deployment) -> Row:
    runs: list[Run] = getattr(deployment, "newest_runs", [])
    found = check_of(deployment)
    is_drifted = found is not None and found.status == ConfigCheck.Status.DRIFTED and not deployment.destroyed_at
    return Row(deployment, deployment.endpoint_state(), runs[0] if runs else None, is_drifted)


# -- one deployment -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    """A version on the endpoint. ``traffic`` is in percent."""

    version: str
    traffic: int
    tone: str
    state: str
    message: str


def served(entities: Iterable[dict[str, Any]], is_known: bool) -> list[Served]:
    """Served or pending entities. Without ``is_known``, the observation is stale and every state is unknown."""
    return [_served(entity, is_known) for entity in entities]


def _served(entity: dict[str, Any], is_known: bool) -> Served:
    tone, state = ENTITY_TONES.get(str(entity.get("state")), ("unknown", "Unknown"))
    if not is_known:
        tone, state = "unknown", f"Last seen {state.lower()}"
    return Served(
        str(entity.get("entity_version", "")),
        int(entity.get("traffic") or 0),
        tone,
        state,
        str(entity.get("message") or ""),
    )


def example_body(deployment: Deployment) -> Any:
    """The input example of the serving version, else of the requested one; None if none was logged."""
    wanted = deployment.live_version or str(deployment.spec.get("version", ""))
    if not wanted.isdigit():
        return None
    versions = ModelVersion.objects.filter(model=deployment.model_id, version=int(wanted))
    return versions.values_list("input_example", flat=True).first()


# -- home -----------------------------------------------------------------------------------------


def awaiting_approval(user: User) -> RunQuerySet:
    """Runs that wait for an approval or an override that ``user`` may give, oldest first."""
    held = PolicyResult.objects.blocking().filter(run=OuterRef("pk"), plan_sha256=OuterRef("plan__sha256"))
    decidable = Q(status=RunStatus.APPROVAL, deployment__team__in=teams_where(user, Action.APPROVE))
    overridable = Q(Exists(held), status=RunStatus.POLICY, deployment__team__in=teams_where(user, Action.OVERRIDE))
    runs = Run.objects.filter(decidable | overridable).exclude(requested_by=user)
    return runs_for_list(runs).order_by("stage_started_at", "pk")


def my_runs(user: User) -> RunQuerySet:
    return runs_for_list(Run.objects.visible_to(user).filter(requested_by=user))
