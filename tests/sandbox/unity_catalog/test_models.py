from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sandbox.disk import inside
from sandbox.mlflow.artifacts import for_plain_client, for_server, for_workspace_client, local_path
from sandbox.web.errors import ApiError
from tests import http
from tests.sandbox.endpoint_models import register
from tests.sandbox.running import ROOT

PLAIN, UC = "science.plain.doubler", "science_uc.uc.doubler"


def mlflow_session(sandbox, kind, full_name, token=None):
    token = token or sandbox.admin_token
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    }
    if kind == "plain":
        environ |= {"MLFLOW_TRACKING_URI": sandbox.url, "MLFLOW_TRACKING_TOKEN": token}
    else:
        environ |= {"DATABRICKS_HOST": sandbox.url, "DATABRICKS_TOKEN": token, "DATABRICKS_CONFIG_FILE": "/dev/null"}
    return subprocess.run(
        [sys.executable, "-m", "tests.sandbox.unity_catalog.mlflow_session", kind, full_name],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=200,
    )


def seen(done):
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def plain(sandbox):
    """What a data scientist saw who registered `PLAIN` with nothing but MLflow."""
    return seen(mlflow_session(sandbox, "plain", PLAIN))


@pytest.fixture(scope="module")
def uc(sandbox):
    """What a data scientist saw who works against `databricks` and `databricks-uc`."""
    client = sandbox.client()
    client.catalogs.create(name="science_uc")
    client.schemas.create(name="uc", catalog_name="science_uc")
    return seen(mlflow_session(sandbox, "databricks", UC))


def test_a_model_registered_with_plain_mlflow_is_a_model_of_unity_catalog(sandbox, plain):
    client = sandbox.client()
    model = client.registered_models.get(PLAIN)
    assert (model.full_name, model.owner) == (PLAIN, "admin@example.com")
    version = client.model_versions.get(PLAIN, 1)
    assert (version.version, version.status.value, version.run_id) == (1, "READY", plain["run_id"])
    assert version.created_by == "admin@example.com"
    assert version.source.startswith("models:/m-")
    assert client.schemas.get("science.plain").owner == "admin@example.com"
    assert plain["prediction"] == [42.0]
    assert plain["notes"] == "hello"


def test_a_model_registered_through_unity_catalog_is_loaded_by_its_alias(sandbox, uc):
    assert uc["status"] == "READY"
    assert uc["prediction"] == [42.0]
    assert uc["notes"] == "hello"
    assert uc["tags"] == {"stage": "candidate"}
    assert UC in uc["models"]
    assert uc["artifact_uri"].startswith("dbfs:/databricks/mlflow-tracking/")
    version = sandbox.client().model_versions.get_by_alias(UC, "champion", include_aliases=True)
    assert (version.version, version.run_id) == (1, uc["run_id"])
    assert [alias.alias_name for alias in version.aliases] == ["champion"]


@pytest.mark.parametrize(("name", "fixture"), [(PLAIN, "plain"), (UC, "uc")])
def test_the_files_of_a_version_are_read_whatever_way_it_was_registered(sandbox, request, name, fixture):
    request.getfixturevalue(fixture)
    client = sandbox.client()
    folder = f"/Models/{name.replace('.', '/')}/1"
    names = [item.name for item in client.files.list_directory_contents(folder)]
    assert "MLmodel" in names
    assert b"flavors:" in client.files.download(f"{folder}/MLmodel").contents.read()
    assert client.files.get_metadata(f"{folder}/MLmodel").content_length > 0


def test_a_finished_version_can_not_be_overwritten(sandbox, uc):
    import io

    from databricks.sdk.errors import PermissionDenied

    with pytest.raises(PermissionDenied):
        sandbox.client().files.upload("/Models/science_uc/uc/doubler/1/MLmodel", io.BytesIO(b"x"), overwrite=True)


def test_aliases_are_shown_only_to_those_who_ask(sandbox, plain):
    client = sandbox.client()
    assert not client.registered_models.get(PLAIN).aliases
    (alias,) = client.registered_models.get(PLAIN, include_aliases=True).aliases
    assert (alias.alias_name, alias.version_num) == ("champion", 1)


def test_databricks_uc_needs_the_catalog_to_exist(sandbox):
    done = mlflow_session(sandbox, "databricks", "nowhere.at.all")
    assert done.returncode != 0
    assert "Catalog 'nowhere' does not exist." in done.stderr


def test_mlflow_needs_a_token(sandbox):
    done = mlflow_session(sandbox, "plain", "science.plain.other", token="dapi-unknown")
    assert done.returncode != 0
    assert "Invalid access token." in done.stderr


@pytest.fixture
def model(sandbox, request):
    """A model without files and two versions of it, one of them pending."""
    client = sandbox.client()
    name = "".join(char if char.isalnum() else "_" for char in request.node.name).lower()[:120]
    created = client.registered_models.create(catalog_name="main", schema_name="default", name=name, comment="first")
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    with http.Client(base_url=f"{sandbox.url}/api/2.0/mlflow/unity-catalog/", headers=headers) as raw:
        for _ in range(2):
            body = {"name": created.full_name, "source": "dbfs:/tmp/model"}
            version = raw.post("model-versions/create", json=body).json()["model_version"]
            assert version["status"] == "PENDING_REGISTRATION"
        raw.post("model-versions/finalize", json={"name": created.full_name, "version": "1"}).raise_for_status()
    yield created.full_name
    client.registered_models.delete(created.full_name)


def test_a_version_is_pending_until_it_is_finalized(sandbox, model):
    versions = sandbox.client().model_versions.list(model)
    assert [(item.version, item.status.value) for item in versions] == [(1, "READY"), (2, "PENDING_REGISTRATION")]


def test_versions_come_in_pages(sandbox, model):
    versions = sandbox.client().model_versions.list(model, max_results=1)
    assert [item.version for item in versions] == [1, 2]


def test_an_alias_moves_and_goes(sandbox, model):
    from databricks.sdk.errors import ResourceDoesNotExist

    models = sandbox.client().registered_models
    versions = sandbox.client().model_versions
    assert models.set_alias(model, "champion", 1).version_num == 1
    models.set_alias(model, "champion", 2)
    assert versions.get_by_alias(model, "champion").version == 2
    models.delete_alias(model, "champion")
    for attempt in (
        lambda: versions.get_by_alias(model, "champion"),
        lambda: models.delete_alias(model, "champion"),
        lambda: models.set_alias(model, "champion", 99),
    ):
        with pytest.raises(ResourceDoesNotExist):
            attempt()


def test_a_version_is_described_and_deleted(sandbox, model):
    from databricks.sdk.errors import ResourceDoesNotExist

    versions = sandbox.client().model_versions
    versions.update(model, 1, comment="the good one")
    assert versions.get(model, 1).comment == "the good one"
    versions.delete(model, 1)
    with pytest.raises(ResourceDoesNotExist):
        versions.get(model, 1)
    assert [item.version for item in versions.list(model)] == [2]


def test_a_model_is_changed_and_renamed_with_its_versions(sandbox, model):
    models = sandbox.client().registered_models
    changed = models.update(model, comment="second", owner="someone@example.com")
    assert (changed.comment, changed.owner) == ("second", "someone@example.com")
    renamed = models.update(model, new_name=f"{model.rpartition('.')[2]}_new")
    assert [item.version for item in sandbox.client().model_versions.list(renamed.full_name)] == [1, 2]
    models.update(renamed.full_name, new_name=model.rpartition(".")[2])


def test_a_model_exists_once(sandbox, model):
    from databricks.sdk.errors import ResourceAlreadyExists, ResourceConflict

    catalog_name, schema_name, name = model.split(".")
    with pytest.raises((ResourceAlreadyExists, ResourceConflict)):
        sandbox.client().registered_models.create(catalog_name=catalog_name, schema_name=schema_name, name=name.upper())


def test_models_are_listed_by_schema_and_in_pages(sandbox, model, plain):
    models = sandbox.client().registered_models
    listed = [item.full_name for item in models.list(catalog_name="main", schema_name="default", max_results=1)]
    assert model in listed
    assert PLAIN not in listed
    assert {model, PLAIN} <= {item.full_name for item in models.list()}


def test_a_model_deleted_with_plain_mlflow_is_gone_from_unity_catalog(sandbox):
    from databricks.sdk.errors import ResourceDoesNotExist

    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    with http.Client(base_url=f"{sandbox.url}/api/2.0/mlflow/registered-models/", headers=headers) as raw:
        raw.post("create", json={"name": "passing.by.model"}).raise_for_status()
        raw.post("rename", json={"name": "passing.by.model", "new_name": "passing.by.renamed"}).raise_for_status()
        assert sandbox.client().registered_models.get("passing.by.renamed").owner == "admin@example.com"
        raw.request("DELETE", "delete", json={"name": "passing.by.renamed"}).raise_for_status()
    with pytest.raises(ResourceDoesNotExist):
        sandbox.client().registered_models.get("passing.by.renamed")
    sandbox.client().schemas.delete("passing.by")


def test_whoever_registers_a_version_with_plain_mlflow_is_remembered(sandbox):
    register(sandbox, "science.shared.moody")
    token = sandbox.new_user("second@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    source = "models:/science.shared.moody/1"
    body = {"name": "science.shared.moody", "source": source}
    answer = http.post(f"{sandbox.url}/api/2.0/mlflow/model-versions/create", json=body, headers=headers)
    answer.raise_for_status()
    client = sandbox.client()
    assert client.model_versions.get("science.shared.moody", 3).created_by == "second@example.com"
    assert client.model_versions.get("science.shared.moody", 1).created_by == "admin@example.com"
    assert client.files.get_directory_metadata("/Models/science/shared/moody/3") is None
    assert client.files.get_metadata("/Models/science/shared/moody/3/MLmodel").content_length > 0


def test_the_names_of_places_are_translated_for_each_kind_of_client():
    server = '["mlflow-artifacts:/1/r/artifacts", "mlflow-artifacts:/1/models/m-2/artifacts", "dbfs:/unity-catalog/x"]'
    workspace = for_workspace_client(server)
    assert '"dbfs:/databricks/mlflow-tracking/1/r/artifacts"' in workspace
    assert '"dbfs:/databricks/mlflow-tracking/1/logged_models/m-2/artifacts"' in workspace
    assert for_server(workspace) == server
    assert '"mlflow-artifacts:/unity-catalog/x"' in for_plain_client(server)
    assert for_server(for_plain_client(server)) == server


@pytest.mark.parametrize("uri", ["s3://bucket/model", "mlflow-artifacts://other/1/m", "file:///etc", "runs:/1/m"])
def test_artifacts_outside_of_the_workspace_have_no_local_path(tmp_path, uri):
    with pytest.raises(ApiError) as refused:
        local_path(tmp_path, uri)
    assert refused.value.error_code == "INVALID_STATE"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/../x"])
def test_no_path_leads_out_of_its_directory(tmp_path, path):
    with pytest.raises(ApiError):
        inside(tmp_path, path)
