"""Cost: estimates the monthly cost before anything is changed. An unknown cost does not stop the run."""

from __future__ import annotations

from deployments.deployment.specs import Rollout
from deployments.pricing.estimating import DEFAULT_HOURS_PER_DAY
from deployments.pricing.quoting import Quote, prices_today, quote, quote_destroy
from deployments.runs.models import Run
from deployments.runs.records import StageRecord
from deployments.runs.statuses import STAGES, Level, RunKind, RunStatus
from deployments.stages.context import Context
from deployments.stages.outcomes import GoOn, Outcome

ESTIMATE = "estimate"


def run_stage(context: Context) -> Outcome:
    told = quote_run(context.run)
    StageRecord.note(context.run.pk, RunStatus.COST, {ESTIMATE: told.as_json()})
    priced = told.estimate
    if priced.problem:
        context.log(told.sentence, level=Level.WARNING)
        return GoOn(RunStatus.POLICY, "the cost is unknown")
    context.log(told.sentence)
    return GoOn(RunStatus.POLICY, f"priced by {priced.table_name}, from {priced.valid_from}")


def quote_run(run: Run) -> Quote:
    """The quote for what the run will leave, at today's prices and the expected hours of use a day."""
    table, kind = prices_today(), RunKind(run.kind)
    if kind == RunKind.DESTROY:
        return quote_destroy(run.deployment, table=table)
    spec = run.parsed_spec()
    if RunStatus.ROLLOUT not in STAGES[kind]:
        spec = spec.model_copy(update={"rollout": Rollout()})
    hours = run.deployment.hours_used_per_day or DEFAULT_HOURS_PER_DAY
    return quote(spec, table=table, deployment=run.deployment, hours_used_per_day=hours)
