"""Scripts that the portal uploads and runs, against a real workspace."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from integrations.databricks.credentials import Credentials
from integrations.databricks.decoding import job_run
from integrations.databricks.records import JobRun
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from tests.sandbox.running import CLIENT_ID, CLIENT_SECRET
from tests.waiting import wait_until


@pytest.fixture
def workspace(sandbox):
    credentials = Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    return WorkspaceClient(sandbox.url, credentials, retry_timeout_s=1)


def submit(workspace, text, parameters=(), token="", **more):
    path = f"/Shared/{uuid.uuid4().hex}/job.py"
    workspace.upload_file(path, text.encode())
    options = {"idempotency_token": token or uuid.uuid4().hex, "timeout_s": 60, **more}
    return workspace.submit_job("check", path, parameters, **options)


def ended(workspace, run_id):
    return wait_until(lambda: (run := workspace.job_run(run_id)).is_finished and run, 60)


def test_an_uploaded_script_runs_and_tells_its_output(workspace):
    before = datetime.now(UTC).replace(microsecond=0)
    run_id = submit(workspace, "# Databricks notebook source\nimport sys\nprint(sys.argv[1:])", ["a", "b"])
    run = ended(workspace, run_id)
    assert (run.run_id, run.name, run.life_cycle_state, run.result_state) == (run_id, "check", "TERMINATED", "SUCCESS")
    assert run.succeeded
    assert before <= run.started_at < run.ended_at <= datetime.now(UTC)
    assert run.url.endswith(f"/run/{run_id}")
    assert workspace.job_output(run_id) == "['a', 'b']\n"


def test_an_uploaded_file_is_replaced(workspace):
    path = f"/Shared/{uuid.uuid4().hex}/deep/er/job.py"
    for text in (b"print('old')", b"print('new')"):
        workspace.upload_file(path, text)
    run_id = workspace.submit_job("again", path, [], idempotency_token=uuid.uuid4().hex, timeout_s=60)
    ended(workspace, run_id)
    assert workspace.job_output(run_id) == "new\n"


def test_a_failed_run_says_so_and_shows_its_traceback(workspace):
    run_id = submit(workspace, "raise ValueError('no luck')")
    run = ended(workspace, run_id)
    assert (run.is_finished, run.succeeded, run.result_state) == (True, False, "FAILED")
    assert "Workload failed" in run.message
    assert "ValueError: no luck" in workspace.job_output(run_id)


def test_a_missing_dependency_is_told_in_the_message(workspace):
    run = ended(workspace, submit(workspace, "print(1)", dependencies=["no-such-package"]))
    assert not run.succeeded
    assert "no-such-package" in run.message


def test_a_run_is_cancelled_and_one_beyond_its_time_is_ended(workspace):
    sleeping = "import time\ntime.sleep(600)"
    late = submit(workspace, sleeping, timeout_s=1)
    run_id = submit(workspace, sleeping)
    assert not workspace.job_run(run_id).is_finished
    workspace.cancel_job_run(run_id)
    assert ended(workspace, run_id).result_state == "CANCELED"
    assert ended(workspace, late).result_state == "TIMEDOUT"


def test_a_lost_answer_is_temporary_and_the_same_token_finds_the_run(sandbox, workspace):
    token = uuid.uuid4().hex
    sandbox.add_fault(kind="after_effect", path="^/api/2.2/jobs/runs/submit$", times=1)
    with pytest.raises(IntegrationError) as raised:
        submit(workspace, "print(1)", token=token)
    assert not raised.value.permanent
    run_id = submit(workspace, "print(2)", token=token)
    assert ended(workspace, run_id).succeeded
    assert workspace.job_output(run_id) == "1\n"


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.job_run(17),
        lambda w: w.job_output(17),
        lambda w: w.cancel_job_run(17),
        lambda w: w.submit_job("x", "relative.py", [], idempotency_token="t", timeout_s=1),
        lambda w: w.upload_file("relative.py", b""),
    ],
)
def test_what_cannot_work_is_a_permanent_error(workspace, call):
    with pytest.raises(IntegrationError) as raised:
        call(workspace)
    assert raised.value.permanent


def test_the_output_of_several_tasks_is_no_single_one(sandbox, workspace):
    path = f"/Shared/{uuid.uuid4().hex}/job.py"
    workspace.upload_file(path, b"print(1)")
    script = {"environment_key": "e", "spark_python_task": {"python_file": path}}
    body = {"environments": [{"environment_key": "e"}], "tasks": [{"task_key": key, **script} for key in "ab"]}
    run_id = sandbox.client().api_client.do("POST", "/api/2.2/jobs/runs/submit", body=body)["run_id"]
    with pytest.raises(IntegrationError, match="2 tasks"):
        workspace.job_output(run_id)
    assert ended(workspace, run_id).succeeded


def test_an_unknown_state_is_under_way_until_the_run_has_an_end():
    row = {"run_id": 1, "state": {"life_cycle_state": "DREAMING"}, "start_time": 1_700_000_000_000, "end_time": 0}
    assert job_run(row) == JobRun(
        run_id=1, life_cycle_state="DREAMING", started_at=datetime.fromtimestamp(1_700_000_000, tz=UTC)
    )
    assert not job_run(row).is_finished
    assert job_run(row | {"end_time": 1_700_000_001_000}).is_finished
    assert job_run({"run_id": 1, "status": {"state": "TERMINATED"}}).is_finished
