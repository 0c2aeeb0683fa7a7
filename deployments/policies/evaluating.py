"""Evaluating the policies that apply to a planned run, and storing the results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from deployments.policies.facts import Facts, collect
from deployments.policies.models import Policy, PolicyLevel, PolicyResult, PolicyVersion
from deployments.policies.rules import RULES, Finding, Rule
from deployments.runs.models import Run
from web.bodies import parse
from web.errors import Invalid

Outcome = PolicyResult.Outcome
_STRICTNESS = (PolicyLevel.OFF, PolicyLevel.ADVISORY, PolicyLevel.OVERRIDABLE, PolicyLevel.MANDATORY)
_FAILED = {
    PolicyLevel.ADVISORY: Outcome.ADVISORY,
    PolicyLevel.OVERRIDABLE: Outcome.OVERRIDABLE,
    PolicyLevel.MANDATORY: Outcome.MANDATORY,
}


@dataclass(frozen=True)
class Verdict:
    """The result of one policy for a run."""

    policy: Policy
    rule: Rule
    outcome: PolicyResult.Outcome
    finding: Finding


def deciding(policies: Iterable[Policy]) -> list[Policy]:
    """The most specific policy of each rule, in the order in which rules are shown."""
    exact: dict[str, Policy] = {}
    for policy in sorted(policies, key=lambda policy: policy.exactness):
        exact[policy.rule] = policy
    return [exact[key] for key in RULES if key in exact]


def judge(policies: Iterable[Policy], facts: Facts) -> list[Verdict]:
    """The verdicts of the deciding policies that are not off and apply to this kind of change."""
    judged = []
    for policy in deciding(policies):
        rule = RULES[policy.rule]
        if policy.level != PolicyLevel.OFF and facts.kind in rule.kinds:
            judged.append(_verdict(policy, rule, facts))
    return judged


def _verdict(policy: Policy, rule: Rule, facts: Facts) -> Verdict:
    level = PolicyLevel(policy.level)
    try:
        finding = rule.check(facts, parse(rule.parameters, policy.parameters))
    except Invalid:
        # A newer rule may need other parameters than the stored ones. It fails until a platform admin sets them.
        finding = Finding(
            False, "The parameters of this policy no longer fit its rule.", "Have a platform admin edit it."
        )
    if finding.passed:
        return Verdict(policy, rule, Outcome.PASSED, finding)
    return Verdict(policy, rule, _FAILED[min(level, finding.at_most, key=_STRICTNESS.index)], finding)


def evaluate(run: Run) -> tuple[list[PolicyResult], list[PolicyResult]]:
    """Evaluate the run's plan and store the results. Returns all results, and those that are new or have changed."""
    facts, deployment = collect(run), run.deployment
    policies = Policy.objects.holding(deployment.environment.slug, deployment.model.risk, facts.kind)
    verdicts = judge(policies, facts)
    with transaction.atomic():
        before = {row.rule: row for row in PolicyResult.objects.filter(run=run, plan_sha256=run.plan.sha256)}
        gone = set(before) - {verdict.rule.key for verdict in verdicts}
        PolicyResult.objects.filter(pk__in=[before[key].pk for key in gone]).delete()
        versions = _versions([verdict.policy for verdict in verdicts])
        kept = [_keep(run, verdict, versions[verdict.policy.pk], before.get(verdict.rule.key)) for verdict in verdicts]
    return [result for result, _ in kept], [result for result, is_news in kept if is_news]


def _versions(policies: list[Policy]) -> dict[int, PolicyVersion]:
    """The current version of each policy, by the policy's primary key."""
    numbers = {policy.pk: policy.version for policy in policies}
    rows = PolicyVersion.objects.filter(policy__in=numbers)
    return {row.policy_id: row for row in rows if row.number == numbers[row.policy_id]}


def _keep(run: Run, verdict: Verdict, version: PolicyVersion, before: PolicyResult | None) -> tuple[PolicyResult, bool]:
    """Store a verdict, and whether it is new. An override stays valid for the same plan and policy version."""
    finding = verdict.finding
    values = {"outcome": verdict.outcome, "asks_approval": finding.asks_approval, "policy_version": version}
    if before and all(getattr(before, name) == value for name, value in values.items()):
        _refresh_words(before, finding)
        return before, False
    if before:
        before.delete()
    result = PolicyResult.objects.create(
        run=run,
        plan_sha256=run.plan.sha256,
        rule=verdict.rule.key,
        message=finding.message,
        fix=finding.fix,
        **values,
    )
    return result, True


def _refresh_words(result: PolicyResult, finding: Finding) -> None:
    """Update the message, because its figures may change while a run waits."""
    if result.overridden_at is None and (result.message, result.fix) != (finding.message, finding.fix):
        result.message, result.fix = finding.message, finding.fix
        result.save(update_fields=["message", "fix"])
