"""Plans in words, redacted, and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.plan import CHANGED, GIVEN, SENSITIVE, Action, Plan, canonical_sha256, redact

RANGE = "\N{EN DASH}"


def entity(version: str = "7", **changes: Any) -> dict[str, Any]:
    return {
        "name": f"card_fraud-{version}",
        "entity_name": "staging.fraud.card_fraud",
        "entity_version": version,
        "workload_size": "Small",
        "workload_type": "CPU",
        "scale_to_zero_enabled": True,
        "environment_vars": None,
    } | changes


def endpoint(
    *entities: dict[str, Any], shares: dict[str, int] | None = None, tags: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    served = list(entities) or [entity()]
    split = shares or {served[0]["name"]: 100}
    routes = [{"served_entity_name": name, "traffic_percentage": share} for name, share in split.items()]
    config = {"served_entities": served, "traffic_config": [{"routes": routes}]}
    return {
        "name": "card-fraud",
        "config": [config],
        "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
        "ai_gateway": [],
    } | changes


def gateway(prefix: str = "card_fraud", enabled: bool = True, tracked: bool = False) -> list[dict[str, Any]]:
    table = {"catalog_name": "staging", "schema_name": "fraud", "table_name_prefix": prefix, "enabled": enabled}
    return [{"inference_table_config": [table], "usage_tracking_config": [{"enabled": tracked}]}]


def change(actions: list[str], before: Any, after: Any, **extra: Any) -> dict[str, Any]:
    reason = extra.pop("action_reason", "")
    kind = extra.pop("type", "databricks_model_serving")
    return {
        "address": f"module.endpoint.{kind}.this",
        "type": kind,
        "change": {"actions": actions, "before": before, "after": after, **extra},
        "action_reason": reason,
    }


def plan(*changes: dict[str, Any], drift: tuple[dict[str, Any], ...] = ()) -> Plan:
    document = {"format_version": "1.2", "resource_changes": list(changes), "resource_drift": list(drift)}
    return Plan.from_show_json(json.loads(json.dumps(document)))


def update(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    return plan(change(["update"], before, after)).sentences()


def test_a_new_endpoint_is_told_with_model_size_and_scaling() -> None:
    made = plan(change(["create"], None, endpoint(entity("3"), ai_gateway=gateway())))
    assert made.sentences() == (
        "Create endpoint card-fraud serving staging.fraud.card_fraud version 3 "
        f"(Small, 0{RANGE}4 concurrent requests, scales to zero)",
        "Inference table on: payloads go to staging.fraud.card_fraud_payload",
    )
    assert made.action is Action.CREATE
    assert made.summary() == {"no-op": 0, "update": 0, "create": 1, "replace": 0, "delete": 0, "import": 0}


@pytest.mark.parametrize(
    ("after", "sentences"),
    [
        (endpoint(entity("8")), ("Model version 7 → 8",)),
        (
            endpoint(entity("1", entity_name="staging.fraud.other")),
            ("Model staging.fraud.card_fraud version 7 → staging.fraud.other version 1",),
        ),
        (
            endpoint(entity(workload_size="Medium")),
            (f"Small → Medium: 4 → 8{RANGE}16 concurrent",),
        ),
        (endpoint(entity(workload_type="GPU_SMALL")), ("Hardware CPU → GPU_SMALL",)),
        (endpoint(entity(scale_to_zero_enabled=False)), ("No longer scales to zero: always on",)),
        (endpoint(entity(environment_vars={"MODE": "x"})), ("Environment variables: MODE added",)),
        (
            endpoint(entity(), entity("8"), shares={"card_fraud-7": 90, "card_fraud-8": 10}),
            (
                f"Add staging.fraud.card_fraud version 8 (Small, 0{RANGE}4 concurrent requests, scales to zero)",
                "Traffic: v7 100 % → 90 %, v8 0 % → 10 %",
            ),
        ),
        (endpoint(tags={"cost_center": "9"}), ("Tags only, no redeploy: cost_center set to 9",)),
        (endpoint(entity("8"), tags={"a": "1"}), ("Model version 7 → 8", "Tags: a set to 1")),
        (
            endpoint(ai_gateway=gateway(tracked=True)),
            ("Inference table on: payloads go to staging.fraud.card_fraud_payload", "Usage tracking on"),
        ),
        (endpoint(description="new"), ("Settings without a redeploy: description",)),
    ],
)
def test_an_update_is_told_in_the_words_of_models(after: dict[str, Any], sentences: tuple[str, ...]) -> None:
    assert update(endpoint(), after) == sentences


def test_a_step_of_a_canary_is_a_change_of_traffic_alone() -> None:
    both = (entity("7"), entity("8"))
    before = endpoint(*both, shares={"card_fraud-7": 90, "card_fraud-8": 10})
    after = endpoint(*both, shares={"card_fraud-7": 50, "card_fraud-8": 50})
    assert update(before, after) == ("Traffic: v7 90 % → 50 %, v8 10 % → 50 %",)


def test_the_end_of_a_canary_removes_the_old_version() -> None:
    before = endpoint(entity("7"), entity("8"), shares={"card_fraud-7": 50, "card_fraud-8": 50})
    assert update(before, endpoint(entity("8"))) == (
        "Remove staging.fraud.card_fraud version 7",
        "Traffic: v8 50 % → 100 %, v7 50 % → 0 %",
    )


def test_a_resize_of_one_of_two_versions_says_which() -> None:
    shares = {"card_fraud-7": 50, "card_fraud-8": 50}
    before = endpoint(entity("7"), entity("8"), shares=shares)
    after = endpoint(entity("7"), entity("8", workload_size="Large"), shares=shares)
    assert update(before, after) == (f"Small → Large: 4 → 16{RANGE}64 concurrent (v8)",)


def test_the_inference_table_can_move_and_be_switched_off() -> None:
    on = endpoint(ai_gateway=gateway())
    assert update(on, endpoint(ai_gateway=gateway("other"))) == (
        "Inference table: payloads go to staging.fraud.other_payload instead of staging.fraud.card_fraud_payload",
    )
    assert update(on, endpoint(ai_gateway=gateway(enabled=False))) == (
        "Inference table off: payloads no longer go to staging.fraud.card_fraud_payload",
    )


def test_tags_that_change_and_go_are_told() -> None:
    before, after = endpoint(tags={"cost_center": "1234", "old": "x"}), endpoint(tags={"cost_center": "9"})
    assert update(before, after) == ("Tags only, no redeploy: cost_center 1234 → 9, old removed",)
    changed = plan(change(["update"], before, after)).changes[0].attributes
    assert [(a.path, a.before, a.after) for a in changed] == [
        ("tags.cost_center", "1234", "9"),
        ("tags.old", "x", None),
    ]


def test_a_replacement_warns_about_the_url_first() -> None:
    renamed = change(["delete", "create"], endpoint(), endpoint(name="card-fraud-2"))
    permission = {"access_control": [{"group_name": "fraud", "permission_level": "CAN_QUERY"}]}
    again = change(["delete", "create"], permission, permission, type="databricks_permissions")
    made = plan(again, renamed)
    assert made.sentences()[:2] == (
        "URL changes: the endpoint is deleted and created again",
        "Endpoint name card-fraud → card-fraud-2",
    )
    assert made.sentences()[-1] == "Permissions: group fraud may query"
    assert made.action is Action.REPLACE


def test_a_rename_alone_says_that_the_url_will_change() -> None:
    renamed = plan(change(["delete", "create"], endpoint(), endpoint(name="card-fraud-2")))
    assert renamed.sentences()[0].startswith("URL changes")


@pytest.mark.parametrize("config", [[], None])
def test_a_config_block_that_was_left_out_is_told_as_nothing_that_happens(config: Any) -> None:
    told = update(endpoint(), endpoint(config=config, tags={"a": "1"}))
    assert told[0].startswith("No change of the served versions")
    assert not any("Remove" in sentence or "Traffic" in sentence for sentence in told)
    assert told[1:] == ("Tags: a set to 1",)


def test_routes_that_do_not_sum_to_100_are_told_first() -> None:
    both = (entity("7"), entity("8"))
    shares = {"card_fraud-7": 80, "card_fraud-8": 10}
    refused = "The workspace will reject this: the routes sum to 90 %, not 100 %"
    assert update(endpoint(), endpoint(*both, shares=shares))[0] == refused
    assert plan(change(["create"], None, endpoint(*both, shares=shares))).sentences()[0] == refused


def test_a_served_version_without_a_route_is_told() -> None:
    after = endpoint(entity("7"), entity("8"), shares={"card_fraud-7": 100})
    assert update(endpoint(), after)[0] == ("The workspace will reject this: v8 has no route")


def test_routes_that_the_server_will_fill_in_are_no_problem() -> None:
    after = entity("8")
    without = endpoint(config=[{"served_entities": [after], "traffic_config": []}])
    assert update(endpoint(), without) == ("Model version 7 → 8",)


def test_a_tainted_endpoint_is_told_as_left_half_made() -> None:
    tainted = change(["delete", "create"], endpoint(), endpoint(), action_reason="replace_because_tainted")
    assert plan(tainted).sentences()[0].startswith("URL changes: creating the endpoint failed halfway")


def test_a_destroy_names_what_stops_answering() -> None:
    made = plan(change(["delete"], endpoint(), None))
    assert made.sentences() == ("Delete endpoint card-fraud: its URL stops answering",)
    assert made.changes[0].after is None


def test_nothing_to_do_is_said_in_words() -> None:
    made = plan(change(["no-op"], endpoint(), endpoint()))
    assert made.sentences() == ("No changes: the endpoint matches the requested configuration",)
    assert not made.has_changes
    assert plan().action is Action.NO_OP


def test_an_import_is_a_change_even_when_nothing_else_happens() -> None:
    made = plan(change(["no-op"], endpoint(), endpoint(), importing={"id": "card-fraud"}))
    assert made.sentences() == ("Import the existing endpoint card-fraud",)
    assert made.has_changes
    assert made.summary()["import"] == 1


def test_an_import_that_only_sets_waiting_times_is_an_import_and_no_update() -> None:
    before = endpoint(timeouts={"create": None})
    after = endpoint(timeouts={"create": "45m"})
    made = plan(change(["update"], before, after, importing={"id": "card-fraud"}))
    assert (made.has_changes, made.changes_something, made.summary()["update"]) == (True, False, 0)
    assert made.sentences() == ("Import the existing endpoint card-fraud",)
    alone = plan(change(["update"], before, after))
    assert alone.changes_something
    assert alone.sentences() == ("Terraform timeouts only, no change of the endpoint",)


@pytest.mark.parametrize(
    "after", [endpoint(entity("8")), endpoint(tags={"a": "1"}), endpoint(entity(workload_size="Large"))]
)
def test_an_import_that_would_change_the_endpoint_changes_something(after: dict[str, Any]) -> None:
    assert plan(change(["update"], endpoint(), after, importing={"id": "card-fraud"})).changes_something


def test_permissions_are_told_by_principal() -> None:
    def rules(**levels: str) -> dict[str, Any]:
        names = {"fraud": "group_name", "ann": "user_name", "ci": "service_principal_name"}
        return {"access_control": [{names[k]: k, "permission_level": level} for k, level in levels.items()]}

    changed = change(
        ["update"],
        rules(fraud="CAN_VIEW", ann="CAN_MANAGE"),
        rules(fraud="CAN_QUERY", ci="CAN_QUERY"),
        type="databricks_permissions",
    )
    assert plan(changed).sentences() == (
        "Permissions: service principal ci may query, group fraud may view → may query, user ann no longer may manage",
    )


def test_the_most_severe_change_comes_first() -> None:
    made = plan(
        change(["update"], {"x": 1}, {"x": 2}, type="a"),
        change(["delete"], {"x": 1}, None, type="b"),
        change(["create"], None, {"x": 1}, type="c"),
    )
    assert [c.action for c in made.changes] == [Action.DELETE, Action.CREATE, Action.UPDATE]
    assert [a.severity for a in Action] == [0, 1, 2, 3, 4]


def test_drift_is_told_as_changed_outside() -> None:
    made = plan(drift=(change(["update"], endpoint(), endpoint(entity(workload_size="Large"))),))
    assert made.drift_sentences() == (f"Changed outside of Slipway: Small → Large: 4 → 16{RANGE}64 concurrent",)


def test_unknown_and_sensitive_attributes_are_marked() -> None:
    raw = change(
        ["update"],
        {"id": "1", "secret": "old", "same": 1},
        {"secret": "new", "same": 1},
        after_unknown={"id": True},
        before_sensitive={"secret": True},
        after_sensitive={"secret": True},
    )
    made = plan(raw)
    shown = {a.path: (a.before, a.after, a.is_sensitive, a.is_unknown) for a in made.changes[0].attributes}
    assert shown == {
        "id": ("1", None, False, True),
        "secret": (SENSITIVE, CHANGED[SENSITIVE], True, False),
    }
    assert "old" not in str(made)
    assert "new" not in str(made)


def test_a_stored_plan_keeps_references_and_hides_given_values() -> None:
    variables = {"MODE": "{{secrets/fraud/mode}}", "TOKEN": "hunter2", "TRICK": "x{{secrets/a/b}}"}
    document = {
        "format_version": "1.2",
        "variables": {"served_entities": {"value": [{"environment_vars": variables}]}},
        "planned_values": {
            "root_module": {"resources": [{"values": {"p": "s3cret"}, "sensitive_values": {"p": True}}]}
        },
        "resource_changes": [change(["create"], None, endpoint(entity(environment_vars=variables)))],
        "output_changes": {"o": {"before": None, "after": "s3cret", "after_sensitive": True}},
        "prior_state": {"values": {"outputs": {"o": {"sensitive": True, "value": "s3cret"}}}},
    }
    redacted = redact(document)
    text = json.dumps(redacted)
    assert "hunter2" not in text
    assert "s3cret" not in text
    assert "x{{secrets" not in text
    shown = {"MODE": "{{secrets/fraud/mode}}", "TOKEN": GIVEN, "TRICK": GIVEN}
    assert redacted["variables"]["served_entities"]["value"][0]["environment_vars"] == shown
    assert redacted["output_changes"]["o"]["after"] == SENSITIVE
    assert redact(redacted) == redacted
    assert Plan.from_show_json(redacted) == Plan.from_show_json(document)


def test_a_new_value_of_a_hidden_variable_is_a_change_without_its_values() -> None:
    before = endpoint(entity(environment_vars={"MODE": "hunter1", "SAME": "kept"}))
    after = endpoint(entity(environment_vars={"MODE": "hunter2", "SAME": "kept"}))
    made = plan(change(["update"], before, after))
    assert made.sentences() == ("Environment variables: MODE changed",)
    assert [a.after for a in made.changes[0].attributes] == [CHANGED[GIVEN]]
    assert "hunter" not in str(made)
    document = {"format_version": "1.2", "resource_changes": [change(["update"], before, after)]}
    assert redact(redact(document)) == redact(document)


def test_an_update_is_never_told_as_nothing() -> None:
    assert update(endpoint(), endpoint()) == ("A change with values that Terraform does not show",)


def test_the_hash_depends_on_content_and_not_on_order_or_time() -> None:
    assert canonical_sha256({"a": 1, "b": [2], "timestamp": "now"}) == canonical_sha256({"b": [2], "a": 1})
    assert canonical_sha256({"a": [1, 2]}) != canonical_sha256({"a": [2, 1]})


def test_something_else_than_a_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="format_version"):
        Plan.from_show_json({"terraform_version": "1.11.4"})
