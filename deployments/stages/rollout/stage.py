"""Rollout: traffic moves to the new version step by step, and back in one update if the version is worse.

Each call does one small part and then waits without a worker: it starts a step, reads its routes back, or judges it.
The progress is stored in RolloutStep rows, so that any worker can continue.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.db import DatabaseError
from django.utils import timezone

from deployments.rollouts.entities import Movement, movement
from deployments.rollouts.judging import Ruling
from deployments.rollouts.models import RolloutStep
from deployments.rollouts.steps import SHADOW, next_percent, steps_of
from deployments.rollouts.verdicts import StepVerdict
from deployments.runs.models import LeaseLost, Run
from deployments.runs.statuses import RunStatus
from deployments.stages.context import Context
from deployments.stages.ending import succeed
from deployments.stages.outcomes import Outcome, Wait
from deployments.stages.rollout.baking import rule_on
from deployments.stages.rollout.shadowing import replay
from deployments.stages.rollout.traffic import move, put_back
from deployments.stages.watch import log_servers
from integrations.errors import IntegrationError

logger = logging.getLogger(__name__)

POLL_S = 5.0
# Steps that wait for a person or for requests are checked less often.
WAITING_POLL_S = 15.0
# Faults in a row after which traffic goes back. One less than the number after which the runner ends the run.
PATIENCE = 5
Order = RolloutStep.Order


def run_stage(context: Context) -> Outcome:
    moving = movement(context.spec, context.run.plan.variables)
    if moving is None:
        return succeed(context, "the new version has all the traffic")
    steps = list(RolloutStep.of(context.run))
    step = steps[-1] if steps else _begin(context, moving, 0, steps_of(context.spec.rollout)[0])
    if step.back_since is None:
        _heed(context, steps, step)
    if step.back_since is not None:
        return put_back(context, moving, step)
    try:
        return _go_on(context, moving, step)
    except (LeaseLost, DatabaseError):
        raise
    except Exception as error:
        # Whatever the error is, the run must not end with traffic on an unmonitored version.
        if not _is_hopeless(context, error):
            raise
        logger.exception("rolling out")
        reason = (
            error.message if isinstance(error, IntegrationError) else f"an error of Slipway, {type(error).__name__}"
        )
        _turn_back(step, RunStatus.ROLLED_BACK, f"the rollout could not go on: {reason}", StepVerdict.SKIPPED)
        return put_back(context, moving, step)


def _is_hopeless(context: Context, error: Exception) -> bool:
    """Whether the error is permanent or has repeated too often."""
    is_permanent = isinstance(error, IntegrationError) and error.permanent
    return is_permanent or context.run.stage_failures >= PATIENCE - 1


def _heed(context: Context, steps: list[RolloutStep], step: RolloutStep) -> None:
    """Turn back if the run was cancelled or a person ordered a rollback. This comes before anything else."""
    if context.cancelled:
        asked = Run.objects.select_related("cancel_requested_by").get(pk=context.run.pk).cancel_requested_by
        text = f"cancelled by {asked.display_name}" if asked else "cancelled"
        _turn_back(step, RunStatus.CANCELLED, text, StepVerdict.SKIPPED)
        return
    for given in steps:
        if given.order == Order.ROLL_BACK:
            who = given.ordered_by.display_name if given.ordered_by else "an unknown user"
            _turn_back(step, RunStatus.ROLLED_BACK, f"rolled back by {who}", StepVerdict.SKIPPED)
            return


def _turn_back(step: RolloutStep, end: RunStatus, text: str, verdict: StepVerdict, rule: str = "") -> None:
    now = timezone.now()
    step.note(verdict=verdict, rule=rule, message=text, ended_at=step.ended_at or now, back_since=now, back_to=end)


def _begin(context: Context, moving: Movement, index: int, percent: int) -> RolloutStep:
    """Create the step. Idempotent, also across workers."""
    step, _ = RolloutStep.objects.get_or_create(
        run=context.run,
        attempt=context.run.attempt,
        index=index,
        defaults={"percent": percent, "expected": moving.at(percent), "started_at": timezone.now()},
    )
    context.log(f"rollout: {step.percent} % of the traffic to {moving.new}")
    return step


def _go_on(context: Context, moving: Movement, step: RolloutStep) -> Outcome:
    if outcome := move(context, step):
        return outcome
    if step.verdict == StepVerdict.PASSED:
        return _after_shadow(context, moving, step)
    if step.order == Order.PROMOTE:
        return _promoted(context, moving, step)
    ruling = replay(context, moving, step) if step.percent == SHADOW else rule_on(context, moving, step)
    match ruling.verdict:
        case StepVerdict.BREACHED:
            context.log(f"breach at {step.percent} %: {ruling.text}")
            _turn_back(step, RunStatus.ROLLED_BACK, ruling.text, StepVerdict.BREACHED, ruling.rule)
            return put_back(context, moving, step)
        case StepVerdict.PASSED:
            return _passed(context, moving, step, ruling)
        case _:
            return _wait(step, ruling)


def _wait(step: RolloutStep, ruling: Ruling) -> Wait:
    step.note(verdict=ruling.verdict, rule=ruling.rule, message=ruling.text)
    if ruling.verdict == StepVerdict.INCONCLUSIVE:
        return Wait(WAITING_POLL_S if step.percent else POLL_S, f"{step.percent} %: {ruling.text}")
    return Wait(POLL_S if step.percent else 1, f"{step.percent} % of the traffic: {ruling.text or 'baking'}")


def _passed(context: Context, moving: Movement, step: RolloutStep, ruling: Ruling) -> Outcome:
    context.log(f"{step.percent} % of the traffic: {ruling.text}")
    step.note(verdict=StepVerdict.PASSED, rule="", message=ruling.text, ended_at=timezone.now())
    if step.percent == SHADOW:
        return _after_shadow(context, moving, step)
    return _next(context, moving, step)


def _after_shadow(context: Context, moving: Movement, step: RolloutStep) -> Outcome:
    """Wait for a person to promote the new version or roll back after a shadow step."""
    if step.percent != SHADOW or step.order == Order.PROMOTE:
        return _next(context, moving, step)
    return Wait(WAITING_POLL_S, "the shadow test is over: promote the new version or roll back")


def _promoted(context: Context, moving: Movement, step: RolloutStep) -> Outcome:
    """Skip the rest of the step. From an inconclusive or shadow step, the new version gets all traffic."""
    who = step.ordered_by.display_name if step.ordered_by else "an unknown user"
    is_stuck = step.verdict == StepVerdict.INCONCLUSIVE or step.percent == SHADOW
    context.log(f"{step.percent} % of the traffic: promoted by {who}")
    step.note(verdict=StepVerdict.SKIPPED, rule="", message=f"promoted by {who}", ended_at=timezone.now())
    return _next(context, moving, step, 100 if is_stuck else None)


def _next(context: Context, moving: Movement, step: RolloutStep, percent: int | None = None) -> Outcome:
    following = percent or next_percent(context.spec.rollout, step.percent)
    if step.percent == 100 or following is None:
        return _finish(context, moving)
    begun = _begin(context, moving, step.index + 1, following)
    return move(context, begun) or Wait(POLL_S, f"{begun.percent} % of the traffic: baking")


def _finish(context: Context, moving: Movement) -> Outcome:
    routes = moving.at(100)
    log_servers(context, routes)
    took = f"{moving.new} has all the traffic{_leftover(context.run.plan.variables, moving)}"
    return succeed(context, took, routes=routes)


def _leftover(variables: Mapping[str, list[dict[str, object]]], moving: Movement) -> str:
    old = next(entity for entity in variables["served_entities"] if entity["name"] == moving.old)
    if old["scale_to_zero_enabled"]:
        return f"; {moving.old} stays to roll back to without a build, scaled to zero"
    return f"; {moving.old} stays to roll back to and does not scale to zero: the next run removes it"
