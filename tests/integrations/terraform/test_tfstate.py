"""What two versions of a Terraform state differ in, and what of it may be shown."""

from __future__ import annotations

from typing import Any

from integrations.plan import CHANGED, GIVEN, SENSITIVE
from integrations.terraform.tfstate import StateChange, compare

ADDRESS = "module.endpoint.databricks_model_serving.this"


def state(attributes: dict[str, Any] | None = None, *hidden: list[dict[str, Any]], **outputs: Any) -> dict[str, Any]:
    """A state with one endpoint, or none."""
    instances = [] if attributes is None else [{"attributes": attributes, "sensitive_attributes": list(hidden)}]
    resource = {
        "module": "module.endpoint",
        "mode": "managed",
        "type": "databricks_model_serving",
        "name": "this",
        "instances": instances,
    }
    return {"version": 4, "serial": 1, "lineage": "x", "resources": [resource], "outputs": outputs}


def attr(name: str) -> dict[str, Any]:
    return {"type": "get_attr", "value": name}


def told(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[tuple[str, Any, Any]]:
    return [(change.path, change.before, change.after) for change in compare(before, after)]


def test_an_attribute_that_changed_is_told_with_both_values() -> None:
    before = state({"name": "card-fraud", "config": [{"served_entities": [{"workload_size": "Small"}]}]})
    after = state({"name": "card-fraud", "config": [{"served_entities": [{"workload_size": "Large"}]}]})
    assert compare(before, after) == [
        StateChange(ADDRESS, "config[0].served_entities[0].workload_size", "Small", "Large")
    ]


def test_the_first_version_is_all_new_and_the_last_all_gone() -> None:
    made = state({"name": "card-fraud"})
    assert told(None, made) == [("", None, "in the state"), ("name", None, "card-fraud")]
    assert told(made, state()) == [("", "in the state", None), ("name", "card-fraud", None)]
    assert compare(made, made) == []
    assert compare(None, None) == []


def test_values_of_variables_are_hidden_and_a_new_value_is_still_told() -> None:
    before = state({"environment_vars": {"MODE": "canary-1", "REF": "{{secrets/a/b}}"}})
    after = state({"environment_vars": {"MODE": "canary-2", "REF": "{{secrets/a/c}}", "NEW": "canary-3"}})
    assert told(before, after) == [
        ("environment_vars.MODE", GIVEN, CHANGED[GIVEN]),
        ("environment_vars.NEW", None, GIVEN),
        ("environment_vars.REF", "{{secrets/a/b}}", "{{secrets/a/c}}"),
    ]


def test_what_terraform_marks_as_sensitive_is_hidden_wherever_it_stands() -> None:
    index = {"type": "index", "value": {"value": 1, "type": "number"}}
    hidden = ([attr("token")], [attr("keys"), index], [attr("block")])
    before = state({"token": "canary-1", "keys": ["a", "canary-2"], "block": {"x": "canary-3"}, "open": 1}, *hidden)
    after = state({"token": "canary-4", "keys": ["b", "canary-5"], "block": {"x": "canary-6"}, "open": 2}, *hidden)
    assert told(before, after) == [
        ("block.x", SENSITIVE, CHANGED[SENSITIVE]),
        ("keys[0]", "a", "b"),
        ("keys[1]", SENSITIVE, CHANGED[SENSITIVE]),
        ("open", 1, 2),
        ("token", SENSITIVE, CHANGED[SENSITIVE]),
    ]


def test_a_path_that_cannot_be_followed_hides_too_much_rather_than_too_little() -> None:
    strange = [attr("rules"), {"type": "index", "value": {"value": 9, "type": "number"}}]
    assert told(None, state({"rules": ["canary"], "gone": None}, strange, [attr("gone"), attr("x")])) == [
        ("", None, "in the state"),
        ("rules[0]", None, SENSITIVE),
    ]


def test_sensitive_outputs_are_hidden() -> None:
    def with_output(value: str) -> dict[str, Any]:
        return state(token={"value": value, "sensitive": True}, url={"value": "https://x"})

    changes = compare(with_output("canary-1"), with_output("canary-2"))
    assert changes == [StateChange("output.token", "value", SENSITIVE, CHANGED[SENSITIVE])]


def test_instances_of_one_resource_are_told_apart() -> None:
    resource = {"mode": "managed", "type": "t", "name": "n"}
    rows = [{"index_key": 0, "attributes": {"a": 1}}, {"index_key": "k", "attributes": {"a": 1}}]
    found = compare(None, {"resources": [{**resource, "instances": rows}]})
    assert {change.address for change in found} == {"t.n[0]", 't.n["k"]'}
