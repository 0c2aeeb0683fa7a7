"""The rules that Slipway comes with."""

from importlib import import_module

import pytest
from django.apps import apps

from deployments.models import ChangeKind, Policy, PolicyVersion
from deployments.policies.evaluating import deciding
from deployments.policies.rules import RULES
from tests.deployments.policies.holding import clear
from web.bodies import parse

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
shipped = import_module("deployments.migrations.0005_shipped_policies")


@pytest.fixture(autouse=True)
def _as_shipped():
    clear()
    shipped.ship(apps, None)


def levels(environment, risk="medium", kind=ChangeKind.CREATE):
    holding = deciding(Policy.objects.holding(environment, risk, kind))
    return {
        policy.rule: policy.level for policy in holding if policy.level != "off" and kind in RULES[policy.rule].kinds
    }


def test_every_rule_is_shipped_and_fits_its_parameters():
    assert set(Policy.objects.values_list("rule", flat=True)) == set(RULES)
    for policy in Policy.objects.all():
        parse(RULES[policy.rule].parameters, policy.parameters)


def test_each_has_a_first_version_and_shipping_twice_adds_nothing():
    before = Policy.objects.count()
    Policy.objects.filter(rule="budget").update(level="mandatory")
    shipped.ship(apps, None)
    assert (Policy.objects.count(), PolicyVersion.objects.count()) == (before, before)
    assert Policy.objects.get(rule="budget").level == "mandatory"


def test_dev_is_free_and_prod_is_watched():
    assert levels("dev") == {
        "scale_to_zero": "advisory",
        "required_tags": "advisory",
        "workload_size": "overridable",
        "owner_team": "mandatory",
        "budget": "advisory",
    }
    assert levels("prod") == {
        "inference_table": "advisory",
        "required_tags": "overridable",
        "workload_size": "overridable",
        "monitored": "overridable",
        "owner_team": "mandatory",
        "budget": "advisory",
    }
    assert levels("staging")["inference_table"] == "advisory"


@pytest.mark.parametrize(
    ("environment", "risk", "asked"),
    [
        ("prod", "low", False),
        ("prod", "high", True),
        ("prod", "critical", True),
        ("staging", "high", False),
        ("staging", "critical", True),
        ("dev", "critical", False),
    ],
)
def test_risk_asks_for_a_second_person(environment, risk, asked):
    assert ("second_person" in levels(environment, risk)) is asked
    assert ("second_person" in levels(environment, risk, ChangeKind.DELETE)) is asked


def test_an_endpoint_with_traffic_is_not_destroyed_in_prod():
    assert levels("prod", kind=ChangeKind.DELETE) == {"idle_before_destroy": "overridable"}
    assert levels("staging", kind=ChangeKind.DELETE) == {}
