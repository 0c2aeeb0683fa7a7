"""Orders that people give in a rollout: promote or roll back."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.teams.roles import Action
from deployments.deployment.permissions import require
from deployments.rollouts.models import RolloutStep
from deployments.runs.models import Line, Run
from deployments.runs.queue import hold_in, wake
from deployments.runs.requests import audit
from deployments.runs.statuses import Level, RunStatus
from web.errors import Refused

Order = RolloutStep.Order


def promote(*, run: Run, actor: User) -> Run:
    """Skip the rest of the current step. From an inconclusive or shadow step, the new version gets all traffic."""
    return _order(run, actor, Order.PROMOTE, f"{actor.display_name} promoted version {run.parsed_spec().version}")


def roll_back_run(*, run: Run, actor: User) -> Run:
    """Move all traffic back to the previous version at once. The run ends as rolled back."""
    return _order(run, actor, Order.ROLL_BACK, f"{actor.display_name} rolls back to the previous version")


def _order(run: Run, actor: User, order: str, text: str) -> Run:
    """Write the order on the newest step. A rollback is always possible and overrides a promotion."""
    require(actor, Action.DEPLOY, run.deployment)
    step = _open_step(run)
    free = RolloutStep.objects.filter(pk=step.pk, back_since=None)
    given = free.exclude(order=Order.ROLL_BACK) if order == Order.ROLL_BACK else free.filter(order="")
    with transaction.atomic():
        values = {"order": order, "ordered_by": actor, "ordered_at": timezone.now()}
        if not (hold_in(run, RunStatus.ROLLOUT) and given.update(**values)):
            raise Refused("already_decided", "Another person has just decided.")
        run.log([Line(stage=RunStatus.ROLLOUT, message=text, level=Level.WARNING)])
        audit(run, actor, {"rollout": [f"{step.percent} %", order]})
        wake(run)
    run.refresh_from_db()
    return run


def _open_step(run: Run) -> RolloutStep:
    step = RolloutStep.of(run).last() if run.status == RunStatus.ROLLOUT else None
    if step is None:
        raise Refused("not_rolling_out", f"The run is not rolling out: it is {str(run.get_status_display()).lower()}.")
    if step.back_since is not None:
        raise Refused("already_going_back", "Traffic is already going back to the previous version.")
    return step
