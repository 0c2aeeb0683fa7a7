"""Each rule over facts: what it lets pass, what it says, how it can be mended."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from deployments.deployment.specs import parse_spec
from deployments.models import ChangeKind, Policy, PolicyLevel
from deployments.policies.evaluating import Outcome, deciding, judge
from deployments.policies.facts import Budgeted, Facts, Money
from deployments.policies.rules import RULES, default_parameters
from web.bodies import parse

SPEC = {
    "model": "prod.fraud.card_fraud",
    "version": "3",
    "environment": "prod",
    "name": "card-fraud",
    "monitoring": {"inference_table": True},
}


def facts(**values):
    spec = parse_spec({**SPEC, **values.pop("spec", {})})
    given: dict[str, Any] = {"environment": "Production", "kind": ChangeKind.CREATE, "owner_team": "Fraud", "tags": {}}
    if "budget" in values:
        more = {name: values.pop(name) for name in ("place", "committed", "uncounted", "spent") if name in values}
        given["budgets"] = (Budgeted(values.pop("budget"), **more),)
    return Facts(spec=spec, **{**given, **values})


def find(rule, told, **parameters):
    found = RULES[rule]
    return found.check(told, parse(found.parameters, {**default_parameters(found), **parameters}))


def usd(amount):
    return Money(Decimal(amount), "USD")


@pytest.mark.parametrize("rule", ["inference_table", "monitored"])
def test_an_inference_table_has_to_be_on(rule):
    assert find(rule, facts()).passed
    failed = find(rule, facts(spec={"monitoring": {"inference_table": False}}))
    assert not failed.passed
    assert "Production" in failed.message
    assert "monitoring.inference_table" in failed.fix


def test_an_endpoint_that_costs_money_while_nobody_asks_is_told():
    assert find("scale_to_zero", facts()).passed
    failed = find("scale_to_zero", facts(spec={"compute": {"scale_to_zero": False}}))
    assert not failed.passed
    assert "compute.scale_to_zero" in failed.fix


@pytest.mark.parametrize(
    ("tags", "missing"),
    [
        ({"team": "fraud", "cost_center": "1"}, []),
        ({"team": "fraud"}, ["cost_center"]),
        ({"team": "fraud", "cost_center": ""}, ["cost_center"]),
        ({}, ["team", "cost_center"]),
    ],
)
def test_tags_that_are_missing_are_named(tags, missing):
    finding = find("required_tags", facts(tags=tags))
    assert finding.passed is (not missing)
    assert all(tag in finding.message for tag in missing)


@pytest.mark.parametrize(
    ("compute", "passes"),
    [
        ({"workload_size": "Small"}, True),
        ({"workload_size": "Medium"}, True),
        ({"workload_size": "Large"}, False),
        ({"workload_type": "GPU_SMALL"}, False),
    ],
)
def test_a_size_has_a_limit(compute, passes):
    finding = find("workload_size", facts(spec={"compute": compute}), max_size="Medium", allow_gpu=False)
    assert finding.passed is passes
    assert passes or finding.fix


def test_gpus_can_be_allowed():
    told = facts(spec={"compute": {"workload_type": "GPU_SMALL"}})
    assert find("workload_size", told, max_size="Small", allow_gpu=True).passed


# -- destroying ------------------------------------------------------------------------------------


def test_an_endpoint_that_was_asked_lately_is_not_destroyed():
    finding = find("idle_before_destroy", facts(requests_at=(0.5, 23.9, 30.0)))
    assert not finding.passed
    assert "at least 2 requests in the last 24 h" in finding.message
    assert "at least 3 requests" in find("idle_before_destroy", facts(requests_at=(0.5, 23.9, 30.0)), hours=48).message


def test_traffic_that_nobody_can_rule_out_counts_as_traffic():
    finding = find("idle_before_destroy", facts(requests_at=(30.0,)))
    assert not finding.passed
    assert "unknown" in finding.message


def test_an_endpoint_that_never_was_may_go():
    assert find("idle_before_destroy", facts(was_live=False)).passed


# -- owner, second person, budget ------------------------------------------------------------------


def test_a_model_needs_a_team():
    assert find("owner_team", facts()).passed
    assert not find("owner_team", facts(owner_team="")).passed


def test_a_second_person_is_asked_for_and_nothing_fails():
    finding = find("second_person", facts())
    assert (finding.passed, finding.asks_approval) == (True, True)


@pytest.mark.parametrize(
    ("estimate", "committed", "passed", "asks"),
    [
        (80, 0, True, False),
        ("80.01", 0, False, False),
        (100, 0, False, False),
        ("100.01", 0, False, True),
        (30, 71, False, True),
        (10, 40, True, False),
    ],
)
def test_a_budget_warns_at_80_percent_and_asks_a_second_person_over_100(estimate, committed, passed, asks):
    told = facts(budget=usd(100), estimate=usd(estimate), committed=Decimal(committed))
    finding = find("budget", told)
    assert (finding.passed, finding.asks_approval) == (passed, asks)
    assert "100.00 USD" in finding.message


def test_what_is_not_priced_is_not_within_the_budget_and_is_no_reason_to_stop():
    for estimate in (None, Money(Decimal(1), "EUR")):
        finding = find("budget", facts(budget=usd(100), estimate=estimate))
        assert not finding.passed
        assert finding.at_most == PolicyLevel.ADVISORY
        assert "cost in USD is unknown" in finding.message


def test_endpoints_without_an_estimate_are_told():
    finding = find("budget", facts(budget=usd(100), estimate=usd(1), uncounted=2))
    assert finding.passed
    assert "2 endpoints without an estimate" in finding.message


@pytest.mark.parametrize(
    ("spent", "passed", "asks"),
    [("80", True, False), ("80.01", False, False), ("100", False, True), ("99", False, False)],
)
def test_what_was_billed_this_month_counts_beside_the_estimate(spent, passed, asks):
    finding = find("budget", facts(budget=usd(100), estimate=usd(1), spent=Decimal(spent), place="Production"))
    assert (finding.passed, finding.asks_approval) == (passed, asks)
    assert "team in Production" in finding.message
    assert f"{spent}" in finding.message


def test_a_budget_that_is_spent_asks_a_second_person_even_where_nobody_knows_the_price():
    finding = find("budget", facts(budget=usd(100), estimate=None, spent=Decimal(120)))
    assert finding.asks_approval
    assert "already spent 120.00 of 100.00 USD" in finding.message


def test_of_two_budgets_the_one_that_is_least_kept_speaks():
    tight, wide = Budgeted(usd(10), "Production"), Budgeted(usd(1000))
    for budgets in ((tight, wide), (wide, tight)):
        finding = find("budget", facts(budgets=budgets, estimate=usd(50)))
        assert (finding.passed, finding.asks_approval) == (False, True)
        assert "team in Production exceeds" in finding.message


def test_a_team_without_a_budget_goes_over_none():
    assert find("budget", facts(estimate=usd(10**9))).passed


# -- which policy decides, and how strictly --------------------------------------------------------


def policy(rule="inference_table", level="mandatory", **place):
    found = RULES.get(rule)
    parameters = place.pop("parameters", default_parameters(found) if found else {})
    return Policy(rule=rule, level=level, parameters=parameters, **place)


def test_the_policy_that_names_its_place_most_exactly_decides():
    everywhere = policy(level="advisory")
    risky = policy(level="overridable", risk="high")
    changing = policy(level="overridable", change="create")
    there = policy(level="mandatory", environment="prod")
    exact = policy(level="off", environment="prod", risk="high", change="create")
    for given, expected in (
        ([everywhere], everywhere),
        ([everywhere, changing], changing),
        ([changing, risky, everywhere], risky),
        ([there, everywhere, risky], there),
        ([exact, there, everywhere], exact),
    ):
        assert deciding(given) == [expected]
        assert deciding(reversed(given)) == [expected]


@pytest.mark.parametrize(
    ("level", "outcome"),
    [("advisory", Outcome.ADVISORY), ("overridable", Outcome.OVERRIDABLE), ("mandatory", Outcome.MANDATORY)],
)
def test_the_level_says_what_a_failure_means(level, outcome):
    wrong = facts(spec={"monitoring": {"inference_table": False}})
    (verdict,) = judge([policy(level=level)], wrong)
    assert verdict.outcome == outcome
    (verdict,) = judge([policy(level=level)], facts())
    assert verdict.outcome == Outcome.PASSED


def test_a_rule_that_is_off_says_nothing():
    assert judge([policy(level="off")], facts()) == []


def test_a_finding_can_be_milder_than_its_policy_but_not_stricter():
    told = facts(budget=usd(100), estimate=usd(90))
    assert judge([policy("budget", "mandatory")], told)[0].outcome == Outcome.ADVISORY
    over = replace(told, estimate=usd(200))
    assert judge([policy("budget", "mandatory")], over)[0].outcome == Outcome.MANDATORY
    assert judge([policy("budget", "advisory")], over)[0].outcome == Outcome.ADVISORY


@pytest.mark.parametrize("rule", [key for key in RULES if key not in ("idle_before_destroy", "second_person")])
def test_rules_about_an_endpoint_have_nothing_to_say_when_it_goes(rule):
    assert judge([policy(rule)], facts(kind=ChangeKind.DELETE)) == []


def test_rules_about_going_have_nothing_to_say_while_it_stays():
    assert judge([policy("idle_before_destroy")], facts()) == []
    assert judge([policy("idle_before_destroy")], facts(kind=ChangeKind.DELETE))[0].outcome == Outcome.MANDATORY


def test_parameters_that_no_longer_fit_are_not_met():
    (verdict,) = judge([policy("workload_size", parameters={"largest": 3})], facts())
    assert verdict.outcome == Outcome.MANDATORY
    assert "no longer fit" in verdict.finding.message


def test_a_rule_that_is_no_more_is_left_out():
    assert judge([policy("of_an_older_slipway")], facts()) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_has_words_and_parameters_that_fit_it(rule):
    assert rule.title
    assert rule.text.endswith(".")
    parse(rule.parameters, default_parameters(rule))
