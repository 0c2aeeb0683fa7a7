"""The bake time of a step: reading the endpoint's metrics and judging them.

The metrics cover the last minute. A window is added to the totals once a minute, starting one minute after the routes
were read back, so that no request counts twice. The current window overlaps with the totals and may start before the
step. It is judged separately, to detect a bad version before the minute has passed. A bake time of less than a minute
has only this window.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from deployments.deployment.specs import Rollout
from deployments.rollouts.entities import Movement
from deployments.rollouts.judging import Ruling, View, judge, numbers
from deployments.rollouts.models import RolloutStep
from deployments.rollouts.verdicts import StepVerdict
from deployments.rollouts.windows import view_as_json, view_of_json
from deployments.runs.statuses import Level
from deployments.stages.context import Context
from integrations.errors import IntegrationError
from integrations.metrics import WINDOW_S, Window, read_windows

WINDOW = timedelta(seconds=WINDOW_S)


def rule_on(context: Context, moving: Movement, step: RolloutStep) -> Ruling:
    """Read the metrics, add new windows to the totals, and judge the step."""
    limits, now = context.spec.rollout, timezone.now()
    recent = _read(context, moving)
    totals = view_of_json(step.totals)
    since = step.sampled_at or step.moved_at or now
    if recent is not None and now - since >= WINDOW:
        totals += recent
        step.note(sampled_at=now, totals=view_as_json(totals))
    views = [totals, recent] if recent is not None else [totals]
    ruling = judge(views, limits, is_over=_remaining_s(step, limits) <= 0, is_blind=recent is None)
    step.note(numbers=numbers(ruling.view))
    if ruling.verdict == StepVerdict.RUNNING:
        return Ruling(ruling.verdict, ruling.rule, _progress(step, limits, ruling.view), ruling.view)
    return ruling


def _read(context: Context, moving: Movement) -> View | None:
    """The last minute of both versions. None if the metrics cannot be read or lack the new version."""
    try:
        windows = read_windows(context.workspace.metrics(context.run.deployment.name))
    except IntegrationError as error:
        context.log(f"metrics of the endpoint: {error.message}", level=Level.WARNING)
        return None
    if moving.new not in windows:
        context.log(f"the endpoint's metrics do not include {moving.new}", level=Level.WARNING)
        return None
    return View(windows.get(moving.old, Window()), windows[moving.new])


def _remaining_s(step: RolloutStep, limits: Rollout) -> float:
    bake_s = limits.bake_minutes * settings.ROLLOUT_MINUTE_S
    passed_s = (timezone.now() - step.moved_at).total_seconds() if step.moved_at else 0.0
    return bake_s - passed_s


def _progress(step: RolloutStep, limits: Rollout, view: View) -> str:
    left_s = max(_remaining_s(step, limits), 0)
    left = f"{left_s / 60:.0f} min" if left_s >= 90 else f"{left_s:.0f} s"
    return f"baking for another {left}, {view.new.requests:.0f} of {limits.min_requests} requests"
