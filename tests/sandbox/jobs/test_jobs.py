"""Jobs that are kept: their settings, their runs, several tasks, repairs, permissions."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import (
    InvalidParameterValue,
    InvalidState,
    PermissionDenied,
    ResourceDoesNotExist,
)
from databricks.sdk.service.jobs import (
    JobAccessControlRequest,
    JobPermissionLevel,
    JobSettings,
    RunType,
    SparkPythonTask,
    Task,
    TerminationCodeCode,
)

from tests.sandbox.jobs.job_scripts import Jobs
from tests.waiting import wait_until

SLEEP = "import time\nprint('started', flush=True)\ntime.sleep(600)\n"
SHOW = "import sys\nprint(*sys.argv[1:])"
FAIL = "raise ValueError('no')"
# Fails until its marker file is there, and makes it.
SECOND_TIME = """
    import pathlib, sys
    marker = pathlib.Path(sys.argv[1])
    if not marker.exists():
        marker.touch()
        raise ValueError("the first time")
    print("the second time")
"""


@pytest.fixture
def jobs(sandbox):
    return Jobs(sandbox)


def results(jobs, run_id):
    return {key: task.state.result_state.value for key, task in jobs.latest(run_id).items()}


def after(*keys, **more):
    return {"depends_on": [{"task_key": key} for key in keys], **more}


def test_a_job_is_kept_as_it_was_given_with_the_documented_defaults(jobs):
    task = jobs.task("only", SHOW, ["a"])
    job_id = jobs.create(task, name="nightly", tags={"team": "fraud"}, max_concurrent_runs=3)
    job = jobs.api.get(job_id)
    assert (job.job_id, job.creator_user_name, job.run_as_user_name) == (job_id, *["admin@example.com"] * 2)
    assert job.created_time > 1_600_000_000_000
    settings = job.settings
    assert (settings.name, settings.tags, settings.max_concurrent_runs) == ("nightly", {"team": "fraud"}, 3)
    assert (settings.timeout_seconds, settings.format.value) == (0, "MULTI_TASK")
    assert settings.tasks[0].spark_python_task.as_dict() == task["spark_python_task"]
    assert settings.tasks[0].run_if.value == "ALL_SUCCESS"
    assert settings.environments[0].spec.environment_version == "4"


def test_an_update_merges_tasks_by_key_and_a_reset_replaces_everything(jobs):
    one, two = jobs.task("one", SHOW), jobs.task("two", SHOW)
    job_id = jobs.create(one, name="before", description="old", tags={"a": "b"})
    new = JobSettings.from_dict({"tasks": [two], "name": "after"})
    jobs.api.update(job_id, new_settings=new, fields_to_remove=["tags"])
    settings = jobs.api.get(job_id).settings
    assert (settings.name, settings.description, settings.tags) == ("after", "old", None)
    assert [task.task_key for task in settings.tasks] == ["one", "two"]
    jobs.api.update(job_id, fields_to_remove=["tasks/one"])
    assert [task.task_key for task in jobs.api.get(job_id).settings.tasks] == ["two"]
    jobs.api.reset(job_id, JobSettings.from_dict(jobs.settings(one, name="reset")))
    settings = jobs.api.get(job_id).settings
    assert (settings.name, settings.description, [task.task_key for task in settings.tasks]) == ("reset", None, ["one"])
    with pytest.raises(InvalidParameterValue):
        jobs.api.update(job_id, fields_to_remove=["environments"])
    assert jobs.api.get(job_id).settings.environments


def test_jobs_are_listed_newest_first_in_pages_and_by_name(jobs):
    name = jobs.folder
    ids = [jobs.create(jobs.task("only", SHOW), name=f"{name}-{number % 2}") for number in range(5)]
    found = [job.job_id for job in jobs.api.list(limit=2) if job.job_id in ids]
    assert found == ids[::-1]
    named = list(jobs.api.list(name=f"{name}-1".upper()))
    assert [job.job_id for job in named] == [ids[3], ids[1]]
    assert named[0].settings.tasks is None or named[0].settings.tasks == []
    (expanded, _) = jobs.api.list(name=f"{name}-1", expand_tasks=True)
    assert expanded.settings.tasks[0].task_key == "only"
    with pytest.raises(InvalidParameterValue):
        list(jobs.api.list(limit=101))


def test_a_deleted_job_is_gone_and_its_active_runs_end(jobs):
    job_id = jobs.create(jobs.task("only", SLEEP))
    run_id = jobs.api.run_now(job_id).run_id
    jobs.printed(run_id, "started")
    jobs.api.delete(job_id)
    with pytest.raises(ResourceDoesNotExist):
        jobs.api.get(job_id)
    with pytest.raises(InvalidParameterValue, match="does not exist"):
        jobs.api.run_now(job_id)
    assert jobs.result(run_id) == "CANCELED"


def test_more_than_a_hundred_tasks_come_in_pages(jobs):
    first = jobs.task("t000", SHOW)
    tasks = [first | {"task_key": f"t{number:03}", "disabled": True} for number in range(230)]
    job_id = jobs.create(*tasks)
    assert [task.task_key for task in jobs.api.get(job_id).settings.tasks] == [task["task_key"] for task in tasks]
    run_id = jobs.api.run_now(job_id).run_id
    run = jobs.ended(run_id)
    assert run.state.result_state.value == "SUCCESS"
    assert len({task.run_id for task in run.tasks}) == 230
    assert {task.state.result_state.value for task in run.tasks} == {"DISABLED"}


def test_tasks_run_in_the_order_of_their_dependencies_and_not_after_a_failure(jobs):
    tasks = [
        jobs.task("last", SHOW, **after("left", "right")),
        jobs.task("left", SHOW, **after("first")),
        jobs.task("right", FAIL, **after("first")),
        jobs.task("first", SHOW),
        jobs.task("cleanup", SHOW, **after("last", run_if="ALL_DONE")),
        jobs.task("alarm", SHOW, **after("right", run_if="AT_LEAST_ONE_FAILED")),
        jobs.task("quiet", SHOW, **after("left", run_if="ALL_FAILED")),
    ]
    run = jobs.ended(jobs.submit(*tasks))
    assert results(jobs, run.run_id) == {
        "last": "UPSTREAM_FAILED",
        "left": "SUCCESS",
        "right": "FAILED",
        "first": "SUCCESS",
        "cleanup": "SUCCESS",
        "alarm": "SUCCESS",
        "quiet": "EXCLUDED",
    }
    by_key = {task.task_key: task for task in run.tasks}
    assert by_key["first"].end_time <= min(by_key["left"].start_time, by_key["right"].start_time)
    assert by_key["last"].status.termination_details.code is TerminationCodeCode.SKIPPED
    assert run.state.result_state.value == "SUCCESS_WITH_FAILURES"
    with pytest.raises(InvalidParameterValue, match="multiple tasks is not supported"):
        jobs.api.get_run_output(run.run_id)
    assert jobs.output_of(run.run_id, "right").error == "ValueError: no"


def test_a_task_that_waits_for_another_is_blocked(jobs):
    run_id = jobs.submit(jobs.task("first", SLEEP), jobs.task("second", SHOW, **after("first")))
    wait_until(lambda: jobs.latest(run_id)["first"].state.life_cycle_state.value == "RUNNING", 30)
    assert jobs.latest(run_id)["second"].status.state.value == "BLOCKED"
    jobs.api.cancel_run(jobs.latest(run_id)["first"].run_id)
    run = jobs.ended(run_id)
    assert results(jobs, run_id) == {"first": "CANCELED", "second": "UPSTREAM_CANCELED"}
    assert run.state.result_state.value == "CANCELED"


def test_a_task_is_tried_again_as_often_as_it_asks(jobs, tmp_path):
    again = jobs.task("again", SECOND_TIME, [str(tmp_path / "again")], max_retries=2, min_retry_interval_millis=50)
    never = jobs.task("never", FAIL, max_retries=1)
    run = jobs.ended(jobs.submit(again, never))
    attempts = [(task.task_key, task.attempt_number, task.state.result_state.value) for task in run.tasks]
    assert sorted(attempts) == [
        ("again", 0, "FAILED"),
        ("again", 1, "SUCCESS"),
        ("never", 0, "FAILED"),
        ("never", 1, "FAILED"),
    ]
    assert jobs.output_of(run.run_id, "again").logs == "the second time\n"
    (original,) = run.repair_history
    assert sorted(original.task_run_ids) == sorted(task.run_id for task in run.tasks)


def test_a_repair_runs_what_failed_and_what_was_skipped_for_it(jobs, tmp_path):
    tasks = [
        jobs.task("good", SHOW),
        jobs.task("flaky", SECOND_TIME, [str(tmp_path / "flaky")], **after("good")),
        jobs.task("next", SHOW, **after("flaky")),
    ]
    job_id = jobs.create(*tasks)
    run_id = jobs.api.run_now(job_id).run_id
    assert jobs.result(run_id) == "FAILED"
    before = jobs.latest(run_id)
    with pytest.raises(InvalidParameterValue):
        jobs.api.repair_run(run_id)
    with pytest.raises(InvalidParameterValue, match="nobody"):
        jobs.api.repair_run(run_id, rerun_tasks=["nobody"])
    first = jobs.api.repair_run(run_id, rerun_all_failed_tasks=True).response.repair_id
    assert jobs.result(run_id) == "SUCCESS"
    latest = jobs.latest(run_id)
    assert latest["good"].run_id == before["good"].run_id
    assert latest["flaky"].run_id != before["flaky"].run_id
    assert (latest["flaky"].attempt_number, latest["next"].attempt_number) == (1, 1)
    run = jobs.ended(run_id)
    original, repair = run.repair_history
    assert (original.type.value, original.state.result_state.value) == ("ORIGINAL", "FAILED")
    assert (repair.type.value, repair.id, repair.state.result_state.value) == ("REPAIR", first, "SUCCESS")
    assert set(repair.task_run_ids) == {latest["flaky"].run_id, latest["next"].run_id}
    with pytest.raises(InvalidParameterValue, match="latest_repair_id"):
        jobs.api.repair_run(run_id, rerun_tasks=["good"])
    jobs.api.repair_run(run_id, rerun_tasks=["flaky"], rerun_dependent_tasks=True, latest_repair_id=first)
    assert jobs.result(run_id) == "SUCCESS"
    assert {key: task.attempt_number for key, task in jobs.latest(run_id).items()} == {"good": 0, "flaky": 2, "next": 2}


def test_an_active_run_is_not_repaired(jobs):
    run_id = jobs.submit(jobs.task("only", SLEEP))
    with pytest.raises(InvalidState):
        jobs.api.repair_run(run_id, rerun_tasks=["only"])
    jobs.api.cancel_run(run_id)
    assert jobs.result(run_id) == "CANCELED"


def test_parameters_of_the_run_and_of_the_job_reach_the_script(jobs):
    parameters = ["{{job.parameters.day}}", "{{job.run_id}}", "{{task.name}}", "{{unknown.thing}}"]
    task = jobs.task("only", SHOW, parameters)
    job_id = jobs.create(task, parameters=[{"name": "day", "default": "monday"}, {"name": "x", "default": "1"}])
    run_id = jobs.api.run_now(job_id, job_parameters={"day": "friday"}).run_id
    run = jobs.ended(run_id)
    assert jobs.api.get_run_output(run_id).logs == f"friday {run_id} only {{{{unknown.thing}}}}\n"
    assert [(p.name, p.default, p.value) for p in run.job_parameters] == [("day", "monday", "friday"), ("x", "1", "1")]
    assert (run.run_type, run.job_id, run.number_in_job) == (RunType.JOB_RUN, job_id, run_id)
    other = jobs.api.run_now(job_id, python_params=["over", "ridden"]).run_id
    assert jobs.ended(other).overriding_parameters.python_params == ["over", "ridden"]
    assert jobs.api.get_run_output(other).logs == "over ridden\n"
    with pytest.raises(InvalidParameterValue, match="week"):
        jobs.api.run_now(job_id, job_parameters={"week": "1"})
    with pytest.raises(InvalidParameterValue, match="notebook_params"):
        jobs.api.run_now(job_id, notebook_params={"a": "b"})


def test_only_the_named_tasks_of_a_job_run(jobs):
    job_id = jobs.create(jobs.task("one", FAIL), jobs.task("two", SHOW, **after("one")))
    run_id = jobs.api.run_now(job_id, only=["two"]).run_id
    assert jobs.result(run_id) == "SUCCESS"
    assert list(jobs.latest(run_id)) == ["two"]


def test_a_job_runs_once_at_a_time_and_the_next_run_is_skipped_or_queued(jobs):
    job_id = jobs.create(jobs.task("only", SLEEP))
    first = jobs.api.run_now(job_id).run_id
    skipped = jobs.ended(jobs.api.run_now(job_id).run_id)
    assert skipped.state.life_cycle_state.value == "SKIPPED"
    assert skipped.state.result_state.value == "MAXIMUM_CONCURRENT_RUNS_REACHED"
    jobs.api.update(job_id, new_settings=JobSettings.from_dict({"queue": {"enabled": True}}))
    second, third = (jobs.api.run_now(job_id).run_id for _ in range(2))
    queued = jobs.api.get_run(second)
    assert queued.state.life_cycle_state.value == "QUEUED"
    assert queued.status.queue_details.code.value == "MAX_CONCURRENT_RUNS_REACHED"
    jobs.api.cancel_run(third)
    assert jobs.result(third) == "CANCELED"
    jobs.api.cancel_run(first)
    jobs.printed(second, "started")
    jobs.api.cancel_all_runs(job_id=job_id)
    assert jobs.result(second) == "CANCELED"


def test_a_repeated_token_of_a_job_gives_the_same_run(jobs):
    job_id, other_id = (jobs.create(jobs.task("only", SHOW)) for _ in range(2))
    run_id = jobs.api.run_now(job_id, idempotency_token="again").run_id
    assert jobs.api.run_now(job_id, idempotency_token="again").run_id == run_id
    assert jobs.api.run_now(other_id, idempotency_token="again").run_id != run_id
    with pytest.raises(InvalidParameterValue):
        jobs.api.run_now(job_id, idempotency_token="x" * 65)
    jobs.ended(run_id)


def test_runs_are_listed_newest_first_and_filtered(jobs):
    job_id = jobs.create(jobs.task("only", SHOW), max_concurrent_runs=10)
    ids = []
    for _ in range(3):
        ids.append(jobs.api.run_now(job_id).run_id)
        jobs.ended(ids[-1])
    active = jobs.create(jobs.task("only", SLEEP))
    active_run = jobs.api.run_now(active).run_id
    assert [run.run_id for run in jobs.api.list_runs(job_id=job_id, limit=2)] == ids[::-1]
    assert [run.run_id for run in jobs.api.list_runs(active_only=True, job_id=active)] == [active_run]
    assert list(jobs.api.list_runs(active_only=True, job_id=job_id)) == []
    assert [run.run_id for run in jobs.api.list_runs(completed_only=True, job_id=job_id)] == ids[::-1]
    since = jobs.api.get_run(ids[1]).start_time
    assert [run.run_id for run in jobs.api.list_runs(job_id=job_id, start_time_from=since)] == ids[:0:-1]
    (expanded, *_) = jobs.api.list_runs(job_id=job_id, expand_tasks=True)
    assert expanded.tasks[0].task_key == "only"
    assert list(jobs.api.list_runs(job_id=job_id, run_type=RunType.SUBMIT_RUN)) == []
    with pytest.raises(InvalidParameterValue):
        list(jobs.api.list_runs(limit=25))
    with pytest.raises(InvalidParameterValue):
        list(jobs.api.list_runs(active_only=True, completed_only=True))
    jobs.api.cancel_run(active_run)
    jobs.ended(active_run)


def test_who_may_not_see_a_job_sees_neither_it_nor_its_runs(jobs, sandbox):
    name = f"{jobs.folder[-20:]}@example.com"
    theirs = sandbox.client(sandbox.new_user(name)).jobs
    job_id = jobs.create(jobs.task("only", SHOW))
    run_id = jobs.api.run_now(job_id).run_id
    for call in (lambda: theirs.get(job_id), lambda: theirs.get_run(run_id), lambda: theirs.run_now(job_id)):
        with pytest.raises(PermissionDenied):
            call()
    assert job_id not in [job.job_id for job in theirs.list()]
    assert run_id not in [run.run_id for run in theirs.list_runs()]
    level = JobPermissionLevel.CAN_VIEW
    view = JobAccessControlRequest(user_name=name, permission_level=level)
    jobs.api.update_permissions(str(job_id), access_control_list=[view])
    assert theirs.get(job_id).job_id == job_id
    assert theirs.get_run(run_id).run_id == run_id
    with pytest.raises(PermissionDenied):
        theirs.cancel_run(run_id)
    with pytest.raises(PermissionDenied):
        theirs.delete(job_id)
    jobs.ended(run_id)


def test_a_job_has_exactly_one_owner(jobs):
    job_id = str(jobs.create(jobs.task("only", SHOW)))
    owners = [
        item.user_name
        for item in jobs.api.get_permissions(job_id).access_control_list
        if item.all_permissions[0].permission_level is JobPermissionLevel.IS_OWNER
    ]
    assert owners == ["admin@example.com"]
    view = JobAccessControlRequest(user_name="x@example.com", permission_level=JobPermissionLevel.CAN_VIEW)
    with pytest.raises(InvalidParameterValue, match="exactly one owner"):
        jobs.api.set_permissions(job_id, access_control_list=[view])
    owner = JobAccessControlRequest(user_name="x@example.com", permission_level=JobPermissionLevel.IS_OWNER)
    answer = jobs.api.set_permissions(job_id, access_control_list=[owner])
    assert answer.object_type == "job"


def test_only_an_admin_runs_a_job_as_somebody_else(jobs, sandbox):
    name = f"{jobs.folder[-20:]}@example.com"
    theirs = Jobs(sandbox)
    theirs.client = sandbox.client(sandbox.new_user(name))
    text = """
        import json, os, urllib.request
        url = os.environ["DATABRICKS_HOST"] + "/api/2.0/preview/scim/v2/Me"
        request = urllib.request.Request(url, headers={"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"]})
        print(json.load(urllib.request.urlopen(request))["userName"])
    """
    task = jobs.task("only", text)
    run_id = jobs.submit(task, run_as={"user_name": name})
    assert jobs.result(run_id) == "SUCCESS"
    assert jobs.api.get_run_output(run_id).logs == f"{name}\n"
    with pytest.raises(PermissionDenied):
        theirs.submit(task, run_as={"user_name": "admin@example.com"})
    with pytest.raises(InvalidParameterValue):
        jobs.submit(task, run_as={"user_name": "nobody-at-all@example.com"})


def test_the_typed_calls_of_the_sdk_create_and_run_a_job(jobs):
    script = SparkPythonTask(python_file=jobs.script(SHOW), parameters=["typed"])
    environments = JobSettings.from_dict(jobs.settings()).environments
    tasks = [Task(task_key="only", environment_key="env", spark_python_task=script)]
    job_id = jobs.api.create(name="typed", tasks=tasks, environments=environments).job_id
    run = jobs.api.run_now_and_wait(job_id)
    assert (run.run_name, run.state.result_state.value) == ("typed", "SUCCESS")
    assert jobs.api.get_run_output(run.tasks[0].run_id).logs == "typed\n"
