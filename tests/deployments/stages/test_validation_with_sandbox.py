"""Preflight with a real job: versions logged with plain MLflow, tried by a process of the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Team, User
from catalog.mirror.reading import sync_workspace
from catalog.models import RegisteredModel
from deployments.models import Lease, Run, StageRecord, Validation
from deployments.runs.statuses import RunStatus
from deployments.stages.context import Context
from deployments.stages.outcomes import Wait
from deployments.stages.preflight import validating
from deployments.stages.preflight.check import Check
from integrations import databricks
from tests.deployments.conftest import make_deployment, make_run
from tests.factories import EnvironmentFactory, WorkspaceFactory
from tests.sandbox.running import ADMIN_TOKEN, ROOT, RunningSandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
CATALOG = "validation_tests"
NAME = f"{CATALOG}.fraud.doubler"


@pytest.fixture(scope="session")
def remote(sandbox: RunningSandbox) -> databricks.WorkspaceClient:
    client = sandbox.client()
    client.catalogs.create(name=CATALOG)
    client.schemas.create(name="fraud", catalog_name=CATALOG)
    environ = os.environ | {
        "MLFLOW_TRACKING_URI": sandbox.url,
        "MLFLOW_TRACKING_TOKEN": ADMIN_TOKEN,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    argv = [sys.executable, "-m", "tests.deployments.validated_versions", NAME]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return databricks.WorkspaceClient(sandbox.url, databricks.Credentials(token=ADMIN_TOKEN), retry_timeout_s=5)


@pytest.fixture
def model(remote: databricks.WorkspaceClient, team: Team) -> RegisteredModel:
    workspace = WorkspaceFactory.create(host=remote.host)
    EnvironmentFactory.create(workspace=workspace, catalog_name=CATALOG)
    sync_workspace(workspace.pk, connect=lambda _: remote)
    return RegisteredModel.objects.get(full_name=NAME)


def context_of(model: RegisteredModel, number: int, remote: databricks.WorkspaceClient, actor: User) -> Context:
    version = model.versions.get(version=number)
    run = make_run(make_deployment(version, actor, f"doubler-{number}"), RunStatus.PREFLIGHT)
    StageRecord.objects.create(run=run, stage=RunStatus.PREFLIGHT, started_at=timezone.now())
    context = Context(run=run, lease=Lease(run.pk, uuid.uuid4(), 1, recovered=False))
    context._workspace = remote
    return context


def settled(context: Context) -> dict[str, Check]:
    """The checks, once the job has ended; each try is what one wake-up of the run does."""
    found: list[Any] = []

    def is_settled() -> bool:
        found[:] = [validating.step(context, validating.under_way(context))]
        return not isinstance(found[0], Wait)

    wait_until(is_settled, 120)
    return {check.name: check for check in found[0]}


def test_a_good_version_is_loaded_tried_and_measured_once(
    model: RegisteredModel, remote: databricks.WorkspaceClient, deployer: User
) -> None:
    context = context_of(model, 1, remote, deployer)
    checks = settled(context)
    assert {check.result for check in checks.values()} == {"pass"}, checks
    assert set(checks) == {
        *("Loads", "Signature", "Predicts", "Output", "Latency", "Memory"),
        "Compared with champion",
    }
    validation = Validation.objects.get()
    assert (validation.status, validation.run) == ("passed", context.run)
    assert validation.result["predictions"] == 20
    assert 0 < validation.result["latency_median_ms"] <= validation.result["latency_p95_ms"]
    assert 20 < validation.result["peak_memory_mib"] < 4096
    assert validation.result["load_s"] > 0
    assert validation.job_url.endswith(f"/run/{validation.job_run_id}")
    noted = StageRecord.objects.get(run=context.run).detail["validation"]
    assert (noted["status"], noted["job_run_id"]) == ("passed", validation.job_run_id)
    Run.objects.filter(pk=context.run.pk).update(status=RunStatus.FAILED)
    context.run.deployment.delete()
    again = settled(context_of(model, 1, remote, deployer))
    assert Validation.objects.count() == 1
    assert "ago: " in again["Loads"].message


def test_a_version_that_raises_on_its_own_example_fails_with_the_reason(
    model: RegisteredModel, remote: databricks.WorkspaceClient, deployer: User
) -> None:
    checks = settled(context_of(model, 2, remote, deployer))
    assert checks["Predicts"].result == "fail"
    assert "ValueError: amounts are never negative" in checks["Predicts"].message
    assert checks["Loads"].result == "pass"
    assert checks["Compared with champion"] == Check(
        "Compared with champion", "warn", "against version 1: auc 0.8, was 0.9 (worse)."
    )
    assert Validation.objects.get().status == "failed"


def test_a_job_that_takes_too_long_is_cancelled(
    model: RegisteredModel, remote: databricks.WorkspaceClient, deployer: User, settings: Any
) -> None:
    context = context_of(model, 1, remote, deployer)
    assert isinstance(validating.step(context, None), Wait)
    settings.VALIDATION_TIMEOUT_S = 0
    checks = validating.step(context, validating.under_way(context))
    assert isinstance(checks, list)
    assert (checks[0].result, checks[0].message) == ("fail", "the validation job took longer than 0 s.")
    job_run_id = Validation.objects.get().job_run_id or 0
    wait_until(lambda: remote.job_run(job_run_id).is_finished, 60)
    assert remote.job_run(job_run_id).result_state == "CANCELED"
