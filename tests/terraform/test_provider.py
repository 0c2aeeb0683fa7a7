"""The stand-in provider, driven by real Terraform: plans are right, calls are those of the real provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from integrations.plan import Action
from integrations.terraform.directory import RunDirectory
from integrations.terraform.files import ENDPOINT_ADDRESS, Import
from tests.terraform.fake_workspace import CLIENT_ID, CLIENT_SECRET, ENDPOINTS, PERMISSIONS
from tests.terraform.loopback import Answer, Request
from tests.terraform.rig import Rig, endpoint_variables, installed, rig, succeeded

__all__ = ["installed", "rig"]

ENDPOINT = f"{ENDPOINTS}/card-fraud"
FRAUD_QUERIES = {"group_name": "fraud", "permission_level": "CAN_QUERY"}
PAYLOADS = {"catalog_name": "staging", "schema_name": "fraud", "table_name_prefix": "card_fraud"}


def entity(version: str, **changes: Any) -> dict[str, Any]:
    entity = {"name": f"card_fraud-{version}", "entity_name": "staging.fraud.card_fraud", "workload_size": "Small"}
    return entity | {"entity_version": version} | changes


def route(version: str, percentage: int) -> dict[str, Any]:
    return {"served_entity_name": f"card_fraud-{version}", "traffic_percentage": percentage}


def answer_once(status: int, method: str, path: str, **answer: Any) -> Callable[[Request], Answer | None]:
    """A fault for the first request of ``method`` to ``path``."""
    left = [Answer(status, **answer)]

    def fault(request: Request) -> Answer | None:
        return left.pop() if left and (request.method, request.path) == (method, path) else None

    return fault


def plan_again(rig: Rig, variables: dict[str, Any]) -> Action:
    return rig.planned(rig.run(variables)).action


def test_a_new_endpoint_is_created_and_the_next_plan_is_clean(rig: Rig) -> None:
    variables = endpoint_variables(
        permissions=[FRAUD_QUERIES], inference_table=PAYLOADS, usage_tracking=True, tags={"a": "1", "b": ""}
    )
    run = rig.run(variables)
    assert rig.planned(run).summary() == {
        "no-op": 0, "update": 0, "create": 2, "replace": 0, "delete": 0, "import": 0
    }  # fmt: skip
    succeeded(run.apply("run.tfplan"))
    created = rig.workspace.body_of("POST", ENDPOINTS)
    permissions_path = f"{PERMISSIONS}{1:032x}"
    assert rig.workspace.body_of("PUT", permissions_path) == {
        "access_control_list": [FRAUD_QUERIES, {"user_name": CLIENT_ID, "permission_level": "CAN_MANAGE"}]
    }
    assert rig.workspace.changes() == [("POST", ENDPOINTS), ("PUT", permissions_path)]
    assert created == {
        "name": "card-fraud",
        "config": {
            "served_entities": [entity("3", workload_type="CPU", scale_to_zero_enabled=True)],
            "traffic_config": {"routes": [route("3", 100)]},
        },
        "ai_gateway": {
            "inference_table_config": {**PAYLOADS, "enabled": True},
            "usage_tracking_config": {"enabled": True},
        },
        "tags": created["tags"],
    }
    assert sorted(tag["key"] for tag in created["tags"]) == ["a", "b"]
    assert run.output()["serving_endpoint_id"] == f"{1:032x}"
    assert plan_again(rig, variables) is Action.NO_OP


def test_a_new_version_sends_the_config_and_nothing_else(rig: Rig) -> None:
    rig.deploy(endpoint_variables())
    rig.workspace.changes()
    two = {"served_entities": [entity("3"), entity("4")], "routes": [route("3", 90), route("4", 10)]}
    run = rig.run(endpoint_variables(**two))
    plan = rig.planned(run)
    assert plan.action is Action.UPDATE
    assert "Traffic: v3 100 % → 90 %, v4 0 % → 10 %" in plan.sentences()
    succeeded(run.apply("run.tfplan"))
    assert rig.workspace.changes() == [("PUT", f"{ENDPOINT}/config")]
    # The workspace answers with the entities in another order: that is no difference.
    assert plan_again(rig, endpoint_variables(**two)) is Action.NO_OP


def test_a_change_of_tags_sends_only_a_patch_with_the_differences(rig: Rig) -> None:
    rig.deploy(endpoint_variables(tags={"cost_center": "1234", "old": "x", "kept": "y"}))
    rig.workspace.changes()
    run = rig.run(endpoint_variables(tags={"cost_center": "9", "kept": "y"}))
    plan = rig.planned(run)
    assert plan.sentences() == ("Tags only, no redeploy: cost_center 1234 → 9, old removed",)
    succeeded(run.apply("run.tfplan"))
    body = rig.workspace.body_of("PATCH", f"{ENDPOINT}/tags")
    assert body == {"add_tags": [{"key": "cost_center", "value": "9"}], "delete_tags": ["old"]}
    assert rig.workspace.changes() == [("PATCH", f"{ENDPOINT}/tags")]


def test_the_inference_table_can_be_switched_off_but_not_removed(rig: Rig) -> None:
    rig.deploy(endpoint_variables(inference_table=PAYLOADS))
    rig.workspace.changes()
    rig.deploy(endpoint_variables(inference_table={**PAYLOADS, "enabled": False}))
    assert rig.workspace.changes() == [("PUT", f"{ENDPOINT}/ai-gateway")]
    run = rig.run(endpoint_variables())
    rig.ready(run)
    result = run.apply("run.tfplan")
    assert result.failed
    assert "keep it, with enabled = false inside" in result.errors[0].summary
    assert result.errors[0].address == ENDPOINT_ADDRESS


@pytest.mark.long
def test_another_name_replaces_the_endpoint_and_its_permissions(rig: Rig) -> None:
    rig.deploy(endpoint_variables(permissions=[FRAUD_QUERIES]))
    rig.workspace.changes()
    run = rig.run(endpoint_variables(endpoint_name="card-fraud-2", permissions=[FRAUD_QUERIES]))
    plan = rig.planned(run)
    assert [change.action for change in plan.changes] == [Action.REPLACE, Action.REPLACE]
    assert plan.sentences()[0] == "URL changes: the endpoint is deleted and created again"
    succeeded(run.apply("run.tfplan"))
    assert rig.workspace.changes() == [
        ("PUT", f"{PERMISSIONS}{1:032x}"),
        ("DELETE", ENDPOINT),
        ("POST", ENDPOINTS),
        ("PUT", f"{PERMISSIONS}{2:032x}"),
    ]


def test_what_was_changed_by_hand_is_seen_and_put_right(rig: Rig) -> None:
    variables = endpoint_variables(permissions=[FRAUD_QUERIES])
    rig.deploy(variables)
    rig.workspace.endpoints["card-fraud"]["config"]["served_entities"][0]["workload_size"] = "Large"
    rig.workspace.permissions[f"{1:032x}"].pop(0)
    run = rig.run(variables)
    plan = rig.planned(run)
    assert "Changed outside of Slipway: Small → Large: 4 → 16\N{EN DASH}64 concurrent" in plan.drift_sentences()
    assert plan.summary() | {"create": 1, "update": 1} == plan.summary()
    succeeded(run.apply("run.tfplan"))
    assert rig.workspace.endpoints["card-fraud"]["config"]["served_entities"][0]["workload_size"] == "Small"
    assert plan_again(rig, variables) is Action.NO_OP


def test_an_endpoint_that_went_away_is_created_again(rig: Rig) -> None:
    rig.deploy(endpoint_variables())
    rig.workspace.endpoints.clear()
    plan = rig.planned(rig.run(endpoint_variables()))
    assert plan.action is Action.CREATE
    assert plan.drift_sentences() == ("The endpoint was deleted outside of Slipway",)


@pytest.mark.long
def test_an_endpoint_that_was_made_before_the_error_is_taken_over_by_import(rig: Rig) -> None:
    variables = endpoint_variables()
    error = {"error_code": "INTERNAL_ERROR", "message": "lost my thread"}
    rig.workspace.after.append(answer_once(500, "POST", ENDPOINTS, body=error))
    rig.workspace.polls_until_ready = 0
    run = rig.run(variables)
    rig.ready(run)
    failed = run.apply("run.tfplan")
    assert failed.failed
    assert "lost my thread" in failed.errors[0].summary
    assert rig.states.resources == {}
    assert rig.states.lock is None

    rig.workspace.changes()
    run = rig.run(variables, imports=(Import(ENDPOINT_ADDRESS, "card-fraud"),))
    plan = rig.planned(run)
    assert plan.sentences() == ("Import the existing endpoint card-fraud",)
    succeeded(run.apply("run.tfplan"))
    assert rig.workspace.changes() == []
    assert plan_again(rig, variables) is Action.NO_OP


def test_destroy_takes_the_permissions_back_and_deletes_the_endpoint(rig: Rig) -> None:
    variables = endpoint_variables(permissions=[FRAUD_QUERIES])
    rig.deploy(variables)
    rig.workspace.changes()
    run = rig.run(variables)
    assert rig.planned(run, destroy=True).summary()["delete"] == 2
    succeeded(run.apply("run.tfplan"))
    assert rig.workspace.endpoints == {}
    assert rig.states.resources == {}
    put, delete = rig.workspace.changes()
    assert (put[0], delete) == ("PUT", ("DELETE", ENDPOINT))


def test_a_first_deployment_that_fails_to_build_is_deleted_with_the_reason_told(rig: Rig) -> None:
    rig.workspace.build_error = "no module named lightgbm"
    run = rig.run(endpoint_variables())
    rig.ready(run)
    result = run.apply("run.tfplan")
    assert result.failed
    assert "no module named lightgbm" in result.errors[0].summary
    assert rig.workspace.changes() == [("POST", ENDPOINTS), ("DELETE", ENDPOINT)]
    assert rig.states.resources == {}


def test_an_update_that_fails_leaves_the_old_version_in_the_state(rig: Rig) -> None:
    rig.deploy(endpoint_variables())
    rig.workspace.build_error = "no module named lightgbm"
    run = rig.run(endpoint_variables(served_entities=[entity("4")]))
    rig.ready(run)
    assert run.apply("run.tfplan").failed
    config = rig.states.resources["databricks_model_serving"]["attributes"]["config"][0]
    assert config["served_entities"][0]["entity_version"] == "3"
    assert rig.states.resources["databricks_model_serving"].get("status") != "tainted"


@pytest.mark.long
def test_an_update_ends_at_its_time_limit(rig: Rig) -> None:
    rig.deploy(endpoint_variables())
    rig.workspace.polls_until_ready = 10_000
    run = rig.run(endpoint_variables(served_entities=[entity("4")], update_timeout="700ms"))
    rig.ready(run)
    result = run.apply("run.tfplan")
    assert "timed out after 0.7 s" in result.errors[0].summary


def test_a_busy_workspace_is_asked_again(rig: Rig) -> None:
    busy = {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "later"}
    headers = (("Retry-After", "0"),)
    rig.workspace.before.append(answer_once(429, "POST", ENDPOINTS, body=busy, headers=headers))
    rig.deploy(endpoint_variables())
    assert rig.workspace.changes() == [("POST", ENDPOINTS), ("POST", ENDPOINTS)]


def test_a_service_principal_logs_in_with_its_secret(rig: Rig) -> None:
    secret = {"DATABRICKS_CLIENT_ID": CLIENT_ID, "DATABRICKS_CLIENT_SECRET": CLIENT_SECRET}
    run = rig.run(endpoint_variables(), databricks={**secret, "DATABRICKS_AUTH_TYPE": "oauth-m2m"})
    rig.ready(run)
    succeeded(run.apply("run.tfplan"))
    assert "card-fraud" in rig.workspace.endpoints


def test_a_refused_token_is_a_diagnostic_and_not_a_crash(rig: Rig) -> None:
    run = rig.run(endpoint_variables(), databricks={"DATABRICKS_TOKEN": "dapi-wrong-canary"})
    rig.ready(run)
    result = run.apply("run.tfplan")
    assert "who are you?" in result.errors[0].summary
    assert "dapi-wrong-canary" not in str(result)


def test_the_caller_cannot_lose_the_right_to_manage(rig: Rig) -> None:
    mine = {"service_principal_name": CLIENT_ID, "permission_level": "CAN_VIEW"}
    run = rig.run(endpoint_variables(permissions=[mine]))
    rig.ready(run)
    result = run.apply("run.tfplan")
    assert "cannot be lowered below CAN_MANAGE" in result.errors[0].summary
    assert rig.states.resources.keys() == {"databricks_model_serving"}


def plain_run(rig: Rig, resource: dict[str, Any]) -> RunDirectory:
    """A run whose root module holds one resource of its own instead of the endpoint module."""
    run = rig.run({})
    main = {"provider": {"databricks": {}}, "resource": resource}
    (run.directory / "main.tf.json").write_text(json.dumps(main))
    return run


@pytest.mark.long
def test_old_style_served_models_plan_clean_and_a_new_payload_table_replaces(rig: Rig) -> None:
    # A default on an attribute that is not computed is something only the old SDK may do.
    rig.is_strict = False
    model = {"name": "m", "model_name": "m", "model_version": "1", "workload_size": "Small"}
    capture = {"catalog_name": "c", "schema_name": "s", "table_name_prefix": "old", "enabled": True}
    config = {
        "served_models": [model],
        "traffic_config": {"routes": [{"served_model_name": "m", "traffic_percentage": 100}]},
        "auto_capture_config": capture,
    }
    resource = {"databricks_model_serving": {"it": {"name": "card-fraud", "config": config}}}
    run = plain_run(rig, resource)
    rig.ready(run)
    succeeded(run.apply("run.tfplan"))
    created = rig.workspace.body_of("POST", ENDPOINTS)["config"]["served_models"]
    assert created == [{**model, "scale_to_zero_enabled": True}]
    assert rig.planned(plain_run(rig, resource)).action is Action.NO_OP
    capture["table_name_prefix"] = "new"
    assert rig.planned(plain_run(rig, resource)).action is Action.REPLACE


@pytest.mark.long
def test_an_unset_value_and_a_zero_value_are_the_same(rig: Rig) -> None:
    entity = {"name": "m", "entity_name": "m", "entity_version": "1", "workload_size": "Small"}
    routes = [{"served_entity_name": "m", "traffic_percentage": 100}]
    endpoint = {
        "name": "card-fraud",
        "config": {"served_entities": [entity], "traffic_config": {"routes": routes}},
        "tags": [{"key": "set", "value": "1"}, {"key": "bare"}],
    }
    run = plain_run(rig, {"databricks_model_serving": {"it": endpoint}})
    rig.ready(run)
    succeeded(run.apply("run.tfplan"))
    # route_optimized forces a replacement, but not from unset to false.
    resource = {"databricks_model_serving": {"it": endpoint | {"route_optimized": False}}}
    run = plain_run(rig, resource)
    assert rig.planned(run).action is Action.UPDATE
    succeeded(run.apply("run.tfplan"))
    assert rig.planned(plain_run(rig, resource)).action is Action.NO_OP


@pytest.mark.long
def test_a_registered_model_lives_through_create_drift_and_destroy(rig: Rig) -> None:
    model = {"catalog_name": "Staging", "schema_name": "fraud", "name": "card_fraud", "comment": "stops fraud"}
    resource = {"databricks_registered_model": {"it": model}}
    run = plain_run(rig, resource)
    rig.ready(run)
    succeeded(run.apply("run.tfplan"))
    # Unity Catalog folds names to lower case: that is no difference.
    rig.workspace.models["Staging.fraud.card_fraud"]["catalog_name"] = "staging"
    rig.workspace.models["Staging.fraud.card_fraud"]["comment"] = "changed by hand"
    run = plain_run(rig, resource)
    assert rig.planned(run).action is Action.UPDATE
    succeeded(run.apply("run.tfplan"))
    assert rig.workspace.models["Staging.fraud.card_fraud"]["comment"] == "stops fraud"
    run = plain_run(rig, resource)
    rig.ready(run, destroy=True)
    succeeded(run.apply("run.tfplan"))
    assert rig.workspace.models == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"endpoint_name": "databricks-x"}, "reserved"),
        ({"endpoint_name": "no spaces"}, "1 to 63 letters"),
        ({"routes": [route("3", 90)]}, "add up to 100 %"),
        ({"routes": [route("5", 100)]}, "exactly one route"),
        ({"served_entities": [entity("3"), entity("4")]}, "add up to 100 %"),
        ({"permissions": [{"group_name": "a", "permission_level": "OWNER"}]}, "CAN_VIEW, CAN_QUERY or CAN_MANAGE"),
        ({"permissions": [{"permission_level": "CAN_VIEW"}]}, "exactly one of group_name"),
    ],
)
def test_the_module_refuses_what_cannot_work(rig: Rig, changes: dict[str, Any], message: str) -> None:
    run = rig.run(endpoint_variables(**changes))
    succeeded(run.init())
    result = run.plan("run.tfplan")
    assert result.failed
    assert message in " ".join(error.detail for error in result.errors)


def test_a_tag_that_looks_like_an_expression_is_taken_literally(rig: Rig) -> None:
    rig.deploy(endpoint_variables(tags={"a": "${path.module}", "b": "%{ if true }x%{ endif }"}))
    tags = rig.workspace.endpoints["card-fraud"]["tags"]
    assert {tag["value"] for tag in tags} == {"${path.module}", "%{ if true }x%{ endif }"}
