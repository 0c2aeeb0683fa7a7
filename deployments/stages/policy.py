"""Policy: evaluates the policies that apply to the change, and whether it needs approval."""

from __future__ import annotations

from collections import Counter

from deployments.policies.approvals import approval_reasons, is_short_way_back, standing_approval
from deployments.policies.evaluating import Outcome, evaluate
from deployments.policies.rules import RULES
from deployments.runs.records import StageRecord
from deployments.runs.statuses import Level, RunStatus
from deployments.stages.context import Context
from deployments.stages.outcomes import End, GoOn, Wait
from deployments.stages.outcomes import Outcome as StageOutcome

# An override sends the run to a worker at once. This interval detects edited policies.
LOOK_AGAIN_S = 120
LEVELS = {
    Outcome.PASSED: Level.INFO,
    Outcome.ADVISORY: Level.WARNING,
    Outcome.OVERRIDABLE: Level.WARNING,
    Outcome.MANDATORY: Level.ERROR,
}


def run_stage(context: Context) -> StageOutcome:
    results, news = evaluate(context.run)
    for result in news:
        outcome, title = Outcome(result.outcome), RULES[result.rule].title
        text = f"policy {title}: {outcome.label}. {result.message} {result.fix}"
        context.log(text.strip(), level=LEVELS[outcome])
    counts = Counter(sorted(result.outcome for result in results))
    StageRecord.note(context.run.pk, RunStatus.POLICY, {"policies": dict(counts)})
    if failed := [result for result in results if result.outcome == Outcome.MANDATORY]:
        told = [f"{RULES[result.rule].title}: {result.message} {result.fix}".strip() for result in failed]
        return End(RunStatus.FAILED, f"mandatory policies are not met: {' '.join(told)}")
    if held := [result for result in results if result.is_blocking]:
        titles = ", ".join(RULES[result.rule].title for result in held)
        return Wait(LOOK_AGAIN_S, f"waiting for an override of {titles}")
    return _to_approval_or_apply(context)


def _to_approval_or_apply(context: Context) -> StageOutcome:
    run = context.run
    reasons, standing = approval_reasons(run), standing_approval(run)
    if reasons and not standing:
        return GoOn(RunStatus.APPROVAL, f"a second person has to approve the plan: {', '.join(reasons)}")
    text = f"{run.deployment.environment} needs no approval"
    if reasons and standing:
        text = f"{standing.decided_by.display_name} has already approved this plan"
    elif is_short_way_back(run):
        text = "only traffic moves, back to a version that is still served: no approval needed"
    StageRecord.skip(run.pk, RunStatus.APPROVAL, text)
    return GoOn(RunStatus.APPLY, text)
