"""Terraform that hangs, dies or finds the disk full: the run ends in time, the lock is free, one endpoint."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.models import User
from deployments.models import Run, StateLock
from deployments.runs.statuses import RunStatus
from deployments.stages import stopping
from tests.deployments.stages.whole_runs import (
    advance_to,
    advance_to_the_end,
    creations,
    deploy,
    kill_processes_of,
    log_of,
    working_on,
    workspace_api,
)
from tests.terraform.fake_workspace import FakeWorkspace
from tests.terraform.loopback import Answer, Request
from tests.terraform.rig import installed
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("terraform")]

__all__ = ["deploy", "installed", "workspace_api"]
CREATE = ("POST", "/api/2.0/serving-endpoints")


def directory_of(run: Run, settings: Settings) -> Path:
    run.refresh_from_db()
    return Path(settings.RUN_DIR) / f"run-{run.pk}-{run.attempt}"


def stop_processes_of(directory: Path) -> list[int]:
    """SIGSTOP for Terraform and its provider; the pids that were stopped."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == directory:
                os.kill(int(process.name), signal.SIGSTOP)
                pids.append(int(process.name))
        except OSError:
            continue
    return pids


def hang(directory: Path) -> None:
    """Wait for a Terraform in ``directory`` and stop it for good."""
    wait_until(lambda: stop_processes_of(directory), 30, interval_s=0.01)


def report(run: Run, fake: FakeWorkspace, took_s: float) -> None:
    run.refresh_from_db()
    assert not StateLock.objects.exists()
    print(f"{run.status} after {took_s:.1f} s: {run.message} Creates {creations(fake)}, claims {run.claim}, locks 0")


def resumed(run: Run, deployer: User) -> Run:
    return advance_to_the_end(stopping.resume(run=run, actor=deployer))


# -- it hangs -------------------------------------------------------------------------------------


@pytest.mark.long
def test_cancelling_a_run_whose_terraform_hangs_while_it_applies_ends_within_half_a_minute(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User, settings: Settings
) -> None:
    workspace_api.polls_until_ready = 10_000
    run = advance_to(deploy(), RunStatus.APPLY)
    with working_on(run):
        wait_until(lambda: "card-fraud" in workspace_api.endpoints, 20)
        hang(directory_of(run, settings))
        began = time.monotonic()
        stopping.cancel(run=run, actor=deployer)
    took_s = time.monotonic() - began
    report(run, workspace_api, took_s)
    assert took_s < 30
    assert run.status == RunStatus.CANCELLED, log_of(run)
    assert creations(workspace_api) == 1


@pytest.mark.long
@pytest.mark.parametrize("stage", [RunStatus.PLAN, RunStatus.APPLY])
def test_a_terraform_that_hangs_is_ended_by_the_time_limit_of_its_stage(
    workspace_api: FakeWorkspace,
    deploy: Callable[..., Run],
    deployer: User,
    settings: Settings,
    stage: RunStatus,
) -> None:
    settings.PLAN_TIMEOUT_S = settings.APPLY_TIMEOUT_S = 5
    settings.TERRAFORM_CANCEL_GRACE_S = 1
    run = advance_to(deploy(), stage)
    began = time.monotonic()
    with working_on(run):
        wait_until(StateLock.objects.exists, 20, interval_s=0.01)
        hang(directory_of(run, settings))
    report(run, workspace_api, time.monotonic() - began)
    assert run.status == RunStatus.FAILED, log_of(run)
    settings.PLAN_TIMEOUT_S = settings.APPLY_TIMEOUT_S = 60
    assert resumed(run, deployer).status == RunStatus.SUCCEEDED, log_of(run)
    assert creations(workspace_api) == 1


def test_a_lock_of_a_machine_that_went_down_while_planning_keeps_nobody_out(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], settings: Settings
) -> None:
    run = advance_to(deploy(), RunStatus.PLAN)
    with working_on(run):
        wait_until(StateLock.objects.exists, 20, interval_s=0.01)
        hang(directory_of(run, settings))
        # Neither this worker nor its Terraform gets to say anything any more.
        Run.objects.filter(pk=run.pk).update(lease_token="0f8fad5b-d9cb-469f-a165-70867728950e")
        kill_processes_of(directory_of(run, settings))
    assert StateLock.objects.filter(run=run).exists()
    Run.objects.filter(pk=run.pk).update(lease_expires_at="2020-01-01T00:00:00Z")
    began = time.monotonic()
    assert advance_to_the_end(run).status == RunStatus.SUCCEEDED, log_of(run)
    report(run, workspace_api, time.monotonic() - began)
    assert creations(workspace_api) == 1


# -- the disk is full -----------------------------------------------------------------------------


@dataclass
class Disk:
    """Where runs work. ``fill`` leaves no room for another byte, ``free`` makes room again."""

    path: Path
    is_small: bool

    def fill(self) -> None:
        if self.is_small:
            self._write_until_full()
            return
        # No file can be made below a file: the nearest to a full disk without the right to mount one.
        self.path.rename(self.path.with_name("moved"))
        self.path.touch()

    def free(self) -> None:
        if self.is_small:
            (self.path / "filler").unlink()
            return
        self.path.unlink()
        self.path.with_name("moved").rename(self.path)

    def _write_until_full(self) -> None:
        with (self.path / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                return


@pytest.fixture
def disk(workspace_api: FakeWorkspace, settings: Settings, tmp_path: Path) -> Iterator[Disk]:
    """A disk of 2 MiB for runs; without the right to mount one, a directory that a file takes the place of."""
    path = tmp_path / "disk"
    path.mkdir()
    settings.RUN_DIR = path
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
    mounted = mount and unmount and subprocess.run(command, check=False).returncode == 0
    print("a tmpfs of 2 MiB" if mounted else "a file in place of the directory")
    try:
        yield Disk(path, is_small=bool(mounted))
    finally:
        if mounted:
            subprocess.run([str(unmount), "--lazy", str(path)], check=True)


@pytest.mark.parametrize("stage", [RunStatus.PLAN, RunStatus.APPLY])
def test_a_full_disk_fails_the_run_before_anything_is_created_and_resume_finishes_it(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User, disk: Disk, stage: RunStatus
) -> None:
    run = advance_to(deploy(), stage)
    disk.fill()
    began = time.monotonic()
    assert advance_to_the_end(run).status == RunStatus.FAILED, log_of(run)
    report(run, workspace_api, time.monotonic() - began)
    assert creations(workspace_api) == 0
    disk.free()
    assert resumed(run, deployer).status == RunStatus.SUCCEEDED, log_of(run)
    assert creations(workspace_api) == 1


def test_a_disk_that_fills_up_while_terraform_applies_parts_nobody_from_it(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User, disk: Disk
) -> None:
    def fill_after_the_create(request: Request) -> Answer | None:
        if (request.method, request.path) == CREATE:
            workspace_api.after.clear()
            disk.fill()
        return None

    workspace_api.after.append(fill_after_the_create)
    run = advance_to(deploy(), RunStatus.APPLY)
    began = time.monotonic()
    advance_to_the_end(run)
    report(run, workspace_api, time.monotonic() - began)
    if run.status != RunStatus.SUCCEEDED:
        disk.free()
        assert resumed(run, deployer).status in (RunStatus.SUCCEEDED, RunStatus.NO_CHANGE), log_of(run)
    assert creations(workspace_api) == 1
