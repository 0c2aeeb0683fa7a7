"""Drift from end to end: jobs of a real sandbox count a real Delta table, and the portal judges what comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from accounts.models import Team, User
from deployments.models import Deployment
from integrations import databricks
from monitoring.drift import counting as drift
from monitoring.drift.judging import judged
from monitoring.models import Baseline, DriftJob, DriftWindow
from tests.deployments.conftest import make_deployment
from tests.factories import EnvironmentFactory, ModelVersionFactory, RegisteredModelFactory, WorkspaceFactory
from tests.monitoring.drift.drifting import Traffic, give_table, normal, shifted
from tests.sandbox.delta_tables import add_table
from tests.sandbox.running import ADMIN_TOKEN, RunningSandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
CATALOG = "drift_tests"


@pytest.fixture
def watched(sandbox: RunningSandbox, team: Team, deployer: User, tmp_path: Path) -> Deployment:
    """5,000 normal predictions, then 5,000 with ``amount`` and ``country`` shifted."""
    workspace = WorkspaceFactory.create(host=sandbox.url)
    EnvironmentFactory.create(workspace=workspace, catalog_name=CATALOG)
    model = RegisteredModelFactory.create(workspace=workspace, team=team, catalog_name=CATALOG, name="card_fraud")
    version = ModelVersionFactory.create(model=model, version=3)
    deployment = make_deployment(version, deployer, "card-fraud")
    Deployment.objects.update(created_at=NINE)
    deployment.refresh_from_db()
    give_table(deployment)
    traffic = Traffic(tmp_path / "table")
    traffic.send(5000, NINE, normal)
    traffic.send(5000, NINE + HOUR, shifted)
    add_table(
        sandbox, f"{CATALOG}.{model.schema_name}.card_fraud_payload", DeltaTable(str(traffic.path)).to_pyarrow_table()
    )
    return deployment


def test_jobs_of_the_workspace_find_exactly_the_shifted_features(watched: Deployment, sandbox: RunningSandbox) -> None:
    remote = databricks.WorkspaceClient(sandbox.url, databricks.Credentials(token=ADMIN_TOKEN), retry_timeout_s=5)
    now = NINE + 2 * HOUR

    def has_counted() -> bool:
        deployment = Deployment.objects.select_related("workspace", "model", "environment").get(pk=watched.pk)
        job = drift.step(deployment, connect=lambda _: remote, now=now)
        assert job is not None
        assert job.status != DriftJob.Status.FAILED, job.message
        assert job.message == ""
        return job.counted_until is not None

    wait_until(has_counted, 180)
    baseline = Baseline.objects.get()
    assert (baseline.source, baseline.rows) == ("traffic", 5000)
    assert list(DriftWindow.objects.values_list("start", "rows")) == [(NINE, 5000), (NINE + HOUR, 5000)]
    watched.refresh_from_db()
    found = judged(watched, now)
    assert {item.name for item in found.features if item.status == "drift"} == {"amount", "country"}
    first = judged(watched, now, (NINE, NINE + HOUR))
    assert {item.name for item in first.features if item.status == "drift"} == set()
