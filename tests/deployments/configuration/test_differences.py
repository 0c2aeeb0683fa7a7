"""What counts as a change by hand, and what is only the server's way of saying the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from deployments.configuration.differences import FieldDifference, differences
from deployments.configuration.live_spec import spec_of
from deployments.configuration.reading import variables_of
from tests.deployments.configuration.endpoints import INTENDED, live
from web.errors import Invalid

SECOND = {
    "name": "card_fraud-4",
    "entity_name": "staging.fraud.card_fraud",
    "entity_version": "4",
    "workload_size": "Small",
    "scale_to_zero_enabled": True,
}


def intended(**changes: Any) -> Mapping[str, Any]:
    entity = {**INTENDED["served_entities"][0], **changes.pop("entity", {})}
    return {**INTENDED, "served_entities": [entity], **changes}


def told(found: list[FieldDifference]) -> list[tuple[str, str, str]]:
    return [(row.field, row.intended, row.live) for row in found]


def test_an_endpoint_that_is_as_asked_for_differs_in_nothing() -> None:
    assert differences(INTENDED, live()) == []


def test_a_traffic_config_that_the_server_filled_in_is_no_difference() -> None:
    assert differences(intended(routes=[]), live()) == []


def test_a_traffic_config_that_the_server_leaves_out_is_no_difference() -> None:
    assert differences(INTENDED, live(config={"traffic_config": None})) == []


def test_a_default_that_is_not_told_is_no_difference() -> None:
    assert differences(INTENDED, live(entity={"workload_type": None})) == []
    assert differences(INTENDED, live(entity={"workload_type": ""})) == []


def test_the_order_of_entities_routes_and_tags_says_nothing() -> None:
    two = [INTENDED["served_entities"][0], {**SECOND, "workload_type": "CPU", "environment_vars": {}}]
    routes = [
        {"served_entity_name": "card_fraud-3", "traffic_percentage": 90},
        {"served_entity_name": "card_fraud-4", "traffic_percentage": 10},
    ]
    wanted = intended(served_entities=two, routes=routes)
    found = live(
        config={"served_entities": two[::-1], "traffic_config": {"routes": routes[::-1]}},
        tags=dict(reversed(list(INTENDED["tags"].items()))),
    )
    assert differences(wanted, found) == []


def test_an_inference_table_that_was_never_there_is_one_that_is_off() -> None:
    off = {"enabled": False, "catalog_name": "staging", "schema_name": "fraud", "table_name_prefix": "card_fraud"}
    assert differences(intended(inference_table=off), live()) == []
    assert differences(INTENDED, live(ai_gateway={"inference_table_config": off})) == []


def test_tags_that_only_slipway_sets_are_no_difference_where_they_were_not_asked_for() -> None:
    assert differences(intended(tags={}), live(tags={"slipway_deployment": "7", "environment": "staging"})) == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (live(entity={"workload_size": "Medium"}), ("Workload size", "Small", "Medium")),
        (live(entity={"workload_type": "GPU_SMALL"}), ("Workload type", "CPU", "GPU_SMALL")),
        (live(entity={"scale_to_zero_enabled": False}), ("Scale to zero", "on", "off")),
        (live(entity={"environment_vars": {"LEVEL": "canary-value"}}), ("Environment variable MODE", "set", "not set")),
        (live(tags={**INTENDED["tags"], "owner": "eva"}), ("Tag owner", "not set", "eva")),
        (live(tags={"team": "fraud", "managed_by": "slipway"}), ("Tag cost_center", "12", "not set")),
        (live(tags={**INTENDED["tags"], "team": "pricing"}), ("Tag team", "fraud", "pricing")),
    ],
)
def test_each_field_that_somebody_changed_is_told(found: Any, expected: tuple[str, str, str]) -> None:
    assert told(differences(INTENDED, found)) == [expected]


def test_values_of_variables_are_never_told() -> None:
    changed = {"MODE": "{{secrets/fraud/mode}}", "LEVEL": "another-canary", "NEW": "third-canary"}
    found = differences(INTENDED, live(entity={"environment_vars": changed}))
    assert told(found) == [
        ("Environment variable LEVEL", "requested value", "another value"),
        ("Environment variable NEW", "not set", "set"),
    ]
    assert "canary" not in str(found)


def test_another_version_in_the_place_of_the_old_one_is_told_as_that() -> None:
    swapped = {"name": "card_fraud-4", "entity_version": "4"}
    assert told(differences(INTENDED, live(entity=swapped))) == [("Version", "3", "4")]


def test_a_version_that_came_beside_the_other_takes_traffic() -> None:
    entities = [INTENDED["served_entities"][0], SECOND]
    routes = [
        {"served_model_name": "card_fraud-3", "traffic_percentage": 70},
        {"served_model_name": "card_fraud-4", "traffic_percentage": 30},
    ]
    found = differences(INTENDED, live(config={"served_entities": entities, "traffic_config": {"routes": routes}}))
    assert told(found) == [
        ("Served version", "\N{EN DASH}", "staging.fraud.card_fraud version 4"),
        ("Traffic", "v3 100 %", "v3 70 %, v4 30 %"),
    ]


def test_a_version_that_was_taken_away_is_told() -> None:
    wanted = intended(
        served_entities=[INTENDED["served_entities"][0], SECOND],
        routes=[
            {"served_entity_name": "card_fraud-3", "traffic_percentage": 70},
            {"served_entity_name": "card_fraud-4", "traffic_percentage": 30},
        ],
    )
    assert told(differences(wanted, live())) == [
        ("Served version", "staging.fraud.card_fraud version 4", "removed"),
        ("Traffic", "v3 70 %, v4 30 %", "v3 100 %"),
    ]


def test_moved_traffic_between_the_same_versions_is_told() -> None:
    two = [INTENDED["served_entities"][0], {**SECOND, "workload_type": "CPU", "environment_vars": {}}]

    def routes(first: int) -> list[dict[str, Any]]:
        return [
            {"served_entity_name": "card_fraud-3", "traffic_percentage": first},
            {"served_entity_name": "card_fraud-4", "traffic_percentage": 100 - first},
        ]

    found = live(config={"served_entities": two, "traffic_config": {"routes": routes(50)}})
    wanted = intended(served_entities=two, routes=routes(90))
    assert told(differences(wanted, found)) == [("Traffic", "v3 90 %, v4 10 %", "v3 50 %, v4 50 %")]


def test_a_table_that_was_switched_on_is_told_by_its_name() -> None:
    table = {"enabled": True, "catalog_name": "staging", "schema_name": "fraud", "table_name_prefix": "card_fraud"}
    found = differences(INTENDED, live(ai_gateway={"inference_table_config": table}))
    assert told(found) == [("Inference table", "off", "staging.fraud.card_fraud_payload")]


def test_usage_tracking_is_compared_only_where_it_is_managed() -> None:
    on = live(ai_gateway={"usage_tracking_config": {"enabled": True}})
    assert differences(INTENDED, on) == []
    assert told(differences(intended(usage_tracking=False), on)) == [("Usage tracking", "off", "on")]


def test_an_endpoint_that_is_gone_is_the_only_thing_told() -> None:
    assert told(differences(INTENDED, None)) == [("Endpoint", "card-fraud", "gone")]


# -- the spec that an endpoint amounts to ---------------------------------------------------------

BASE = {"environment": "staging", "rollout": {"max_p99_ms": 300}, "monitoring": {"critical": ["amount"]}}


def test_a_spec_of_what_is_live_keeps_what_an_endpoint_does_not_tell() -> None:
    variables = variables_of(live(entity={"workload_size": "Medium"}, tags={**INTENDED["tags"], "owner": "eva"}))
    spec = spec_of(variables, BASE, given_tags={"cost_center": "12"})
    assert (spec.version, spec.compute.workload_size, spec.tags) == ("3", "Medium", {"owner": "eva"})
    assert (spec.rollout.max_p99_ms, spec.monitoring.critical, spec.environment) == (300, ["amount"], "staging")
    assert spec.env_vars == INTENDED["served_entities"][0]["environment_vars"]


@pytest.mark.parametrize("shares", [{"card_fraud-3": 70, "card_fraud-4": 30}, {}])
def test_there_is_no_spec_of_traffic_that_is_split(shares: dict[str, int]) -> None:
    routes = [{"served_entity_name": name, "traffic_percentage": share} for name, share in shares.items()]
    entities = [INTENDED["served_entities"][0], SECOND]
    found = variables_of(live(config={"served_entities": entities, "traffic_config": {"routes": routes}}))
    with pytest.raises(Invalid, match="Traffic goes to"):
        spec_of(found, BASE)


def test_a_version_without_traffic_is_no_part_of_a_spec() -> None:
    entities = [SECOND, INTENDED["served_entities"][0]]
    assert spec_of(variables_of(live(config={"served_entities": entities})), BASE).version == "3"


def test_there_is_no_spec_with_a_secret_in_plain_text() -> None:
    found = variables_of(live(entity={"environment_vars": {"DB_PASSWORD": "canary-password"}}))
    with pytest.raises(Invalid) as refused:
        spec_of(found, BASE)
    assert "DB_PASSWORD" in str(refused.value)
    assert "canary-password" not in str(refused.value)
