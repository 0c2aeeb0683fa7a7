"""Policies, their results for a run, and the dialogs of decisions, as pages show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accounts.models import Team, User
from catalog.models import Risk
from deployments.policies.approvals import deciders, may_break_glass, may_override
from deployments.policies.models import ChangeKind, Policy, PolicyLevel, PolicyResult
from deployments.policies.questions import break_glass_question, override_question
from deployments.policies.rules import RULES, Rule
from deployments.runs.models import Run
from deployments.runs.records import StageRecord

Outcome = PolicyResult.Outcome
OUTCOME_TONES = {Outcome.PASSED: "ok", Outcome.ADVISORY: "warn", Outcome.OVERRIDABLE: "bad", Outcome.MANDATORY: "bad"}
# A level is not a status: the icon shows its strictness, and the tone stays neutral.
LEVEL_BADGES = {
    PolicyLevel.OFF: ("idle", "circle-dashed"),
    PolicyLevel.ADVISORY: ("info", "info-circle"),
    PolicyLevel.OVERRIDABLE: ("info", "lock-open"),
    PolicyLevel.MANDATORY: ("info", "lock"),
}


@dataclass(frozen=True)
class LevelBadge:
    tone: str
    label: str
    icon: str

    @classmethod
    def of(cls, level: str) -> LevelBadge:
        found = PolicyLevel(level)
        tone, icon = LEVEL_BADGES[found]
        return cls(tone, found.label, icon)


@dataclass(frozen=True)
class PolicyRow:
    policy: Policy
    environment: str
    risk: str
    change: str
    level: LevelBadge
    parameters: str


@dataclass(frozen=True)
class RuleGroup:
    """A rule with its policies, the most general first."""

    rule: Rule
    rows: list[PolicyRow]


def rule_groups(policies: Iterable[Policy]) -> list[RuleGroup]:
    """Every rule with its policies, including rules without one. Policies of removed rules are left out."""
    rows = [policy_row(policy) for policy in sorted(policies, key=lambda policy: policy.exactness)]
    return [RuleGroup(rule, [row for row in rows if row.policy.rule == rule.key]) for rule in RULES.values()]


def policy_row(policy: Policy) -> PolicyRow:
    return PolicyRow(
        policy,
        policy.environment or "All",
        Risk(policy.risk).label if policy.risk else "All",
        ChangeKind(policy.change).label if policy.change else "All",
        LevelBadge.of(policy.level),
        parameter_words(policy.rule, policy.parameters),
    )


def parameter_words(rule: str, parameters: dict[str, Any]) -> str:
    """The parameters as text, for example "At most Small, GPUs allowed: no"."""
    fields = RULES[rule].parameters.model_fields if rule in RULES else {}
    titles = {name: fields[name].title or name for name in parameters if name in fields}
    return ", ".join(f"{titles.get(name, name)} {_word(value)}" for name, value in parameters.items())


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " and ".join(str(item) for item in value) if isinstance(value, list) else str(value)


# -- results for a run ------------------------------------------------------------------------------


@dataclass(frozen=True)
class ResultRow:
    """``question`` is the override dialog; None if the user cannot override the result now."""

    result: PolicyResult
    title: str
    level: LevelBadge
    tone: str
    outcome: str
    question: dict[str, Any] | None


def policy_panel(run: Run, record: StageRecord | None, user: User) -> dict[str, Any]:
    """The results for the run's newest plan. Two queries, three if a result is blocking."""
    plan = getattr(run, "plan", None)
    found = PolicyResult.objects.filter(run=run, plan_sha256=plan.sha256) if plan else PolicyResult.objects.none()
    results = list(found.select_related("policy_version", "overridden_by"))
    for result in results:
        result.run = run
    refusals = [may_override(result, user) for result in results if result.is_blocking]
    return {
        "results": [_result_row(run, result, not any(refusals)) for result in results],
        "override_refusal": next((refusal for refusal in refusals if refusal), ""),
    }


def _result_row(run: Run, result: PolicyResult, may_override_it: bool) -> ResultRow:
    outcome = Outcome(result.outcome)
    title = RULES[result.rule].title if result.rule in RULES else result.rule
    level = LevelBadge.of(result.policy_version.level)
    question = override_question(run, result, title) if may_override_it and result.is_blocking else None
    if result.overridden_by:
        return ResultRow(result, title, level, "warn", "Overridden", None)
    return ResultRow(result, title, level, OUTCOME_TONES[outcome], outcome.label, question)


def glass_panel(run: Run, record: StageRecord | None, user: User) -> dict[str, Any]:
    """The break-glass dialog, if the user may break the glass and the run waits."""
    return {"break_glass": break_glass_question(run) if may_break_glass(run, user) == "" else None}


# -- who decides ----------------------------------------------------------------------------------


def approvers(team: Team | None, but: User) -> list[str]:
    """Names of people who may decide on a run that ``but`` requests. Platform admins come last."""
    return [person.display_name for person in deciders(team).exclude(pk=but.pk)]
