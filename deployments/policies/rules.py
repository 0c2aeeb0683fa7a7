"""The rules: pure functions that check the facts of a run and suggest how to fix a failure.

Where a rule applies, how strictly, and with which parameters is data (``models.Policy``).
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
SPEND_LESS = "Choose a smaller size, enable scale to zero, or request a larger budget."
K = ChangeKind
# Rules about the endpoint's configuration do not apply when it is deleted.
STAYING = frozenset(set(K) - {K.DELETE})


class NoParameters(Part):
    """For rules without parameters."""


class TagParameters(Part):
    tags: list[ShortText] = Field(min_length=1, max_length=16, title="Tags")


class SizeParameters(Part):
    max_size: Literal["Small", "Medium", "Large"] = Field(title="At most")
    allow_gpu: bool = Field(title="GPUs allowed:")


class IdleParameters(Part):
    hours: int = Field(ge=1, le=24 * 31, title="Hours:")


class BudgetParameters(Part):
    """Percentages of the team's monthly budget."""

    warn_percent: int = Field(ge=1, le=1000, title="Warns at %:")
    approve_percent: int = Field(ge=1, le=1000, title="requires approval at %:")


@dataclass(frozen=True)
class Finding:
    """The result of a rule."""

    passed: bool
    message: str
    fix: str = ""
    #: Upper bound of the policy's level for this finding.
    at_most: PolicyLevel = PolicyLevel.MANDATORY
    asks_approval: bool = False


Check = Callable[[Facts, Any], Finding]


@dataclass(frozen=True)
class Rule:
    """A rule. ``kinds`` are the kinds of change that it applies to."""

    key: str
    title: str
    text: str
    check: Check
    parameters: type[Part] = NoParameters
    kinds: frozenset[ChangeKind] = STAYING


def _inference_table(facts: Facts, _: NoParameters) -> Finding:
    if facts.spec.monitoring.inference_table:
        return Finding(True, "Requests and responses are stored in an inference table.")
    return Finding(
        False,
        f"No inference table: in {facts.environment}, requests to the model would not be recorded.",
        "Enable the inference table in the step Monitoring (monitoring.inference_table).",
    )


def _scale_to_zero(facts: Facts, _: NoParameters) -> Finding:
    if facts.spec.compute.scale_to_zero:
        return Finding(True, "It scales to zero when idle.")
    return Finding(
        False,
        f"It never scales to zero, so in {facts.environment} it incurs cost around the clock.",
        "Enable scale to zero in the step Target (compute.scale_to_zero).",
    )


def _required_tags(facts: Facts, parameters: TagParameters) -> Finding:
    missing = [tag for tag in parameters.tags if not facts.tags.get(tag)]
    if not missing:
        return Finding(True, f"It has the tags {', '.join(parameters.tags)}.")
    return Finding(
        False,
        f"It lacks the tag{'s' if len(missing) > 1 else ''} {', '.join(missing)}, so its cost cannot be assigned.",
        "Add the tags in the step Target (tags). A team's cost center becomes a tag of all its endpoints.",
    )


def _workload_size(facts: Facts, parameters: SizeParameters) -> Finding:
    compute = facts.spec.compute
    if compute.workload_type != "CPU" and not parameters.allow_gpu:
        return Finding(
            False,
            f"It requests {compute.workload_type}, but {facts.environment} allows only CPU.",
            "Choose CPU in the step Target (compute.workload_type).",
        )
    if SIZES.index(compute.workload_size) > SIZES.index(parameters.max_size):
        return Finding(
            False,
            f"It requests {compute.workload_size}, but {facts.environment} allows at most {parameters.max_size}.",
            f"Choose {parameters.max_size} or less in the step Target (compute.workload_size).",
        )
    return Finding(True, f"{compute.workload_size} on {compute.workload_type} is within the limit.")


def _monitored(facts: Facts, _: NoParameters) -> Finding:
    monitoring = facts.spec.monitoring
    if monitoring.inference_table and monitoring.drift_metric:
        return Finding(
            True, f"Drift is monitored with {monitoring.drift_metric}, threshold {monitoring.drift_threshold:g}."
        )
    return Finding(
        False,
        f"Drift cannot be monitored in {facts.environment} without a drift metric and an inference table.",
        "Choose both in the step Monitoring (monitoring.drift_metric, monitoring.inference_table).",
    )


def _idle_before_destroy(facts: Facts, parameters: IdleParameters) -> Finding:
    """Fails unless the endpoint is known to have had no traffic."""
    traffic = facts.traffic(parameters.hours)
    if traffic.requests:
        return Finding(
            False,
            f"The endpoint received at least {traffic.requests} requests in the last {traffic.hours} h.",
            f"Move its callers away and wait {traffic.hours} h.",
        )
    if traffic.is_complete:
        return Finding(True, "The endpoint has never served.")
    return Finding(
        False,
        f"The traffic of the endpoint in the last {traffic.hours} h is unknown. It may have callers.",
        "Make sure that it has no callers, then request an override.",
    )


def _owner_team(facts: Facts, _: NoParameters) -> Finding:
    if facts.owner_team:
        return Finding(True, f"The model belongs to {facts.owner_team}.")
    return Finding(
        False,
        "The model does not belong to a team.",
        "Create a team with the name of the model's schema.",
    )


def _second_person(facts: Facts, _: NoParameters) -> Finding:
    return Finding(True, "A second person has to approve this change here.", asks_approval=True)


def _budget(facts: Facts, parameters: BudgetParameters) -> Finding:
    """The worst finding of all budgets."""
    found = [_of_budget(facts, budgeted, parameters) for budgeted in facts.budgets]
    if not found:
        return Finding(True, "The team has no budget.")
    return min(found, key=lambda finding: (finding.passed, not finding.asks_approval))


def _of_budget(facts: Facts, budgeted: Budgeted, parameters: BudgetParameters) -> Finding:
    limit, estimate = budgeted.limit, facts.estimate
    spent = budgeted.spent or Decimal(0)
    team = f"the team in {budgeted.place}" if budgeted.place else "the team"
    if spent * 100 >= limit.amount * parameters.approve_percent and spent > 0:
        return Finding(
            False, f"This month, {team} has already spent {spent:,.2f} of {limit}.", SPEND_LESS, asks_approval=True
        )
    if estimate is None or estimate.currency != limit.currency:
        return Finding(
            False,
            f"The cost in {limit.currency} is unknown, so the budget of {limit} cannot be checked.",
            "Have a platform admin complete the price table.",
            at_most=PolicyLevel.ADVISORY,
        )
    total = budgeted.committed + estimate.amount
    share = _share(total, budgeted)
    if total * 100 > limit.amount * parameters.approve_percent:
        return Finding(
            False, f"With this change, {team} exceeds its monthly budget: {share}.", SPEND_LESS, asks_approval=True
        )
    if max(total, spent) * 100 > limit.amount * parameters.warn_percent:
        text = f"With this change, {team} is close to its monthly budget: {share}."
        return Finding(
            False, text, "Look for endpoints that can be smaller or scale to zero.", at_most=PolicyLevel.ADVISORY
        )
    return Finding(True, f"Within the monthly budget of {team}: {share}.")


def _share(total: Decimal, budgeted: Budgeted) -> str:
    parts = [f"estimated at most {total:,.2f} of {budgeted.limit}"]
    if budgeted.spent is not None:
        parts.append(f"{budgeted.spent:,.2f} billed this month")
    if budgeted.uncounted:
        parts.append(f"{budgeted.uncounted} endpoints without an estimate not included")
    return "; ".join(parts)


_ALL = (
    Rule("inference_table", "Inference table", "Requests and responses of the model are stored.", _inference_table),
    Rule("scale_to_zero", "Scale to zero", "An idle endpoint costs nothing.", _scale_to_zero),
    Rule("required_tags", "Tags", "Every endpoint has these tags.", _required_tags, TagParameters),
    Rule(
        "workload_size",
        "Size limit",
        "The largest workload size, and whether GPUs are allowed.",
        _workload_size,
        SizeParameters,
    ),
    Rule("monitored", "Monitored", "A drift metric is set, and the inference table is on.", _monitored),
    Rule(
        "idle_before_destroy",
        "Idle before destroy",
        "An endpoint with recent traffic is not destroyed.",
        _idle_before_destroy,
        IdleParameters,
        frozenset({K.DELETE}),
    ),
    Rule("owner_team", "Owner", "The model belongs to a team.", _owner_team, kinds=STAYING),
    Rule(
        "second_person",
        "Second person",
        "A second person approves the plan, even if the environment does not need approval.",
        _second_person,
        kinds=frozenset(K),
    ),
    Rule("budget", "Budget", "The team's endpoints do not exceed its budget.", _budget, BudgetParameters),
)
RULES: Mapping[str, Rule] = {rule.key: rule for rule in _ALL}


def default_parameters(rule: Rule) -> dict[str, Any]:
    """Example parameters of the rule, for an empty form."""
    return cast("dict[str, Any]", _EXAMPLES.get(rule.key, {}))


_EXAMPLES: Mapping[str, Any] = {
    "required_tags": {"tags": ["team", "cost_center"]},
    "workload_size": {"max_size": "Small", "allow_gpu": False},
    "idle_before_destroy": {"hours": 24},
    "budget": {"warn_percent": 80, "approve_percent": 100},
}
