"""What is refused before anything is started, and with which words."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.serving_endpoints.api.bodies import ConfigBody
from sandbox.serving_endpoints.api.validation import Author, check_endpoint_name, read_config
from sandbox.serving_endpoints.records import EndpointConfig
from sandbox.web.errors import ApiError

ONE = {"entity_name": "dev.fraud.card", "entity_version": "3"}
TWO = {"entity_name": "dev.fraud.card", "entity_version": "4"}


def read(config: dict[str, Any]) -> EndpointConfig:
    return read_config(ConfigBody.model_validate(config), Author("ann@example.com", 1_000), config_version=1)


def routes(*pairs: tuple[str, int]) -> dict[str, Any]:
    return {"routes": [{"served_entity_name": name, "traffic_percentage": share} for name, share in pairs]}


def many(count: int) -> dict[str, Any]:
    entities = [{**ONE, "name": f"e{number}"} for number in range(count)]
    return {"served_entities": entities, "traffic_config": routes(*((f"e{n}", 10) for n in range(count)))}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no entity", {"served_entities": []}, "at least one"),
    (
        "both kinds",
        {"served_entities": [ONE], "served_models": [{"model_name": "a", "model_version": "1"}]},
        "Only one",
    ),
    ("eleven entities", many(11), "at most 10"),
    ("no model name", {"served_entities": [{"entity_version": "1"}]}, "entity_name"),
    ("no version", {"served_entities": [{"entity_name": "a.b.c"}]}, "entity_version"),
    ("same names", {"served_entities": [ONE, ONE], "traffic_config": routes(("card-3", 100))}, "unique"),
    ("a bad entity name", {"served_entities": [{**ONE, "name": "a b"}]}, "not valid"),
    ("two entities, no routes", {"served_entities": [ONE, TWO]}, "traffic_config is required"),
    (
        "routes over 100",
        {"served_entities": [ONE, TWO], "traffic_config": routes(("card-3", 60), ("card-4", 41))},
        "101",
    ),
    ("routes under 100", {"served_entities": [ONE], "traffic_config": routes(("card-3", 99))}, "sum to 100"),
    ("a share under zero", {"served_entities": [ONE], "traffic_config": routes(("card-3", -1))}, "from 0 to 100"),
    ("a route to nowhere", {"served_entities": [ONE], "traffic_config": routes(("card-9", 100))}, "card-9"),
    ("an entity without route", {"served_entities": [ONE, TWO], "traffic_config": routes(("card-3", 100))}, "card-4"),
    (
        "two routes to one",
        {"served_entities": [ONE], "traffic_config": routes(("card-3", 50), ("card-3", 50))},
        "one route",
    ),
    (
        "a route without name",
        {"served_entities": [ONE], "traffic_config": {"routes": [{"traffic_percentage": 100}]}},
        "route",
    ),
    ("an unknown size", {"served_entities": [{**ONE, "workload_size": "Huge"}]}, "Please choose a node type"),
    ("an unknown type", {"served_entities": [{**ONE, "workload_type": "TPU"}]}, "Workload type 'TPU'"),
    (
        "size and concurrency",
        {"served_entities": [{**ONE, "workload_size": "Small", "max_provisioned_concurrency": 4}]},
        "Only one of workload_size",
    ),
    ("half a concurrency", {"served_entities": [{**ONE, "max_provisioned_concurrency": 4}]}, "together"),
    (
        "an odd concurrency",
        {"served_entities": [{**ONE, "min_provisioned_concurrency": 3, "max_provisioned_concurrency": 4}]},
        "multiples of 4",
    ),
    (
        "31 variables",
        {"served_entities": [{**ONE, "environment_vars": {f"V{n}": "x" for n in range(31)}}]},
        "at most 30",
    ),
    (
        "a legacy inference table",
        {"served_entities": [ONE], "auto_capture_config": {"catalog_name": "a"}},
        "ai_gateway",
    ),
]


@pytest.mark.parametrize(("config", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_config_that_makes_no_sense_is_refused(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError) as caught:
        read(config)

    assert (caught.value.status, caught.value.error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert reason in caught.value.message


def test_external_and_foundation_models_are_not_implemented() -> None:
    for extra in ({"external_model": {"provider": "openai"}}, {"max_provisioned_throughput": 100}):
        with pytest.raises(ApiError) as caught:
            read({"served_entities": [{**ONE, **extra}]})
        assert caught.value.status == 501


@pytest.mark.parametrize("name", ["", "a" * 64, "with space", "umlaut-ä", "a/b", "databricks-llama", "Databricks-x"])
def test_endpoint_names_follow_the_documented_rule(name: str) -> None:
    with pytest.raises(ApiError, match=r"not valid"):
        check_endpoint_name(name)


def test_names_of_63_characters_are_accepted() -> None:
    check_endpoint_name("a" * 63)


def test_one_entity_gets_a_name_a_size_and_all_the_traffic() -> None:
    config = read({"served_entities": [ONE]})

    (entity,) = config.entities
    assert (entity.name, entity.workload_type, entity.workload_size) == ("card-3", "CPU", "Small")
    assert entity.scale_to_zero_enabled is False
    assert [(route.name, route.traffic_percentage) for route in config.routes] == [("card-3", 100)]


def test_concurrency_set_by_hand_leaves_the_size_unset() -> None:
    entity = {**ONE, "min_provisioned_concurrency": 0, "max_provisioned_concurrency": 8}

    (read_entity,) = read({"served_entities": [entity]}).entities

    assert (read_entity.workload_size, read_entity.concurrency) == (None, 8)


def test_the_order_of_routes_is_kept() -> None:
    config = read({"served_entities": [ONE, TWO], "traffic_config": routes(("card-4", 10), ("card-3", 90))})

    assert [route.name for route in config.routes] == ["card-4", "card-3"]


def test_served_models_are_the_older_spelling_of_served_entities() -> None:
    old = {"model_name": "dev.fraud.card", "model_version": "3", "scale_to_zero_enabled": True}
    route = {"served_model_name": "card-3", "traffic_percentage": 100}

    config = read({"served_models": [old], "traffic_config": {"routes": [route]}})

    assert config.entities[0].entity_name == "dev.fraud.card"
    assert config.entities[0].scale_to_zero_enabled is True


def test_traffic_and_scale_to_zero_do_not_make_another_process_but_size_and_variables_do() -> None:
    base = read({"served_entities": [ONE]}).entities[0]
    asleep = read({"served_entities": [{**ONE, "scale_to_zero_enabled": True}]}).entities[0]
    large = read({"served_entities": [{**ONE, "workload_size": "Large"}]}).entities[0]
    other = read({"served_entities": [{**ONE, "environment_vars": {"A": "1"}}]}).entities[0]

    assert base.fingerprint == asleep.fingerprint
    assert len({base.fingerprint, large.fingerprint, other.fingerprint}) == 3
