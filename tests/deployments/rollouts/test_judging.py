"""What is served during a rollout, and how a step is judged: no workspace, no database."""

import math

import pytest

from deployments.deployment.specs import Rollout, parse_spec
from deployments.rollouts.entities import Movement, entity_of, live_entity, movement, served_entity_name, serving
from deployments.rollouts.judging import Rule, View, error_rate, judge, numbers
from deployments.rollouts.shadow import differ, view_of, window_of
from deployments.rollouts.steps import next_percent, steps_of
from deployments.rollouts.verdicts import StepVerdict
from deployments.rollouts.windows import view_as_json, view_of_json
from integrations.metrics import Window

RUNNING, PASSED, BREACHED, INCONCLUSIVE = (
    StepVerdict.RUNNING,
    StepVerdict.PASSED,
    StepVerdict.BREACHED,
    StepVerdict.INCONCLUSIVE,
)


def spec_of(version="3", strategy="all_at_once", *, to_zero=True, size="Small", **rollout):
    return parse_spec(
        {
            "model": "staging.fraud.card_fraud",
            "version": version,
            "environment": "staging",
            "name": "card-fraud",
            "compute": {"scale_to_zero": to_zero, "workload_size": size},
            "rollout": {"strategy": strategy, **rollout},
        }
    )


def variables(*specs, **percents):
    """What serves ``specs``, with percents by version: v3=100."""
    routes = [
        {"served_entity_name": served_entity_name(spec), "traffic_percentage": percents.get(f"v{spec.version}", 0)}
        for spec in specs
    ]
    return {"served_entities": [entity_of(spec) for spec in specs], "routes": routes}


def shown(served):
    """{version: percent}, in order."""
    percents = {route["served_entity_name"]: route["traffic_percentage"] for route in served.routes}
    return {entity["entity_version"]: percents[entity["name"]] for entity in served.entities}


# -- what is served --------------------------------------------------------------------------------

ALWAYS_ON = spec_of("3", to_zero=False)
ONE = variables(spec_of("3"), v3=100)
AFTER = variables(spec_of("3"), spec_of("4"), v4=100)
AFTER_ALWAYS_ON = variables(ALWAYS_ON, spec_of("4"), v4=100)


@pytest.mark.parametrize(
    ("spec", "intended", "expected"),
    [
        # The first version has all traffic, whatever the strategy.
        (spec_of("3", "canary"), {}, {"3": 100}),
        (spec_of("4"), ONE, {"4": 100}),
        # A gradual rollout leaves the traffic to the version that has it.
        (spec_of("4", "canary"), ONE, {"3": 100, "4": 0}),
        (spec_of("4", "blue_green"), ONE, {"3": 100, "4": 0}),
        (spec_of("4", "shadow"), ONE, {"3": 100, "4": 0}),
        (spec_of("5", "canary"), AFTER, {"4": 100, "5": 0}),
        # The same version again, also in another size, has nobody to compare itself with.
        (spec_of("3", "canary"), ONE, {"3": 100}),
        (spec_of("3", "canary", size="Large"), ONE, {"3": 100}),
        # What scales to zero stays beside the same wish; what costs money goes.
        (spec_of("4"), AFTER, {"3": 0, "4": 100}),
        (spec_of("4"), AFTER_ALWAYS_ON, {"4": 100}),
        # Back to a version that is still served: no build, and the one that had the traffic stays.
        (spec_of("3"), AFTER, {"3": 100, "4": 0}),
        (spec_of("3", "canary"), AFTER, {"3": 0, "4": 100}),
        (spec_of("3", size="Large"), AFTER, {"3": 100}),
    ],
)
def test_what_is_served_during_and_after_an_update(spec, intended, expected):
    assert shown(serving(spec, intended)) == expected


def test_the_size_that_was_asked_for_replaces_the_old_one():
    served = serving(spec_of("4", size="Large"), AFTER)
    assert [entity["workload_size"] for entity in served.entities] == ["Small", "Large"]


def test_a_movement_is_what_the_plan_left_to_do():
    spec = spec_of("4", "canary")
    served = serving(spec, ONE)
    moving = movement(spec, {"served_entities": served.entities, "routes": served.routes})
    assert moving == Movement("card_fraud-3", "card_fraud-4")
    assert moving.at(25) == {"card_fraud-3": 75, "card_fraud-4": 25}
    assert movement(spec_of("3"), ONE) is None
    assert movement(spec_of("4"), {}) is None


def test_the_live_entity_is_the_one_with_the_traffic():
    live = live_entity(AFTER)
    assert live is not None
    assert live["entity_version"] == "4"
    assert live_entity({}) is None


@pytest.mark.parametrize(
    ("rollout", "steps"),
    [
        (Rollout(strategy="canary", steps=[5, 50, 100]), [5, 50, 100]),
        (Rollout(strategy="blue_green", steps=[5, 100]), [100]),
        (Rollout(strategy="shadow"), [0, 100]),
        (Rollout(), [100]),
    ],
)
def test_each_strategy_has_its_steps(rollout, steps):
    assert steps_of(rollout) == steps
    walked = [steps[0]]
    while (following := next_percent(rollout, walked[-1])) is not None:
        walked.append(following)
    assert walked == steps


# -- judging ---------------------------------------------------------------------------------------


def win(requests, bad=0, server=0, *, slow=0):
    """``slow`` of the requests took between 100 and 1000 ms, the others less than 100."""
    return Window(requests, bad, server, {100.0: requests - slow, 1000.0: requests, math.inf: requests})


GOOD_OLD = win(1000)
LIMITS = Rollout(strategy="canary", steps=[5, 100], max_error_rate=0.01, max_p99_ms=300, min_requests=200)


@pytest.mark.parametrize(
    ("new", "old", "is_over", "is_blind", "verdict", "rule"),
    [
        # Before the bake time is over a version is only ever found worse.
        (win(0), GOOD_OLD, False, False, RUNNING, Rule.NONE),
        (win(5000), GOOD_OLD, False, False, RUNNING, Rule.NONE),
        (win(0), GOOD_OLD, False, True, RUNNING, Rule.NONE),
        # It is over.
        (win(200), GOOD_OLD, True, False, PASSED, Rule.NONE),
        (win(200, 2), GOOD_OLD, True, False, PASSED, Rule.NONE),
        # Too few requests, or none that are known of, never pass.
        (win(0), GOOD_OLD, True, False, INCONCLUSIVE, Rule.MIN_REQUESTS),
        (win(199), GOOD_OLD, True, False, INCONCLUSIVE, Rule.MIN_REQUESTS),
        (win(5000), GOOD_OLD, True, True, INCONCLUSIVE, Rule.METRICS),
        # Errors: 4xx and 5xx count alike, and suffice alone as soon as no later request could mend them.
        (win(200, 3), GOOD_OLD, False, False, BREACHED, Rule.ERROR_RATE),
        (win(200, 0, 3), GOOD_OLD, True, False, BREACHED, Rule.ERROR_RATE),
        (win(200, 1, 2), GOOD_OLD, True, True, BREACHED, Rule.ERROR_RATE),
        (win(10, 2), GOOD_OLD, False, False, RUNNING, Rule.NONE),
        (win(10, 3), GOOD_OLD, False, False, BREACHED, Rule.ERROR_RATE),
        # The old version is no better: it is not the new version's fault.
        (win(200, 20), win(1000, 100), True, False, PASSED, Rule.NONE),
        (win(200, 21), win(1000, 100), True, False, BREACHED, Rule.ERROR_RATE),
        # Nothing to compare with, as at 100 %: the limit alone counts.
        (win(200, 3), win(0), True, False, BREACHED, Rule.ERROR_RATE),
        (win(200, 2), win(0), True, False, PASSED, Rule.NONE),
        # Latency needs enough requests.
        (win(200, slow=100), GOOD_OLD, False, False, BREACHED, Rule.P99),
        (win(199, slow=199), GOOD_OLD, False, False, RUNNING, Rule.NONE),
        (win(200, slow=2), GOOD_OLD, True, False, PASSED, Rule.NONE),
        (Window(200), GOOD_OLD, True, False, PASSED, Rule.NONE),
    ],
)
def test_a_step_is_judged(new, old, is_over, is_blind, verdict, rule):
    ruling = judge([View(old, new)], LIMITS, is_over=is_over, is_blind=is_blind)
    assert (ruling.verdict, ruling.rule) == (verdict, rule), ruling.text


def test_no_limit_of_latency_is_no_rule_about_it():
    limits = LIMITS.model_copy(update={"max_p99_ms": None})
    ruling = judge([View(GOOD_OLD, win(500, slow=500))], limits, is_over=True, is_blind=False)
    assert ruling.verdict == PASSED


def test_one_span_with_a_breach_is_enough():
    """An old, large sum does not drown what went wrong in the last minute."""
    sums, recent = View(GOOD_OLD, win(10_000, 10)), View(GOOD_OLD, win(300, 30))
    ruling = judge([sums, recent], LIMITS, is_over=False, is_blind=False)
    assert (ruling.verdict, ruling.view) == (BREACHED, recent)


def test_the_words_of_a_breach_have_the_numbers():
    ruling = judge([View(win(800, 4), win(400, 60, 20))], LIMITS, is_over=False, is_blind=False)
    assert ruling.text == (
        "error rate 20 % of 400 requests (60 4xx, 20 5xx) is above 1 % and worse than the 0.5 % of the previous version"
    )
    slow = judge([View(GOOD_OLD, win(400, slow=400))], LIMITS, is_over=False, is_blind=False)
    assert slow.text == "p99 991 ms of 400 requests is above 300 ms"


def test_numbers_are_those_of_both_versions():
    told = numbers(View(win(1000), win(100, 5, 5)))
    assert told["old"] == {"requests": 1000, "errors_4xx": 0, "errors_5xx": 0, "error_rate": 0.0, "p99_ms": 99.0}
    assert (told["new"]["error_rate"], told["new"]["errors_5xx"]) == (0.1, 5)
    assert numbers(View())["new"]["p99_ms"] is None
    assert error_rate(Window()) == 0


def test_sums_survive_the_database():
    view = View(win(10, 1), win(20, 0, 2, slow=3))
    assert view_of_json(view_as_json(view)) == view
    assert view_of_json({}) == View()
    assert (view + view).new.requests == 40


# -- shadow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2], [1, 2], False),
        ([0.1 + 0.2], [0.3], False),
        ([1.0], [1], False),
        ([1], [2], True),
        ([1], [1, 1], True),
        ({"a": [1.0]}, {"a": [1.0 + 1e-9]}, False),
        ({"a": 1}, {"b": 1}, True),
        (["low"], ["high"], True),
        ([True], [1], False),
        (None, 0, True),
    ],
)
def test_answers_differ_by_more_than_rounding(one, other, expected):
    assert differ(one, other) is expected


def test_an_answer_counts_as_a_request_of_its_latency():
    window = window_of(500, 42)
    assert (window.requests, window.errors_4xx, window.errors_5xx) == (1, 0, 1)
    assert 35 < (window.p99_ms or 0) <= 50
    assert window_of(404, 10**6).errors_4xx == 1
    assert window_of(200, 10**6).p99_ms == 60_000
    both = view_of((200, 10), (422, 10)) + view_of((200, 30), (200, 30))
    assert (both.old.requests, both.new.requests, both.new.errors) == (2, 2, 1)
