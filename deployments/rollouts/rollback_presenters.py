"""Rollbacks on a deployment's page: rollback targets, the last rehearsal, and a failed update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accounts.models import User
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from deployments.deployment.models import Deployment
from deployments.rollouts.models import Rehearsal
from deployments.rollouts.questions import rehearse_question, rollback_question
from deployments.rollouts.rolling_back import RollbackTarget, rollback_targets
from deployments.runs.events import Event
from deployments.runs.statuses import Level
from web.views import Question

FAILED_UPDATES = frozenset({"UPDATE_FAILED", "UPDATE_CANCELED"})
EXCERPT_LINES = 12


@dataclass(frozen=True)
class FailedUpdate:
    """A failed update, with the last lines of its build log if they were stored."""

    text: str
    log: list[str]


@dataclass(frozen=True)
class WayBack:
    target: RollbackTarget
    question: Question | None


def rollback_context(deployment: Deployment, user: User) -> dict[str, Any]:
    """The context of the Rollback card. At most three queries."""
    may_act = can(user, Action.DEPLOY, deployment.team) and not deployment.destroyed_at
    targets = [] if deployment.destroyed_at else rollback_targets(deployment)
    rehearsals = Rehearsal.objects.filter(deployment=deployment)
    may_rehearse = may_act and bool(targets) and not deployment.environment.needs_approval
    return {
        "ways_back": [WayBack(row, rollback_question(deployment, row) if may_act else None) for row in targets],
        "rehearsal": rehearsals.select_related("rollback_run", "return_run", "started_by").first(),
        "rehearse": rehearse_question(deployment, targets[0]) if may_rehearse else None,
        "rehearses_elsewhere": deployment.environment.needs_approval,
    }


def failed_update(deployment: Deployment) -> FailedUpdate | None:
    """The failed update of the endpoint, with the end of its build log, or None. At most one query."""
    if deployment.config_update not in FAILED_UPDATES or not deployment.pending:
        return None
    serving = ", ".join(f"v{entity['entity_version']}" for entity in deployment.served if entity.get("traffic"))
    failed = ", ".join(
        f"v{entity['entity_version']}" for entity in deployment.pending if entity.get("state") == "DEPLOYMENT_FAILED"
    )
    lines = Event.objects.filter(run__deployment=deployment, source="build", level=Level.ERROR)
    newest = lines.order_by("-run_id", "-number").values_list("run_id", "message")[:EXCERPT_LINES]
    of_run = [message for run_id, message in newest if run_id == newest[0][0]]
    text = f"{serving} still serving, {failed} failed" if serving else f"{failed} failed, nothing is serving"
    return FailedUpdate(text if failed else f"{serving} still serving, the update failed", of_run[::-1])
