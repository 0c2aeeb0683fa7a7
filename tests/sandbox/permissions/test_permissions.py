from __future__ import annotations

import uuid

import pytest

from sandbox.identity.principals import SERVICE_PRINCIPAL, USER, ensure_principal
from sandbox.permissions.acls import permission_level, register
from sandbox.schema import SCHEMAS
from sandbox.store import Store
from tests import http
from tests.sandbox.running import CLIENT_ID

TYPE = "serving-endpoints"


@pytest.fixture
def store(sandbox):
    """The store of the running sandbox: lists exist for objects, and objects are made by other parts."""
    return Store(sandbox.var_dir / "sandbox" / "workspace.db", SCHEMAS)


def principal(store, name, kind=USER, groups=()):
    with store.connection() as connection:
        return ensure_principal(connection, name, kind, list(groups))


@pytest.fixture
def endpoint_id(store):
    object_id = uuid.uuid4().hex
    register(store, TYPE, object_id, principal(store, "creator@example.com"))
    return object_id


def direct(answer):
    """Name and level of the entries that are not inherited."""
    return {
        (entry.user_name or entry.group_name or entry.service_principal_name): level.permission_level.value
        for entry in answer.access_control_list
        for level in entry.all_permissions
        if not level.inherited
    }


def test_whoever_creates_an_object_may_manage_it(sandbox, endpoint_id):
    answer = sandbox.client().permissions.get(TYPE, endpoint_id)
    assert answer.object_type == "serving-endpoint"
    assert answer.object_id == f"/serving-endpoints/{endpoint_id}"
    assert direct(answer) == {"creator@example.com": "CAN_MANAGE"}
    (admins,) = [entry for entry in answer.access_control_list if entry.group_name == "admins"]
    assert admins.all_permissions[0].inherited


def test_a_list_is_replaced_or_changed(sandbox, endpoint_id):
    from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel

    client = sandbox.client()
    manage = AccessControlRequest(user_name="boss@example.com", permission_level=PermissionLevel.CAN_MANAGE)
    view = AccessControlRequest(group_name="readers", permission_level=PermissionLevel.CAN_VIEW)
    query = AccessControlRequest(group_name="readers", permission_level=PermissionLevel.CAN_QUERY)
    assert direct(client.permissions.set(TYPE, endpoint_id, access_control_list=[manage, view])) == {
        "boss@example.com": "CAN_MANAGE",
        "readers": "CAN_VIEW",
    }
    assert direct(client.permissions.update(TYPE, endpoint_id, access_control_list=[query])) == {
        "boss@example.com": "CAN_MANAGE",
        "readers": "CAN_QUERY",
    }


def test_a_service_principal_named_as_a_user_comes_back_as_what_it_is(sandbox, endpoint_id):
    from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel

    wanted = AccessControlRequest(user_name=CLIENT_ID, permission_level=PermissionLevel.CAN_MANAGE)
    answer = sandbox.client().permissions.set(TYPE, endpoint_id, access_control_list=[wanted])
    (entry,) = [entry for entry in answer.access_control_list if not entry.group_name]
    assert (entry.service_principal_name, entry.user_name) == (CLIENT_ID, None)


def test_the_levels_of_a_type_can_be_asked_for(sandbox, endpoint_id):
    levels = sandbox.client().permissions.get_permission_levels(TYPE, endpoint_id).permission_levels
    assert [item.permission_level.value for item in levels] == ["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"]


@pytest.mark.parametrize(
    "entry",
    [
        {"user_name": "a", "permission_level": "CAN_FLY"},
        {"permission_level": "CAN_VIEW"},
        {"user_name": "a", "group_name": "b", "permission_level": "CAN_VIEW"},
        {"user_name": "a"},
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_and_changes_nothing(sandbox, endpoint_id, entry):
    url = f"{sandbox.url}/api/2.0/permissions/{TYPE}/{endpoint_id}"
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    answer = http.put(url, json={"access_control_list": [entry]}, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert direct(sandbox.client().permissions.get(TYPE, endpoint_id)) == {"creator@example.com": "CAN_MANAGE"}


def test_an_unknown_object_does_not_exist(sandbox):
    from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist

    with pytest.raises(ResourceDoesNotExist):
        sandbox.client().permissions.get(TYPE, "0" * 32)
    with pytest.raises(InvalidParameterValue):
        sandbox.client().permissions.get("planets", "1")


def test_who_may_only_view_may_not_change(sandbox, store, endpoint_id):
    from databricks.sdk.errors import PermissionDenied
    from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel

    reader = sandbox.client(sandbox.new_user("reader@example.com", ["acl-readers"]))
    with pytest.raises(PermissionDenied):
        reader.permissions.get(TYPE, endpoint_id)
    view = AccessControlRequest(group_name="acl-readers", permission_level=PermissionLevel.CAN_VIEW)
    sandbox.client().permissions.update(TYPE, endpoint_id, access_control_list=[view])
    assert "acl-readers" in direct(reader.permissions.get(TYPE, endpoint_id))
    with pytest.raises(PermissionDenied):
        reader.permissions.update(TYPE, endpoint_id, access_control_list=[view])


def test_the_strongest_level_of_a_principal_counts(store, endpoint_id):
    object_id = endpoint_id
    creator = principal(store, "creator@example.com")
    nobody = principal(store, "nobody@example.com")
    admin = principal(store, "root@example.com", groups=["admins"])
    robot = principal(store, str(uuid.uuid4()), SERVICE_PRINCIPAL)
    assert permission_level(store, creator, TYPE, object_id) == "CAN_MANAGE"
    assert permission_level(store, nobody, TYPE, object_id) is None
    assert permission_level(store, robot, TYPE, object_id) is None
    assert permission_level(store, admin, TYPE, object_id) == "CAN_MANAGE"
