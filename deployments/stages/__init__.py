"""The stages of a run, one module each: ``run_stage(context)`` does its work and says how it ended."""

from __future__ import annotations

from collections.abc import Callable

from deployments.stages import apply, cost, endpoint, plan, policy, preflight, rollout, smoke
from deployments.stages.context import Context
from deployments.states import Outcome, RunStatus

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
