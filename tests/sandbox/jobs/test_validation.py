"""Requests that are refused, each with its reason."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import InvalidParameterValue

from tests import http
from tests.sandbox.jobs.job_scripts import Jobs


@pytest.fixture
def jobs(sandbox):
    return Jobs(sandbox)


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ({"notebook_task": {"notebook_path": "/Shared/x"}}, "notebook_task"),
        ({"python_wheel_task": {"package_name": "a", "entry_point": "b"}}, "python_wheel_task"),
        ({}, "no task type"),
        ({"spark_python_task": {"python_file": "relative.py"}}, "absolute"),
        ({"spark_python_task": {"python_file": "/a.py", "source": "GIT"}}, "Git"),
        ({"spark_python_task": {"python_file": "/a\x00.py"}}, "python_file"),
        ({"spark_python_task": {"python_file": "/a.py", "parameters": ["a\x00b"]}}, "parameters"),
        ({"spark_python_task": {"python_file": "/a.py"}, "timeout_seconds": 10**400}, "timeout_seconds"),
        ({"spark_python_task": {"python_file": "/a.py", "parameters": ["x" * 10_001]}}, "10000 bytes"),
        ({"spark_python_task": {"python_file": "/a.py"}, "environment_key": "other"}, "other"),
        ({"spark_python_task": {"python_file": "/a.py"}, "environment_key": None}, "environment_key"),
        ({"spark_python_task": {"python_file": "/a.py"}, "existing_cluster_id": "0101-abc"}, "0101-abc"),
        ({"spark_python_task": {"python_file": "/a.py"}, "depends_on": [{"task_key": "ghost"}]}, "ghost"),
        ({"spark_python_task": {"python_file": "/a.py"}, "depends_on": [{"task_key": "only"}]}, "cycle"),
        ({"spark_python_task": {"python_file": "/a.py"}, "run_if": "SOMETIMES"}, "run_if"),
        ({"spark_python_task": {"python_file": "/a.py"}, "timeout_seconds": -1}, "timeout_seconds"),
        ({"spark_python_task": {"python_file": "/a.py"}, "task_key": "a b"}, "task_key"),
    ],
)
def test_a_task_that_cannot_run_is_refused_with_the_reason(jobs, sandbox, task, reason):
    body = jobs.settings({"task_key": "only", "environment_key": "env", **task})
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    for path in ("create", "runs/submit"):
        answer = http.post(f"{sandbox.url}/api/2.2/jobs/{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert reason in answer.json()["message"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"name": "x" * 4097}, "4096"),
        ({"description": "x" * 27_701}, "27700"),
        ({"tags": {str(number): "" for number in range(26)}}, "25"),
        ({"max_concurrent_runs": 1001}, "max_concurrent_runs"),
        ({"parameters": [{"name": "a", "default": ""}] * 2}, "Duplicate"),
        ({"schedule": {"quartz_cron_expression": "0 0 * * * ?", "timezone_id": "UTC"}}, "PAUSED"),
    ],
)
def test_settings_beyond_the_documented_limits_are_refused(jobs, wrong, reason):
    with pytest.raises(InvalidParameterValue, match=reason):
        jobs.post("create", wrong)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("get", {"job_id": 2**64}),
        ("get", {"job_id": "x"}),
        ("get", {}),
        ("list", {"limit": 0}),
        ("list", {"page_token": "%"}),
        ("runs/get", {"run_id": 2**64}),
        ("runs/get-output", {}),
        ("runs/list", {"start_time_from": 2**64}),
        ("runs/list", {"run_type": "OTHER"}),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(sandbox, path, query):
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    answer = http.get(f"{sandbox.url}/api/2.2/jobs/{path}", params=query, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_page_token_of_a_run_is_one_that_was_given(jobs):
    job_id = jobs.create(jobs.task("only", "print(1)"))
    for token in ("x", "9" * 5000):
        with pytest.raises(InvalidParameterValue, match="page_token"):
            jobs.api.get(job_id, page_token=token)


def test_jobs_need_a_token(sandbox):
    for method, path in (("GET", "list"), ("GET", "runs/list"), ("POST", "runs/submit"), ("POST", "create")):
        answer = http.request(method, f"{sandbox.url}/api/2.2/jobs/{path}", json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
