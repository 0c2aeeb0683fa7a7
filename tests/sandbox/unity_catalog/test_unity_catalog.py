from __future__ import annotations

import itertools

import httpx
import pytest

from tests import http

_numbers = itertools.count()


@pytest.fixture
def admin(sandbox):
    return sandbox.client()


@pytest.fixture
def catalog(admin):
    """The name of a catalog of this test alone."""
    return admin.catalogs.create(name=f"uc{next(_numbers)}").name


@pytest.fixture
def schema(admin, catalog):
    return admin.schemas.create(name="s", catalog_name=catalog).full_name


def test_a_workspace_starts_with_main_and_a_metastore(admin):
    assert {"main", "system"} <= {item.name for item in admin.catalogs.list()}
    assignment = admin.metastores.current()
    assert assignment.default_catalog_name == "main"
    assert admin.metastores.summary().metastore_id == assignment.metastore_id


def test_names_are_lower_cased(admin, catalog):
    created = admin.schemas.create(name="MixedCase", catalog_name=catalog.upper())
    assert created.full_name == f"{catalog}.mixedcase"
    assert admin.schemas.get(f"{catalog}.MIXEDCASE").schema_id == created.schema_id


def test_a_schema_answers_with_the_documented_fields_and_no_unset_ones(sandbox, admin, catalog):
    admin.schemas.create(name="plain", catalog_name=catalog)
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    raw = http.get(f"{sandbox.url}/api/2.1/unity-catalog/schemas/{catalog}.plain", headers=headers).json()
    assert raw["owner"] == "admin@example.com"
    assert raw["catalog_name"] == catalog
    assert raw["created_at"] == raw["updated_at"]
    assert not {"properties", "comment", "storage_root"} & raw.keys()
    admin.schemas.create(name="rich", catalog_name=catalog, comment="c", properties={"a": "b"})
    rich = admin.schemas.get(f"{catalog}.rich")
    assert (rich.comment, rich.properties) == ("c", {"a": "b"})


def test_a_schema_is_updated_and_renamed_with_what_it_holds(admin, schema, catalog):
    from databricks.sdk.service.catalog import VolumeType

    admin.volumes.create(catalog_name=catalog, schema_name="s", name="v", volume_type=VolumeType.MANAGED)
    changed = admin.schemas.update(schema, comment="new", owner="someone@example.com", new_name="S2")
    assert (changed.full_name, changed.comment, changed.owner) == (f"{catalog}.s2", "new", "someone@example.com")
    assert admin.volumes.read(f"{catalog}.s2.v").schema_name == "s2"


def test_only_an_empty_schema_is_deleted_without_force(admin, schema, catalog):
    from databricks.sdk.errors import BadRequest, ResourceDoesNotExist
    from databricks.sdk.service.catalog import VolumeType

    admin.volumes.create(catalog_name=catalog, schema_name="s", name="v", volume_type=VolumeType.MANAGED)
    admin.registered_models.create(catalog_name=catalog, schema_name="s", name="m")
    with pytest.raises(BadRequest):
        admin.schemas.delete(schema)
    admin.schemas.delete(schema, force=True)
    for get in (lambda: admin.schemas.get(schema), lambda: admin.registered_models.get(f"{schema}.m")):
        with pytest.raises(ResourceDoesNotExist):
            get()


def test_what_does_not_exist_is_named(admin, catalog, schema):
    from databricks.sdk.errors import ResourceDoesNotExist

    cases = {
        "nowhere.s.m": "Catalog 'nowhere' does not exist.",
        f"{catalog}.nowhere.m": f"Schema '{catalog}.nowhere' does not exist.",
        f"{schema}.nothing": f"Registered model '{schema}.nothing' does not exist.",
    }
    for full_name, message in cases.items():
        with pytest.raises(ResourceDoesNotExist, match=message):
            admin.registered_models.get(full_name)
    with pytest.raises(ResourceDoesNotExist):
        list(admin.schemas.list("nowhere"))


def test_a_name_is_used_once(admin, catalog, schema):
    from databricks.sdk.errors import ResourceAlreadyExists, ResourceConflict

    with pytest.raises((ResourceAlreadyExists, ResourceConflict)):
        admin.catalogs.create(name=catalog)
    with pytest.raises((ResourceAlreadyExists, ResourceConflict)):
        admin.schemas.create(name="S", catalog_name=catalog)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a/b", "x" * 256])
def test_a_bad_name_is_an_invalid_parameter(admin, catalog, name):
    from databricks.sdk.errors import InvalidParameterValue

    with pytest.raises(InvalidParameterValue):
        admin.schemas.create(name=name, catalog_name=catalog)


def test_lists_come_in_pages(sandbox, admin, catalog):
    for number in range(5):
        admin.schemas.create(name=f"p{number}", catalog_name=catalog)
    listed = [item.name for item in admin.schemas.list(catalog, max_results=2)]
    assert listed == ["default", "p0", "p1", "p2", "p3", "p4"]
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    query = {"catalog_name": catalog, "max_results": 6}
    answer = http.get(f"{sandbox.url}/api/2.1/unity-catalog/schemas", params=query, headers=headers).json()
    assert len(answer["schemas"]) == 6
    assert "next_page_token" not in answer


def test_a_stranger_may_look_but_not_touch(sandbox, admin, catalog, schema):
    from databricks.sdk.errors import PermissionDenied
    from databricks.sdk.service.catalog import PermissionsChange, Privilege

    stranger = sandbox.client(sandbox.new_user(f"stranger-{catalog}@example.com", [f"team-{catalog}"]))
    assert stranger.schemas.get(schema).full_name == schema
    for attempt in (
        lambda: stranger.catalogs.create(name=f"{catalog}x"),
        lambda: stranger.schemas.create(name="own", catalog_name=catalog),
        lambda: stranger.schemas.delete(schema),
        lambda: stranger.registered_models.create(catalog_name=catalog, schema_name="s", name="m"),
        lambda: stranger.grants.update("schema", schema, changes=[]),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    allow = PermissionsChange(principal=f"team-{catalog}", add=[Privilege.CREATE_MODEL])
    admin.grants.update("catalog", catalog, changes=[allow])
    created = stranger.registered_models.create(catalog_name=catalog, schema_name="s", name="m")
    assert created.owner == f"stranger-{catalog}@example.com"
    stranger.registered_models.delete(created.full_name)


def test_grants_on_a_model_go_by_the_type_function(admin, catalog, schema):
    from databricks.sdk.service.catalog import PermissionsChange, Privilege

    admin.registered_models.create(catalog_name=catalog, schema_name="s", name="m")
    model = f"{schema}.m"
    add = [
        PermissionsChange(principal="readers", add=[Privilege.EXECUTE]),
        PermissionsChange(principal="owners", add=[Privilege.MANAGE, Privilege.APPLY_TAG]),
    ]
    admin.grants.update("function", model, changes=add)
    change = PermissionsChange(principal="owners", remove=[Privilege.APPLY_TAG])
    answer = admin.grants.update("function", model, changes=[change])
    assert {item.principal: item.privileges for item in answer.privilege_assignments} == {
        "owners": [Privilege.MANAGE],
        "readers": [Privilege.EXECUTE],
    }
    assert admin.grants.get("function", model, principal="readers").privilege_assignments[0].principal == "readers"


def test_effective_grants_say_from_where_they_come(admin, catalog, schema):
    from databricks.sdk.service.catalog import PermissionsChange, Privilege

    use = PermissionsChange(principal="team", add=[Privilege.USE_SCHEMA])
    admin.grants.update("catalog", catalog, changes=[use])
    admin.grants.update("schema", schema, changes=[PermissionsChange(principal="team", add=[Privilege.EXECUTE])])
    (assignment,) = admin.grants.get_effective("schema", schema, principal="team").privilege_assignments
    found = {item.privilege: item.inherited_from_name for item in assignment.privileges}
    assert found == {Privilege.EXECUTE: None, Privilege.USE_SCHEMA: catalog}


@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        ("schema/{s}", [{"principal": "p", "add": ["EXECUTE"], "remove": ["EXECUTE"]}], "Duplicate privileges to add"),
        ("schema/{s}", [{"principal": "p", "add": ["FLY"]}], "FLY"),
        ("schema/{s}", [{"principal": "", "add": ["EXECUTE"]}], "principal"),
        ("planet/{s}", [], "planet"),
    ],
)
def test_a_change_of_grants_that_makes_no_sense_is_refused(sandbox, schema, path, changes, words):
    url = f"{sandbox.url}/api/2.1/unity-catalog/permissions/{path.format(s=schema)}"
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    answer = httpx.patch(url, json={"changes": changes}, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert words in answer.json()["message"]


def test_privileges_are_compared_without_case_and_with_blanks(sandbox, admin, schema):
    url = f"{sandbox.url}/api/2.1/unity-catalog/permissions/schema/{schema}"
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    changes = [{"principal": "p", "add": ["use schema"]}]
    answer = httpx.patch(url, json={"changes": changes}, headers=headers).json()
    assert answer["privilege_assignments"] == [{"principal": "p", "privileges": ["USE_SCHEMA"]}]


def test_a_volume_lives_and_dies(admin, catalog, schema):
    from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist
    from databricks.sdk.service.catalog import VolumeType

    created = admin.volumes.create(catalog_name=catalog, schema_name="s", name="V", volume_type=VolumeType.MANAGED)
    assert created.full_name == f"{schema}.v"
    assert created.storage_location.endswith(f"/volumes/{created.volume_id}")
    assert admin.volumes.update(created.full_name, comment="c", new_name="w").comment == "c"
    assert [item.name for item in admin.volumes.list(catalog, "s")] == ["w"]
    with pytest.raises(InvalidParameterValue, match="storage_location can not be provided"):
        admin.volumes.create(
            catalog_name=catalog, schema_name="s", name="x", volume_type=VolumeType.MANAGED, storage_location="s3://x"
        )
    admin.volumes.delete(f"{schema}.w")
    with pytest.raises(ResourceDoesNotExist):
        admin.volumes.read(f"{schema}.w")


def test_tables_that_are_not_there_are_said_not_to_exist(admin, catalog, schema):
    from databricks.sdk.errors import ResourceDoesNotExist

    assert admin.tables.exists(f"{schema}.t").table_exists is False
    assert list(admin.tables.list(catalog, "s")) == []
    with pytest.raises(ResourceDoesNotExist):
        admin.tables.get(f"{schema}.t")


def test_tags_are_assigned_to_entities(admin, schema):
    from databricks.sdk.errors import ResourceDoesNotExist
    from databricks.sdk.service.catalog import EntityTagAssignment

    tags = admin.entity_tag_assignments
    wanted = EntityTagAssignment(entity_type="schemas", entity_name=schema, tag_key="cost", tag_value="1")
    assert tags.create(wanted).tag_value == "1"
    wanted.tag_value = "2"
    tags.update("schemas", schema, "cost", wanted, update_mask="tag_value")
    assert [item.tag_value for item in tags.list("schemas", schema)] == ["2"]
    tags.delete("schemas", schema, "cost")
    with pytest.raises(ResourceDoesNotExist):
        tags.get("schemas", schema, "cost")
