"""A run from the queue to its end: real Terraform, the real state store over HTTP, a workspace with faults."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import User
from catalog.models import Environment
from deployments.models import Deployment, Event, Run, StateLock, StateVersion
from deployments.policies import approvals
from deployments.runs import services
from deployments.runs.statuses import RunStatus
from deployments.stages import context as stage_context
from deployments.stages import runner, stopping
from deployments.tfstate import store as statestore
from tests.deployments.stages.whole_runs import (
    advance_to,
    advance_to_the_end,
    answer_500_to_the_create_once,
    creations,
    deploy,
    kill_processes_of,
    log_of,
    working_on,
    workspace_api,
)
from tests.terraform.fake_workspace import FakeWorkspace
from tests.terraform.rig import installed
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("terraform")]

__all__ = ["deploy", "installed", "workspace_api"]


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


@pytest.mark.long
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
