"""Whole runs with a real Terraform and half a workspace, for tests."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from catalog.models import ModelVersion
from deployments.deployment.specs import parse_spec
from deployments.models import Event, Run
from deployments.runs import queue, services
from deployments.runs.statuses import RunStatus
from deployments.stages import context as stage_context
from deployments.stages import runner
from integrations.databricks.credentials import Credentials
from integrations.databricks.records import QueryResult, Version
from integrations.databricks.workspace import WorkspaceClient
from tests.terraform.fake_workspace import TOKEN, FakeWorkspace
from tests.terraform.loopback import Answer, Request, serve


class HalfWorkspace(WorkspaceClient):
    """Endpoints over HTTP to the fake; what the fake has no routes for is answered here."""

    def get_version(self, full_name: str, version: int | str) -> Version:
        return Version(full_name, int(version), "READY")

    def has_grant(self, full_name: str, principal: str, privilege: str) -> bool:
        return True

    def query(self, name: str, body: Any, *, timeout_s: float) -> QueryResult:
        return QueryResult(200, {"predictions": [0]}, 12.0, "card_fraud-3")

    def build_logs(self, name: str, entity: str) -> str:
        return "step 1\nno space left"


@pytest.fixture
def workspace_api(
    settings: Settings,
    live_server: LiveServer,
    tmp_path: Path,
    installed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    model_version: ModelVersion,
) -> Any:
    fake = FakeWorkspace()
    settings.INTERNAL_URL = live_server.url
    settings.TERRAFORM_HOME = Path(installed["cli_config"]).parent
    settings.RUN_DIR = tmp_path / "runs"
    settings.ALLOWED_HOSTS = ["*"]
    monkeypatch.setenv("TEST_DATABRICKS_TOKEN", TOKEN)
    with serve(fake.respond) as url:
        fake.url = url
        environment_workspace = model_version.model.workspace
        environment_workspace.host = url
        environment_workspace.save()
        connection = HalfWorkspace(url, Credentials(token=TOKEN), retry_timeout_s=1)
        monkeypatch.setattr(stage_context, "connect", lambda row: connection)
        yield fake


@pytest.fixture
def deploy(deployer: User, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    # Tests advance runs themselves.
    monkeypatch.setattr(queue, "advance_soon", lambda run_id: None)

    def ask(version: str = "3") -> Run:
        spec = {"model": "staging.fraud.card_fraud", "version": version, "environment": "staging", "name": "card-fraud"}
        return services.request_deployment(spec=parse_spec(spec), actor=deployer)

    return ask


def advance_to_the_end(run: Run, limit: int = 20) -> Run:
    """What workers and beat do, without the waiting."""
    for _ in range(limit):
        Run.objects.filter(pk=run.pk).update(wake_at=None)
        runner.advance(run.pk)
        run.refresh_from_db()
        if run.is_finished or run.status == RunStatus.APPROVAL:
            return run
    raise AssertionError(f"run is still {run.status}: {run.waiting_for}")


def log_of(run: Run) -> str:
    return "\n".join(Event.objects.filter(run=run).values_list("message", flat=True))


def answer_500_to_the_create_once(fake: FakeWorkspace) -> Callable[[Request], Answer | None]:
    """The endpoint is created, and the workspace says it was not."""

    def lie(request: Request) -> Answer | None:
        if request.method != "POST" or request.path != "/api/2.0/serving-endpoints":
            return None
        fake.after.clear()
        return Answer(500, {"error_code": "INTERNAL_ERROR", "message": "try later"})

    return lie


def creations(fake: FakeWorkspace) -> int:
    return sum(1 for r in fake.requests if r.method == "POST" and r.path == "/api/2.0/serving-endpoints")


def advance_to(run: Run, status: RunStatus) -> Run:
    while run.status != status:
        assert not run.is_finished, log_of(run)
        runner.advance(run.pk)
        run.refresh_from_db()
    return run


@contextmanager
def working_on(run: Run) -> Iterator[None]:
    """A worker's thread that does the next stage of ``run`` while the block runs."""

    def work() -> None:
        runner.advance(run.pk)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)


def kill_processes_of(directory: Path) -> None:
    """SIGKILL whatever works in ``directory``: Terraform and its provider."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == directory:
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue
