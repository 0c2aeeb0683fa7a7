"""Policy: the rules of the environment, and whether a second person has to approve."""

from __future__ import annotations

from deployments.models import StageRecord
from deployments.stages.context import Context
from deployments.states import GoOn, Outcome, RunStatus


def run_stage(context: Context) -> Outcome:
    environment = context.run.deployment.environment
    if environment.needs_approval:
        return GoOn(RunStatus.APPROVAL, "a second person has to approve the plan")
    StageRecord.skip(context.run, RunStatus.APPROVAL, f"{environment} needs no approval")
    return GoOn(RunStatus.APPLY, "no approval is needed")
