"""The adapter and the mirror against the real sandbox: models logged with plain MLflow, nothing faked."""

import os
import subprocess
import sys

import pytest

from catalog.mirror.reading import sync_workspace
from catalog.models import RegisteredModel
from integrations import databricks
from integrations.errors import IntegrationError
from tests.factories import EnvironmentFactory, TeamFactory, WorkspaceFactory
from tests.sandbox.running import ADMIN_TOKEN, ROOT

CATALOG = "catalog_tests"
NAME = f"{CATALOG}.fraud.card_fraud"


@pytest.fixture(scope="session")
def remote(sandbox):
    """The workspace, with two versions of a model in a catalog of its own.

    For the session, since tests with a database run before the others.
    """
    client = sandbox.client()
    client.catalogs.create(name=CATALOG)
    client.schemas.create(name="fraud", catalog_name=CATALOG)
    environ = os.environ | {
        "MLFLOW_TRACKING_URI": sandbox.url,
        "MLFLOW_TRACKING_TOKEN": ADMIN_TOKEN,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    argv = [sys.executable, "-m", "tests.catalog.card_fraud_versions", NAME]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return databricks.WorkspaceClient(sandbox.url, databricks.Credentials(token=ADMIN_TOKEN), retry_timeout_s=5)


def test_the_sandbox_is_read_like_a_workspace(remote):
    assert remote.current_user() == "admin@example.com"
    assert [model.full_name for model in remote.list_models(CATALOG)] == [NAME]
    assert [version.version for version in remote.list_versions(NAME)] == [2, 1]
    assert remote.get_version(NAME, 2).status == "READY"
    assert remote.aliases(NAME) == {"champion": 1}
    assert remote.resolve_alias(NAME, "champion").version == 1
    assert remote.model_tags(NAME)["risk"] == "high"
    assert remote.get_endpoint("nothing") is None


def test_details_are_those_that_mlflow_logged(remote):
    details = remote.version_details(NAME, 2, run_id=remote.get_version(NAME, 2).run_id)
    assert [column["name"] for column in details.signature["inputs"]] == ["amount", "country"]
    assert details.input_example["dataframe_split"]["columns"] == ["amount", "country"]
    assert "sklearn" in details.flavors
    assert details.metrics["auc"] == 0.9
    assert details.params["solver"] == "lbfgs"
    assert any(line.startswith("scikit-learn") for line in details.requirements)


def test_what_the_sandbox_refuses_is_permanent(sandbox, remote):
    with pytest.raises(IntegrationError) as raised:
        remote.get_version(NAME, 99)
    assert raised.value.permanent
    stranger = databricks.WorkspaceClient(sandbox.url, databricks.Credentials(token="dapi-nobody"), retry_timeout_s=2)
    with pytest.raises(IntegrationError) as raised:
        stranger.current_user()
    assert raised.value.permanent


@pytest.mark.django_db
def test_the_mirror_shows_what_was_registered(remote):
    workspace = WorkspaceFactory.create()
    EnvironmentFactory.create(workspace=workspace, catalog_name=CATALOG)
    team = TeamFactory.create(slug="fraud")
    outcome = sync_workspace(workspace.pk, connect=lambda _: remote)
    assert outcome is not None
    assert outcome.errors == []
    model = RegisteredModel.objects.get()
    assert (model.full_name, model.team, model.alias_versions) == (NAME, team, {"champion": 1})
    latest = model.latest
    assert latest is not None
    assert (latest.version, latest.metrics["auc"]) == (2, 0.9)
    assert latest.input_example is not None
    assert latest.training_table == ("catalog_tests.fraud.history", 2)
    assert [(data["name"], data["source_type"]) for data in latest.datasets] == [("frauds", "delta_table")]
    assert latest.feature_importance == {"amount": 1.0, "country": 0.25}
