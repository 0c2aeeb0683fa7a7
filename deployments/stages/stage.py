"""The stages of a run, one module each: ``run_stage(context)`` does its work and says how it ended."""

from __future__ import annotations

from collections.abc import Callable

from deployments.runs.statuses import RunStatus
from deployments.stages import cost, endpoint, policy, smoke
from deployments.stages.apply import stage as apply
from deployments.stages.context import Context
from deployments.stages.outcomes import Outcome
from deployments.stages.plan import stage as plan
from deployments.stages.preflight import stage as preflight
from deployments.stages.rollout import stage as rollout

STAGE_FUNCTIONS: dict[RunStatus, Callable[[Context], Outcome]] = {
    RunStatus.PREFLIGHT: preflight.run_stage,
    RunStatus.PLAN: plan.run_stage,
    RunStatus.COST: cost.run_stage,
    RunStatus.POLICY: policy.run_stage,
    RunStatus.APPLY: apply.run_stage,
    RunStatus.ENDPOINT: endpoint.run_stage,
    RunStatus.SMOKE: smoke.run_stage,
    RunStatus.ROLLOUT: rollout.run_stage,
}
