"""What kind of change a plan is: every path that the module sets belongs somewhere."""

import pytest

from deployments.models import ChangeKind
from deployments.policies.kinds import change_kind

ENTITY = "config[0].served_entities[0]."


def change(action="update", *paths, **more):
    attributes = [{"path": path, "before": 1, "after": 2, "is_unknown": False} for path in paths]
    return {
        "address": "module.endpoint.databricks_model_serving.this",
        "type": "databricks_model_serving",
        "action": action,
        "attributes": attributes,
        "is_import": False,
        **more,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([change("create")], ChangeKind.CREATE),
        ([change("replace")], ChangeKind.REPLACE),
        ([change("delete")], ChangeKind.DELETE),
        ([change("update", ENTITY + "workload_size")], ChangeKind.RESIZE),
        ([change("update", ENTITY + "workload_type", ENTITY + "scale_to_zero_enabled")], ChangeKind.RESIZE),
        ([change("update", "config[0].traffic_config[0].routes[0].traffic_percentage")], ChangeKind.TRAFFIC),
        ([change("update", "tags.cost_center")], ChangeKind.TAGS_ONLY),
        ([change("update", "timeouts.create")], ChangeKind.TAGS_ONLY),
        ([change("update", ENTITY + "entity_version", "tags.team")], ChangeKind.REPLACE),
        ([change("update", ENTITY + "environment_vars.MODE")], ChangeKind.REPLACE),
        ([change("update", "ai_gateway[0].inference_table_config[0].enabled")], ChangeKind.REPLACE),
        ([change("update", "something.nobody.knows")], ChangeKind.REPLACE),
        ([change("update", ENTITY + "workload_size", "tags.team")], ChangeKind.RESIZE),
        ([change("update", ENTITY + "workload_size", "config[0].traffic_config[0].routes[1]")], ChangeKind.RESIZE),
        ([change("update", "tags.team", type="databricks_permissions")], ChangeKind.REPLACE),
        ([change("no-op"), change("update", "tags.team")], ChangeKind.TAGS_ONLY),
        ([change("no-op", is_import=True)], ChangeKind.TAGS_ONLY),
        ([change("create"), change("delete")], ChangeKind.DELETE),
        ([change("something-new")], ChangeKind.REPLACE),
        ([change("no-op")], ChangeKind.REPLACE),
        ([], ChangeKind.REPLACE),
    ],
)
def test_the_gravest_change_names_the_kind_and_what_nobody_placed_is_grave(changes, expected):
    assert change_kind(changes) == expected


def test_what_the_workspace_computes_does_not_count():
    computed = {"path": "config[0].config_version", "before": 3, "after": None, "is_unknown": True}
    tags = change("update", "tags.team")
    tags["attributes"].append(computed)
    assert change_kind([tags]) == ChangeKind.TAGS_ONLY
