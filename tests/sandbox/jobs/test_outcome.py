"""What follows from the ends of tasks, without processes."""

from __future__ import annotations

import pytest

from sandbox.jobs.api.settings import updated
from sandbox.jobs.execution.outcome import run_state, verdict
from sandbox.jobs.execution.parameters import resolve
from sandbox.jobs.states import (
    Code,
    LifeCycle,
    QueueCode,
    Result,
    broken,
    canceled,
    ended,
    skipped,
    succeeded,
    timed_out,
    waiting,
)

FAILED = ended(Result.FAILED, Code.RUN_EXECUTION_ERROR, "boom")
EXCLUDED = skipped(Result.EXCLUDED, "")
UPSTREAM = skipped(Result.UPSTREAM_FAILED, "")


@pytest.mark.parametrize(
    ("run_if", "upstream", "result"),
    [
        ("ALL_SUCCESS", [], None),
        ("ALL_SUCCESS", [succeeded(), EXCLUDED], None),
        ("ALL_SUCCESS", [succeeded(), FAILED], Result.UPSTREAM_FAILED),
        ("ALL_SUCCESS", [succeeded(), canceled()], Result.UPSTREAM_CANCELED),
        ("ALL_SUCCESS", [FAILED, canceled()], Result.UPSTREAM_FAILED),
        ("AT_LEAST_ONE_SUCCESS", [succeeded(), FAILED], None),
        ("AT_LEAST_ONE_SUCCESS", [FAILED], Result.UPSTREAM_FAILED),
        ("NONE_FAILED", [succeeded(), EXCLUDED], None),
        ("NONE_FAILED", [succeeded(), UPSTREAM], Result.UPSTREAM_FAILED),
        ("ALL_DONE", [FAILED, canceled()], None),
        ("AT_LEAST_ONE_FAILED", [FAILED, succeeded()], None),
        ("AT_LEAST_ONE_FAILED", [succeeded()], Result.EXCLUDED),
        ("ALL_FAILED", [FAILED, succeeded()], Result.EXCLUDED),
        ("ALL_FAILED", [FAILED, timed_out(1)], None),
    ],
)
def test_a_task_runs_if_its_condition_is_met(run_if, upstream, result):
    state = verdict(run_if, upstream)
    assert (state.result if state else None) == result


@pytest.mark.parametrize(
    ("tasks", "leaves", "life_cycle", "result", "code"),
    [
        ({"a": succeeded(), "b": EXCLUDED}, ["b"], LifeCycle.TERMINATED, Result.SUCCESS, Code.SUCCESS),
        (
            {"a": FAILED, "b": succeeded()},
            ["b"],
            LifeCycle.TERMINATED,
            Result.SUCCESS_WITH_FAILURES,
            Code.SUCCESS_WITH_FAILURES,
        ),
        ({"a": FAILED, "b": UPSTREAM}, ["b"], LifeCycle.INTERNAL_ERROR, Result.FAILED, Code.RUN_EXECUTION_ERROR),
        ({"a": timed_out(1)}, ["a"], LifeCycle.TERMINATED, Result.TIMEDOUT, Code.CANCELED),
        ({"a": canceled(), "b": FAILED}, ["a", "b"], LifeCycle.INTERNAL_ERROR, Result.FAILED, Code.RUN_EXECUTION_ERROR),
        ({"a": canceled()}, ["a"], LifeCycle.TERMINATED, Result.CANCELED, Code.USER_CANCELED),
        ({"a": broken("lost")}, ["a"], LifeCycle.INTERNAL_ERROR, Result.FAILED, Code.INTERNAL_ERROR),
    ],
)
def test_a_run_ends_as_its_tasks_did(tasks, leaves, life_cycle, result, code):
    state = run_state(tasks, leaves)
    assert (state.life_cycle, state.result, state.code) == (life_cycle, result, code)


def test_a_state_has_two_shapes():
    queued = waiting(LifeCycle.QUEUED, QueueCode.MAX_CONCURRENT_RUNS_REACHED)
    assert queued.old_view()["queue_reason"] == queued.new_view()["queue_details"]["message"]
    assert "result_state" not in queued.old_view()
    assert waiting(LifeCycle.WAITING_FOR_RETRY).new_view()["state"] == "WAITING"
    assert UPSTREAM.new_view()["state"] == "TERMINATED"
    types = [state.new_view()["termination_details"]["type"] for state in (succeeded(), canceled(), FAILED, broken(""))]
    assert types == ["SUCCESS", "SUCCESS", "CLIENT_ERROR", "INTERNAL_ERROR"]


def test_a_reference_is_replaced_and_an_unknown_one_stays():
    values = {"job.id": "7", "job.parameters.a-b": "x"}
    assert resolve(["{{job.id}}", "n={{ job.parameters.a-b }}!", "{{tasks.a.values.b}}", "{}"], values) == [
        "7",
        "n=x!",
        "{{tasks.a.values.b}}",
        "{}",
    ]


def test_an_update_removes_then_merges():
    settings = {"name": "a", "tags": {"x": "y"}, "job_clusters": [{"job_cluster_key": "c", "new_cluster": {"n": 1}}]}
    new = {"tags": {"z": "1"}, "job_clusters": [{"job_cluster_key": "c", "new_cluster": {"n": 2}}]}
    assert updated(settings, new, ["name", "nothing"]) == {
        "tags": {"z": "1"},
        "job_clusters": [{"job_cluster_key": "c", "new_cluster": {"n": 2}}],
    }
    assert updated(settings, {}, ["job_clusters/c"])["job_clusters"] == []
