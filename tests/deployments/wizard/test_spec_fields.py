"""The wizard's forms follow the spec: their first values are its defaults, their choices its values."""

import pytest

from deployments.deployment.specs import Compute, Monitoring, Rollout
from deployments.wizard.spec_fields import choices_of, default_of, with_defaults
from deployments.wizard.steps import PROPOSED_STEPS, MonitoringStep, RolloutStep, TargetStep


def test_what_was_given_goes_before_the_default():
    assert with_defaults(Compute, {"workload_size": "Large", "other": 1}) == {
        **Compute().model_dump(),
        "workload_size": "Large",
    }


def test_a_default_that_is_made_anew_is_not_shared():
    assert default_of(Monitoring, "exclude") == []
    assert default_of(Monitoring, "exclude") is not default_of(Monitoring, "exclude")


def test_a_value_without_a_label_is_noticed():
    with pytest.raises(KeyError, match="Large"):
        choices_of(Compute, "workload_size", {"Small": "S", "Medium": "M"})


def test_a_new_draft_begins_with_the_defaults_of_the_spec():
    target, rollout, monitoring = (step.initial_of({}) for step in (TargetStep, RolloutStep, MonitoringStep))
    assert {name: target[name] for name in Compute.model_fields} == Compute().model_dump()
    assert monitoring == {**Monitoring().model_dump(), "inference_table": True}
    spec = Rollout()
    assert (rollout["strategy"], rollout["bake_minutes"], rollout["min_requests"], rollout["max_p99_ms"]) == (
        spec.strategy,
        spec.bake_minutes,
        spec.min_requests,
        spec.max_p99_ms,
    )
    assert float(rollout["max_error_percent"]) / 100 == spec.max_error_rate
    assert [int(step) for step in rollout["steps"].split(",")] == PROPOSED_STEPS
