"""The rules: pure functions that say of the facts of a run whether it meets them, and how it could.

A rule is written here; where it holds, how strictly and with which parameters is data (``models.policy``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, cast

from pydantic import Field

from deployments.policies.facts import Budgeted, Facts
from deployments.policies.models import ChangeKind, PolicyLevel
from web.bodies import Part, ShortText

SIZES = ("Small", "Medium", "Large")
SPEND_LESS = "Take a smaller size, let it scale to zero, or ask for a larger budget."
K = ChangeKind
# A rule about how the endpoint is to look has nothing to say when it goes away.
STAYING = frozenset(set(K) - {K.DELETE})


class NoParameters(Part):
    """The rule has none."""


class TagParameters(Part):
    tags: list[ShortText] = Field(min_length=1, max_length=16, title="Tags")


class SizeParameters(Part):
    max_size: Literal["Small", "Medium", "Large"] = Field(title="At most")
    allow_gpu: bool = Field(title="GPUs allowed:")


class IdleParameters(Part):
    hours: int = Field(ge=1, le=24 * 31, title="Hours:")


class BudgetParameters(Part):
    """Percents of the team's monthly budget."""

    warn_percent: int = Field(ge=1, le=1000, title="Warns at %:")
    approve_percent: int = Field(ge=1, le=1000, title="asks a second person at %:")


@dataclass(frozen=True)
class Finding:
    """What a rule says. ``at_most`` softens the level of the policy for this finding."""

    passed: bool
    message: str
    fix: str = ""
    at_most: PolicyLevel = PolicyLevel.MANDATORY
    asks_approval: bool = False


Check = Callable[[Facts, Any], Finding]


@dataclass(frozen=True)
class Rule:
    """``kinds``: the changes that the rule has something to say about."""

    key: str
    title: str
    text: str
    check: Check
    parameters: type[Part] = NoParameters
    kinds: frozenset[ChangeKind] = STAYING


def _inference_table(facts: Facts, _: NoParameters) -> Finding:
    if facts.spec.monitoring.inference_table:
        return Finding(True, "Requests and answers are kept in an inference table.")
    return Finding(
        False,
        f"No inference table: in {facts.environment} nobody could say what the model was asked.",
        "Switch the inference table on in the step Monitoring (monitoring.inference_table).",
    )


def _scale_to_zero(facts: Facts, _: NoParameters) -> Finding:
    if facts.spec.compute.scale_to_zero:
        return Finding(True, "It scales to zero when nobody asks.")
    return Finding(
        False,
        f"It never scales to zero, so in {facts.environment} it costs money day and night.",
        "Switch scale to zero on in the step Target (compute.scale_to_zero).",
    )


def _required_tags(facts: Facts, parameters: TagParameters) -> Finding:
    missing = [tag for tag in parameters.tags if not facts.tags.get(tag)]
    if not missing:
        return Finding(True, f"It has the tags {', '.join(parameters.tags)}.")
    return Finding(
        False,
        f"It lacks the tag{'s' if len(missing) > 1 else ''} {', '.join(missing)}: its cost belongs to nobody.",
        "Add the tags in the step Target (tags). A team's cost center becomes a tag of all its endpoints.",
    )


def _workload_size(facts: Facts, parameters: SizeParameters) -> Finding:
    compute = facts.spec.compute
    if compute.workload_type != "CPU" and not parameters.allow_gpu:
        return Finding(
            False,
            f"It asks for {compute.workload_type}; {facts.environment} serves on CPU only.",
            "Choose CPU in the step Target (compute.workload_type).",
        )
    if SIZES.index(compute.workload_size) > SIZES.index(parameters.max_size):
        return Finding(
            False,
            f"It asks for {compute.workload_size}; in {facts.environment} the largest is {parameters.max_size}.",
            f"Choose {parameters.max_size} or less in the step Target (compute.workload_size).",
        )
    return Finding(True, f"{compute.workload_size} on {compute.workload_type} is within the limit.")


def _monitored(facts: Facts, _: NoParameters) -> Finding:
    monitoring = facts.spec.monitoring
    if monitoring.inference_table and monitoring.drift_metric:
        return Finding(True, f"Drift is watched by {monitoring.drift_metric}, from {monitoring.drift_threshold:g} on.")
    return Finding(
        False,
        f"Nobody would see drift in {facts.environment}: that takes a drift metric and an inference table.",
        "Choose both in the step Monitoring (monitoring.drift_metric, monitoring.inference_table).",
    )


def _idle_before_destroy(facts: Facts, parameters: IdleParameters) -> Finding:
    """Traffic that nobody can rule out counts as traffic."""
    traffic = facts.traffic(parameters.hours)
    if traffic.requests:
        return Finding(
            False,
            f"The endpoint was asked at least {traffic.requests} times in the last {traffic.hours} h.",
            f"Move its callers away and wait {traffic.hours} h.",
        )
    if traffic.is_complete:
        return Finding(True, "The endpoint has never served.")
    return Finding(
        False,
        f"How often the endpoint was asked in the last {traffic.hours} h is not known: it may have callers.",
        "Make sure that nobody calls it; then somebody who may override says so.",
    )


def _owner_team(facts: Facts, _: NoParameters) -> Finding:
    if facts.owner_team:
        return Finding(True, f"The model belongs to {facts.owner_team}.")
    return Finding(
        False,
        "The model belongs to no team: nobody would look after it.",
        "Create a team with the name of the model's schema.",
    )


def _second_person(facts: Facts, _: NoParameters) -> Finding:
    return Finding(True, "A second person has to approve this change here.", asks_approval=True)


def _budget(facts: Facts, parameters: BudgetParameters) -> Finding:
    """Of several budgets the one that is least kept."""
    found = [_of_budget(facts, budgeted, parameters) for budgeted in facts.budgets]
    if not found:
        return Finding(True, "The team has no budget, so there is none to go over.")
    return min(found, key=lambda finding: (finding.passed, not finding.asks_approval))


def _of_budget(facts: Facts, budgeted: Budgeted, parameters: BudgetParameters) -> Finding:
    limit, estimate = budgeted.limit, facts.estimate
    spent = budgeted.spent or Decimal(0)
    team = f"the team in {budgeted.place}" if budgeted.place else "the team"
    if spent * 100 >= limit.amount * parameters.approve_percent and spent > 0:
        return Finding(
            False, f"This month {team} has spent {spent:,.2f} of {limit} already.", SPEND_LESS, asks_approval=True
        )
    if estimate is None or estimate.currency != limit.currency:
        return Finding(
            False,
            f"What it costs is not known in {limit.currency}, so nobody can say if the budget of {limit} is kept.",
            "Have a platform admin complete the price table.",
            at_most=PolicyLevel.ADVISORY,
        )
    total = budgeted.committed + estimate.amount
    share = _share(total, budgeted)
    if total * 100 > limit.amount * parameters.approve_percent:
        return Finding(
            False, f"With it {team} is over its budget for a month: {share}.", SPEND_LESS, asks_approval=True
        )
    if max(total, spent) * 100 > limit.amount * parameters.warn_percent:
        text = f"With it {team} nears its budget for a month: {share}."
        return Finding(False, text, "See what could be smaller or scale to zero.", at_most=PolicyLevel.ADVISORY)
    return Finding(True, f"Within the budget of {team} for a month: {share}.")


def _share(total: Decimal, budgeted: Budgeted) -> str:
    parts = [f"{total:,.2f} of {budgeted.limit} at most, as estimated"]
    if budgeted.spent is not None:
        parts.append(f"{budgeted.spent:,.2f} were billed this month")
    if budgeted.uncounted:
        parts.append(f"{budgeted.uncounted} endpoints without an estimate are not in it")
    return "; ".join(parts)


_ALL = (
    Rule("inference_table", "Inference table", "What the model is asked and answers is kept.", _inference_table),
    Rule("scale_to_zero", "Scale to zero", "An endpoint that nobody asks costs nothing.", _scale_to_zero),
    Rule("required_tags", "Tags", "Tags that every endpoint has.", _required_tags, TagParameters),
    Rule(
        "workload_size",
        "Size limit",
        "The largest workload size, and whether GPUs are allowed.",
        _workload_size,
        SizeParameters,
    ),
    Rule("monitored", "Monitored", "A drift metric is chosen, and the table that it reads is on.", _monitored),
    Rule(
        "idle_before_destroy",
        "Idle before destroy",
        "An endpoint that was asked lately is not destroyed.",
        _idle_before_destroy,
        IdleParameters,
        frozenset({K.DELETE}),
    ),
    Rule("owner_team", "Owner", "The model belongs to a team.", _owner_team, kinds=STAYING),
    Rule(
        "second_person",
        "Second person",
        "Somebody else approves the plan, also where the environment does not ask for it.",
        _second_person,
        kinds=frozenset(K),
    ),
    Rule("budget", "Budget", "The team's endpoints cost no more than its budget.", _budget, BudgetParameters),
)
RULES: Mapping[str, Rule] = {rule.key: rule for rule in _ALL}


def default_parameters(rule: Rule) -> dict[str, Any]:
    """An example of what the rule takes, for an empty form."""
    return cast("dict[str, Any]", _EXAMPLES.get(rule.key, {}))


_EXAMPLES: Mapping[str, Any] = {
    "required_tags": {"tags": ["team", "cost_center"]},
    "workload_size": {"max_size": "Small", "allow_gpu": False},
    "idle_before_destroy": {"hours": 24},
    "budget": {"warn_percent": 80, "approve_percent": 100},
}
