"""Whether a run may start to apply, or everything stands still."""

from __future__ import annotations

from django.utils import timezone

from deployments.models import Approval, Freeze, Run
from deployments.policies.approval import binding


def freeze_of(run: Run) -> Freeze | None:
    """The freeze that holds this run up, None if there is none or the glass was broken for its plan."""
    deployment = run.deployment
    freezes = Freeze.objects.active().covering(deployment.environment_id, deployment.team_id)
    freeze = freezes.select_related("environment", "team", "created_by").first()
    if freeze and binding(run).filter(decision=Approval.Decision.BREAK_GLASS).exists():
        return None
    return freeze


def freeze_text(freeze: Freeze) -> str:
    """For people: "frozen until 2 Dec 09:00 UTC by Ada: month end"."""
    return f"{freeze.subject} is frozen until {told_time(freeze)} by {freeze.created_by.display_name}: {freeze.reason}"


def told_time(freeze: Freeze) -> str:
    return f"{timezone.localtime(freeze.ends_at):%d %b %H:%M %Z}"
