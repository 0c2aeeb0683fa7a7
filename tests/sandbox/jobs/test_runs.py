"""Runs as the real SDK sees them: processes, states, output, cancellation, timeouts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from databricks.sdk.errors import InternalError, InvalidParameterValue, InvalidState, ResourceDoesNotExist
from databricks.sdk.errors.sdk import OperationFailed
from databricks.sdk.service.compute import Environment
from databricks.sdk.service.jobs import (
    JobEnvironment,
    RunLifecycleStateV2State,
    RunType,
    SparkPythonTask,
    SubmitTask,
    TerminationCodeCode,
    TerminationTypeType,
)

from tests.processes import is_running
from tests.sandbox.jobs.job_scripts import Jobs
from tests.waiting import wait_until

SLEEP = "import time\nprint('started', flush=True)\ntime.sleep(600)\n"
STUBBORN = """
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(f"pids {os.getpid()} {child.pid} end", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def jobs(sandbox):
    return Jobs(sandbox)


def test_a_submitted_script_runs_and_every_documented_field_is_set(jobs):
    script = SparkPythonTask(
        python_file=jobs.script("import sys\nprint('hello', sys.argv[1:])"), parameters=["a", "b c"]
    )
    run = jobs.api.submit(
        run_name="greeting",
        tasks=[SubmitTask(task_key="only", environment_key="env", spark_python_task=script)],
        environments=[JobEnvironment(environment_key="env", spec=Environment(environment_version="4"))],
    ).result(timeout=timedelta(seconds=60))
    assert (run.run_name, run.run_type, run.creator_user_name) == ("greeting", RunType.SUBMIT_RUN, "admin@example.com")
    assert run.state.result_state.value == "SUCCESS"
    assert run.status.state is RunLifecycleStateV2State.TERMINATED
    details = run.status.termination_details
    assert (details.code, details.type) == (TerminationCodeCode.SUCCESS, TerminationTypeType.SUCCESS)
    assert run.start_time <= run.tasks[0].start_time <= run.tasks[0].end_time <= run.end_time
    assert run.run_duration == run.end_time - run.start_time
    assert run.run_page_url.endswith(f"#job/{run.job_id}/run/{run.run_id}")
    (task,) = run.tasks
    assert (task.task_key, task.attempt_number, task.spark_python_task) == ("only", 0, script)
    assert task.run_id != run.run_id
    output = jobs.api.get_run_output(task.run_id)
    assert output.logs == "hello ['a', 'b c']\n"
    assert (output.logs_truncated, output.error, output.error_trace) == (False, None, None)
    assert (output.metadata.run_id, output.metadata.job_run_id) == (task.run_id, run.run_id)
    assert jobs.api.get_run_output(run.run_id).logs == output.logs
    assert jobs.api.get_run(task.run_id).run_name == "only"


def test_a_script_sees_the_workspace_as_its_creator_and_nothing_of_the_sandbox(jobs, sandbox):
    text = """
        import json, os, urllib.request
        url = os.environ["DATABRICKS_HOST"] + "/api/2.0/preview/scim/v2/Me"
        request = urllib.request.Request(url, headers={"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"]})
        me = json.load(urllib.request.urlopen(request))["userName"]
        names = {name: value for name, value in os.environ.items() if name != "DATABRICKS_TOKEN"}
        print(json.dumps({"me": me, "names": names, "cwd": os.getcwd(), "token": os.environ["DATABRICKS_TOKEN"]}))
    """
    run_id = jobs.submit(jobs.task("only", text))
    assert jobs.result(run_id) == "SUCCESS"
    seen = json.loads(jobs.api.get_run_output(run_id).logs)
    assert seen["me"] == "admin@example.com"
    names = seen["names"]
    assert names["HOME"] == seen["cwd"]
    assert names["DATABRICKS_HOST"] == sandbox.url
    assert (names["MLFLOW_TRACKING_URI"], names["MLFLOW_REGISTRY_URI"]) == ("databricks", "databricks-uc")
    assert not [name for name in names if name.startswith(("SANDBOX", "VAR_DIR"))]
    # The token is of no use once the task has ended.
    from databricks.sdk.errors import Unauthenticated

    with pytest.raises(Unauthenticated):
        sandbox.client(seen["token"]).current_user.me()


def test_a_failed_script_tells_its_error_and_its_traceback(jobs):
    text = """
        def divide(number):
            return number / 0

        print("before")
        divide(1)
    """
    run_id = jobs.submit(jobs.task("sums", text))
    run = jobs.ended(run_id)
    assert (run.state.life_cycle_state.value, run.state.result_state.value) == ("INTERNAL_ERROR", "FAILED")
    assert run.status.state is RunLifecycleStateV2State.TERMINATED
    assert run.status.termination_details.code is TerminationCodeCode.RUN_EXECUTION_ERROR
    message = "Task sums failed with message: Workload failed, see run output for details.."
    assert run.state.state_message == run.status.termination_details.message == message
    (task,) = run.tasks
    assert (task.state.life_cycle_state.value, task.state.result_state.value) == ("TERMINATED", "FAILED")
    output = jobs.api.get_run_output(task.run_id)
    assert output.error == "ZeroDivisionError: division by zero"
    assert output.error_trace.startswith("Traceback (most recent call last):")
    assert "in divide" in output.error_trace
    assert "launcher" not in output.error_trace
    assert output.logs.startswith("before\n")
    assert output.error_trace in output.logs
    with pytest.raises(OperationFailed, match="INTERNAL_ERROR"):
        jobs.api.wait_get_run_job_terminated_or_skipped(run_id, timeout=timedelta(seconds=30))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("import os\nos._exit(4)", "The process ended with exit code 4."),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "The process was ended by SIGKILL."),
        ("def broken(:\n", "SyntaxError: invalid syntax"),
    ],
)
def test_however_a_script_ends_badly_it_failed(jobs, text, error):
    run_id = jobs.submit(jobs.task("only", text))
    assert jobs.result(run_id) == "FAILED"
    assert jobs.api.get_run_output(run_id).error == error


def test_a_script_that_exits_with_zero_succeeded(jobs):
    assert jobs.result(jobs.submit(jobs.task("only", "import sys\nsys.exit(0)"))) == "SUCCESS"


def test_scripts_of_one_folder_import_each_other(jobs):
    module = jobs.script("ANSWER = 42\n").rpartition("/")[2].removesuffix(".py")
    text = f"import importlib\nprint(importlib.import_module('{module}').ANSWER)"
    run_id = jobs.submit(jobs.task("only", text))
    assert jobs.result(run_id) == "SUCCESS"
    assert jobs.api.get_run_output(run_id).logs == "42\n"
    names = [item.path for item in jobs.client.workspace.list(jobs.folder)]
    assert not [name for name in names if "__pycache__" in name]


def test_a_script_of_a_volume_runs_under_both_of_its_names(jobs):
    import io

    from databricks.sdk.service.catalog import VolumeType

    name = f"jobs_{jobs.folder.rpartition('/')[2]}"
    jobs.client.catalogs.create(name=name)
    jobs.client.schemas.create(name="s", catalog_name=name)
    jobs.client.volumes.create(catalog_name=name, schema_name="s", name="v", volume_type=VolumeType.MANAGED)
    jobs.client.files.upload(f"/Volumes/{name}/s/v/job.py", io.BytesIO(b"print('from a volume')"))
    for path in (f"/Volumes/{name}/s/v/job.py", f"dbfs:/Volumes/{name}/s/v/job.py"):
        task = {"task_key": "only", "environment_key": "env", "spark_python_task": {"python_file": path}}
        run_id = jobs.submit(task)
        assert jobs.result(run_id) == "SUCCESS"
        assert jobs.api.get_run_output(run_id).logs == "from a volume\n"


def test_a_script_that_is_not_there_fails_the_run_and_says_so(jobs):
    task = {"task_key": "only", "environment_key": "env", "spark_python_task": {"python_file": "/Shared/none.py"}}
    run = jobs.ended(jobs.submit(task))
    assert run.state.result_state.value == "FAILED"
    assert run.tasks[0].status.termination_details.code is TerminationCodeCode.RESOURCE_NOT_FOUND
    assert "Cannot read the python file /Shared/none.py" in run.state.state_message
    assert "Cannot read" in jobs.api.get_run_output(run.run_id).error


def test_a_dependency_that_is_not_installed_fails_the_task_before_it_starts(jobs):
    spec = {"environment_version": "4", "dependencies": ["pydantic>=1", "no-such-package==1.0"]}
    environments = [{"environment_key": "env", "spec": spec}]
    run = jobs.ended(jobs.submit(jobs.task("only", "print(1)"), environments=environments))
    assert run.tasks[0].status.termination_details.code is TerminationCodeCode.LIBRARY_INSTALLATION_ERROR
    assert "no-such-package==1.0" in run.state.state_message
    assert "pydantic" not in run.state.state_message


def test_cancelling_ends_the_whole_process_group_even_if_it_resists(jobs):
    run_id = jobs.submit(jobs.task("only", STUBBORN))
    jobs.printed(run_id, " end")
    pids = [int(word) for word in jobs.api.get_run_output(run_id).logs.split()[1:3]]
    assert all(is_running(pid) for pid in pids)
    jobs.api.cancel_run(run_id)
    assert jobs.life_cycle(run_id) == "TERMINATING"
    run = jobs.ended(run_id)
    assert (run.state.life_cycle_state.value, run.state.result_state.value) == ("TERMINATED", "CANCELED")
    assert run.state.user_cancelled_or_timedout is True
    assert run.status.termination_details.code is TerminationCodeCode.USER_CANCELED
    wait_until(lambda: not any(is_running(pid) for pid in pids), 5)
    jobs.api.cancel_run(run_id)
    assert jobs.result(run_id) == "CANCELED"


@pytest.mark.parametrize("level", ["task", "run"])
def test_a_run_ends_at_its_timeout(jobs, level):
    task = jobs.task("only", SLEEP)
    run_id = jobs.submit(task | {"timeout_seconds": 2}) if level == "task" else jobs.submit(task, timeout_seconds=2)
    run = jobs.ended(run_id)
    assert (run.state.life_cycle_state.value, run.state.result_state.value) == ("TERMINATED", "TIMEDOUT")
    assert run.tasks[0].state.result_state.value == "TIMEDOUT"
    assert run.status.termination_details.code is TerminationCodeCode.CANCELED
    assert run.state.user_cancelled_or_timedout is True


def test_a_repeated_token_starts_nothing_even_if_the_first_answer_was_lost(jobs, sandbox):
    body = jobs.settings(
        jobs.task("only", "print(1)"), idempotency_token=f"token-{jobs.folder[-20:]}", run_name=jobs.folder
    )
    sandbox.add_fault(kind="after_effect", path="^/api/2.2/jobs/runs/submit$", times=1)
    with pytest.raises(InternalError):
        jobs.post("runs/submit", body)
    run_id = jobs.post("runs/submit", body)["run_id"]
    assert jobs.post("runs/submit", body)["run_id"] == run_id
    assert [run.run_id for run in jobs.api.list_runs() if run.run_name == jobs.folder] == [run_id]
    jobs.ended(run_id)
    jobs.api.delete_run(run_id)
    with pytest.raises(InvalidState):
        jobs.post("runs/submit", body)


def test_a_throttled_call_is_tried_again_by_the_sdk(jobs, sandbox):
    run_id = jobs.submit(jobs.task("only", "print(1)"))
    sandbox.add_fault(kind="status", status=429, retry_after=0, path="^/api/2.2/jobs/runs/get$", times=1)
    assert jobs.api.get_run(run_id).run_id == run_id
    jobs.ended(run_id)


def test_at_most_two_tasks_run_at_once_and_the_rest_is_queued(jobs):
    runs = [jobs.submit(jobs.task("only", SLEEP)) for _ in range(3)]
    for run_id in runs[:2]:
        jobs.printed(run_id, "started")
    queued = wait_until(lambda: jobs.life_cycle(runs[2]) == "QUEUED" and jobs.api.get_run(runs[2]), 10)
    assert queued.status.queue_details.code.value == "ACTIVE_RUNS_LIMIT_REACHED"
    assert queued.state.queue_reason
    assert queued.tasks[0].state.life_cycle_state.value == "QUEUED"
    jobs.api.cancel_run(runs[0])
    jobs.printed(runs[2], "started")
    for run_id in runs[1:]:
        jobs.api.cancel_run(run_id)
        assert jobs.result(run_id) == "CANCELED"


def test_output_is_the_end_of_what_was_printed(jobs):
    run_id = jobs.submit(jobs.task("only", "for _ in range(6):\n    print('x' * 1024 * 1024)\nprint('the end')"))
    assert jobs.result(run_id) == "SUCCESS"
    output = jobs.api.get_run_output(run_id)
    assert output.logs_truncated is True
    assert len(output.logs) == 5 * 1024 * 1024
    assert output.logs.endswith("x\nthe end\n")


def test_an_unknown_run_does_not_exist(jobs):
    with pytest.raises(ResourceDoesNotExist):
        jobs.api.get_run(17)
    with pytest.raises(ResourceDoesNotExist):
        jobs.api.get_run_output(17)
    with pytest.raises(InvalidParameterValue):
        jobs.api.cancel_run(17)


def test_a_run_that_is_active_is_not_deleted(jobs):
    run_id = jobs.submit(jobs.task("only", SLEEP))
    with pytest.raises(InvalidState):
        jobs.api.delete_run(run_id)
    jobs.api.cancel_run(run_id)
    jobs.ended(run_id)
    jobs.api.delete_run(run_id)
    with pytest.raises(ResourceDoesNotExist):
        jobs.api.get_run(run_id)


def test_a_script_logs_to_mlflow_without_being_told_where(jobs):
    text = f"""
        import mlflow
        mlflow.set_experiment("{jobs.folder}")
        with mlflow.start_run() as run:
            mlflow.log_metric("answer", 42)
        print("run", run.info.run_id)
    """
    run_id = jobs.submit(jobs.task("only", text))
    jobs.ended(run_id, timeout_s=120)
    logs = jobs.api.get_run_output(run_id).logs
    (mlflow_run_id,) = [line.split()[1] for line in logs.splitlines() if line.startswith("run ")]
    (metric,) = jobs.client.experiments.get_run(mlflow_run_id).run.data.metrics
    assert (metric.key, metric.value) == ("answer", 42)
