"""A run from the queue to its end: real Terraform, the real state store over HTTP, a workspace with faults."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from catalog.models import Environment, ModelVersion
from deployments.deployment.specs import parse_spec
from deployments.models import Deployment, Event, Run, StateLock, StateVersion
from deployments.policies import approvals
from deployments.runs import queue, services
from deployments.runs.statuses import RunStatus
from deployments.stages import context as stage_context
from deployments.stages import runner, stopping
from deployments.tfstate import store as statestore
from integrations.databricks.credentials import Credentials
from integrations.databricks.records import QueryResult, Version
from integrations.databricks.workspace import Workspace
from tests.terraform.fake_workspace import TOKEN, FakeWorkspace
from tests.terraform.loopback import Answer, Request, serve
from tests.terraform.rig import installed
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("terraform")]

__all__ = ["installed"]


class HalfWorkspace(Workspace):
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


def test_a_deploy_run_goes_from_the_queue_to_a_tested_endpoint(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run]
) -> None:
    run = advance_to_the_end(deploy())
    assert run.status == RunStatus.SUCCEEDED, log_of(run)
    assert creations(workspace_api) == 1
    assert list(run.stages.values_list("stage", flat=True)) == [
        "preflight",
        "plan",
        "cost",
        "policy",
        "approval",
        "apply",
        "endpoint",
        "smoke",
        "rollout",
    ]
    deployment = Deployment.objects.get()
    assert deployment.endpoint_state().label == "Ready · up to date"
    assert deployment.live_version == "3"
    assert not StateLock.objects.exists()
    numbers = list(Event.objects.filter(run=run).values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_same_wish_again_changes_nothing(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    first = advance_to_the_end(deploy())
    again = services.request_update(deployment=first.deployment, spec=first.parsed_spec(), actor=deployer)
    assert advance_to_the_end(again).status == RunStatus.NO_CHANGE, log_of(again)


def test_destroying_deletes_the_endpoint_and_frees_the_name(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    first = advance_to_the_end(deploy())
    destroy = services.request_destroy(deployment=first.deployment, actor=deployer)
    assert advance_to_the_end(destroy).status == RunStatus.SUCCEEDED, log_of(destroy)
    assert workspace_api.endpoints == {}
    assert Deployment.objects.get().destroyed_at
    assert advance_to_the_end(deploy()).status == RunStatus.SUCCEEDED


def test_a_500_after_the_endpoint_was_created_leaves_one_endpoint_that_the_next_try_imports(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    workspace_api.after.append(answer_500_to_the_create_once(workspace_api))
    run = advance_to_the_end(deploy())
    assert run.status == RunStatus.FAILED
    assert "card-fraud" in str(run.stages.get(stage="apply").created)
    assert not StateLock.objects.exists()
    resumed = stopping.resume(run=run, actor=deployer)
    assert advance_to_the_end(resumed).status == RunStatus.SUCCEEDED, log_of(run)
    assert creations(workspace_api) == 1


def test_destroying_after_a_half_failed_create_deletes_what_it_left(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    workspace_api.after.append(answer_500_to_the_create_once(workspace_api))
    run = advance_to_the_end(deploy())
    assert run.status == RunStatus.FAILED
    assert workspace_api.endpoints
    destroy = services.request_destroy(deployment=run.deployment, actor=deployer)
    assert advance_to_the_end(destroy).status == RunStatus.SUCCEEDED, log_of(destroy)
    assert workspace_api.endpoints == {}


def test_destroying_what_was_never_created_frees_the_name(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    run = deploy()
    stopping.cancel(run=run, actor=deployer)
    destroy = services.request_destroy(deployment=run.deployment, actor=deployer)
    assert advance_to_the_end(destroy).status == RunStatus.SUCCEEDED, log_of(destroy)
    assert Deployment.objects.get().destroyed_at


def test_a_worker_lost_after_terraform_succeeded_does_not_apply_again(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = advance_to(deploy(), RunStatus.APPLY)

    with monkeypatch.context() as dying:
        dying.setattr("deployments.stages.apply.stage._judge", _die)
        with pytest.raises(WorkerDied):
            runner.advance(run.pk)
    Run.objects.filter(pk=run.pk).update(lease_expires_at="2020-01-01T00:00:00Z")
    assert advance_to_the_end(run).status == RunStatus.SUCCEEDED, log_of(run)
    assert creations(workspace_api) == 1


class WorkerDied(BaseException):
    """As far as the code of the stage can tell, the process ended here."""


def _die(*_: Any) -> None:
    raise WorkerDied


def test_a_failed_build_says_why(workspace_api: FakeWorkspace, deploy: Callable[..., Run]) -> None:
    workspace_api.build_error = "could not install scikit-learn"
    run = advance_to_the_end(deploy())
    assert run.status == RunStatus.FAILED
    assert "applying" in run.message
    assert not StateLock.objects.exists()


def test_state_is_encrypted_at_rest(workspace_api: FakeWorkspace, deploy: Callable[..., Run]) -> None:
    run = advance_to_the_end(deploy())
    newest = StateVersion.objects.filter(deployment=run.deployment).first()
    assert newest is not None
    assert b"card-fraud" not in bytes(newest.ciphertext)
    assert b"card-fraud" in (statestore.read(run.deployment_id) or b"")


def test_cancel_during_apply_stops_terraform_and_frees_the_lock(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    workspace_api.polls_until_ready = 10_000
    run = advance_to(deploy(), RunStatus.APPLY)
    with working_on(run):
        wait_until(lambda: "card-fraud" in workspace_api.endpoints, 20)
        began = time.monotonic()
        stopping.cancel(run=run, actor=deployer)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED, log_of(run)
    assert time.monotonic() - began < 30
    assert "the endpoint card-fraud exists" in run.message
    assert not StateLock.objects.exists()


def test_a_worker_that_dies_leaves_a_terraform_that_the_next_worker_follows(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace_api.polls_until_ready = 10_000
    run = advance_to(deploy(), RunStatus.APPLY)

    def die_when_created(context: stage_context.Context) -> bool:
        if "card-fraud" in workspace_api.endpoints:
            raise WorkerDied
        return False

    with monkeypatch.context() as dying:
        dying.setattr(stage_context.Context, "should_stop", die_when_created)
        with pytest.raises(WorkerDied):
            runner.advance(run.pk)
    assert StateLock.objects.filter(deployment=run.deployment).exists()
    workspace_api.polls_until_ready = 0
    Run.objects.filter(pk=run.pk).update(lease_expires_at="2020-01-01T00:00:00Z")
    assert advance_to_the_end(run).status == RunStatus.SUCCEEDED, log_of(run)
    assert "takes over without applying again" in log_of(run)
    assert log_of(run).count("Creating...") == 1
    assert log_of(run).count("Creation complete") == 1, "what Terraform said after the death is in the log too"
    assert creations(workspace_api) == 1
    assert not StateLock.objects.exists()


def test_a_terraform_that_was_lost_without_a_word_interrupts_the_run_and_resume_finishes_it(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace_api.polls_until_ready = 10_000
    run = advance_to(deploy(), RunStatus.APPLY)

    def die_with_terraform(context: stage_context.Context) -> bool:
        if "card-fraud" in workspace_api.endpoints:
            kill_processes_of(context.directory)
            raise WorkerDied
        return False

    with monkeypatch.context() as dying:
        dying.setattr(stage_context.Context, "should_stop", die_with_terraform)
        with pytest.raises(WorkerDied):
            runner.advance(run.pk)
    workspace_api.polls_until_ready = 0
    Run.objects.filter(pk=run.pk).update(lease_expires_at="2020-01-01T00:00:00Z")
    assert advance_to_the_end(run).status == RunStatus.INTERRUPTED, log_of(run)
    assert not StateLock.objects.exists()
    assert advance_to_the_end(stopping.resume(run=run, actor=deployer)).status == RunStatus.SUCCEEDED, log_of(run)
    assert creations(workspace_api) == 1


def test_production_waits_for_a_second_person_and_applies_the_plan_that_was_approved(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], approver: User, deployer: User
) -> None:
    Environment.objects.update(needs_approval=True)
    run = advance_to_the_end(deploy())
    assert run.status == RunStatus.APPROVAL
    assert runner.advance(run.pk) == []
    with pytest.raises(PermissionDenied):
        approvals.approve(run=run, actor=deployer)
    approvals.approve(run=run, actor=approver, plan_sha256=run.plan.sha256)
    assert advance_to_the_end(run).status == RunStatus.SUCCEEDED, log_of(run)
    assert creations(workspace_api) == 1


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
