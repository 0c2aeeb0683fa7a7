"""SIGKILL for the worker, in every stage: another goes on, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.runs.statuses import TERMINAL
from tests.faults.cases import RECOVERY_S, Case
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.stack, pytest.mark.xdist_group("product"), pytest.mark.timeout(900)]

# Cost and policy take milliseconds: now and then the run has left them before the worker is dead.
TRIES = 6
STAGES = ["preflight", "plan", "cost", "policy", "apply", "endpoint", "smoke"]
See = Callable[[Case, str], None]


def hold_open(case: Case, stage: str) -> None:
    """Stages that ask the workspace a short question are given time: it answers late."""
    questions: dict[str, dict[str, Any]] = {
        "preflight": {"method": "GET", "path": f"/serving-endpoints/{case.name}$", "times": 1},
        "endpoint": {"method": "GET", "path": f"/serving-endpoints/{case.name}$"},
        "smoke": {"method": "POST", "path": f"/{case.name}/invocations$"},
    }
    if stage == "endpoint":
        case.see("apply")
    if stage in questions:
        case.product.fault(kind="latency", seconds=1.5, **questions[stage])


def kill_the_worker_in(case: Case, stage: str, see: See) -> bool:
    """SIGKILL as soon as ``see`` says so; whether the run was still in ``stage`` when the worker was dead."""
    pid = case.product.stack.pid("worker-runs")
    see(case, stage)
    case.product.stack.kill("worker-runs", pid=pid)
    case.struck()
    case.product.stack.wait_restarted("worker-runs", pid)
    case.product.no_faults()
    return case.status == stage


def killed_in(case: Case, stage: str, see: See) -> Case:
    """The first of some runs that lost its worker in ``stage``; the others are brought to their ends."""
    for number in range(TRIES):
        one = case.again(number)
        one.deploy()
        hold_open(one, stage)
        if kill_the_worker_in(one, stage, see):
            return one
        one.succeed(resume=True)
    raise AssertionError(f"{TRIES} runs left {stage} before the worker was dead")


@pytest.mark.matrix
@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_at_work_on_any_stage_is_followed_by_another_that_repeats_nothing(
    case: Case, stage: str
) -> None:
    killed_in(case, stage, Case.see_at_work_on).succeed(resume=True)


@pytest.mark.matrix
@pytest.mark.parametrize("stage", ["cost", "apply"])
def test_a_worker_killed_between_two_stages_is_followed_by_another_that_does_the_next(case: Case, stage: str) -> None:
    killed_in(case, stage, Case.see).succeed(resume=True)


def test_a_worker_killed_while_its_terraform_creates_the_endpoint_is_followed_by_one_that_watches_it(
    case: Case,
) -> None:
    case.deploy()
    wait_until(lambda: case.product.endpoint(case.name), 60)
    assert kill_the_worker_in(case, "apply", Case.see_at_work_on)
    case.succeed(resume=True)


def ask_for_a_canary(case: Case) -> None:
    """A run that moves half of the traffic to version 2 of what ``case`` has deployed, then all of it."""
    run = case.product.run(case.run_id)
    canary = {"strategy": "canary", "steps": [50, 100], "bake_minutes": 0, "min_requests": 1}
    body = {"kind": "deploy", "spec": run["spec"] | {"version": "2", "rollout": canary}}
    answer = case.product.api("fiona").post(f"deployments/{run['deployment']}/runs/", json=body)
    assert answer.status_code in (201, 202), answer.text
    case.run_id = int(answer.json()["id"])


def promote(case: Case) -> bool:
    """Skip the step, which nobody's requests can judge; whether the run is over."""
    case.product.api("fiona").post(f"runs/{case.run_id}/promote/", json={})
    return case.status in TERMINAL


@pytest.mark.matrix
def test_a_worker_killed_while_it_moves_traffic_is_followed_by_one_that_moves_it_on(case: Case) -> None:
    case.deploy()
    assert case.finish()["status"] == "succeeded", case.product.log(case.run_id)
    ask_for_a_canary(case)
    case.see("smoke")
    case.product.fault(kind="latency", seconds=1.5, method="PUT", path=f"/{case.name}/config$")
    assert kill_the_worker_in(case, "rollout", Case.see_at_work_on), case.product.log(case.run_id)
    wait_until(lambda: promote(case), RECOVERY_S, interval_s=1)
    endpoint = case.product.endpoint(case.name)
    assert endpoint
    routes = endpoint["config"]["traffic_config"]["routes"]
    assert [route["traffic_percentage"] for route in routes if route["served_model_name"].endswith("-2")] == [100]
    case.succeed()


@pytest.mark.matrix
def test_workers_killed_again_and_again_end_with_one_endpoint(case: Case) -> None:
    case.deploy()
    for stage in ("preflight", "plan", "apply"):
        kill_the_worker_in(case, stage, Case.see)
    case.succeed(resume=True)


@pytest.mark.matrix
def test_a_worker_killed_during_a_destroy_leaves_nothing(case: Case) -> None:
    case.deploy()
    assert case.finish()["status"] == "succeeded"
    deployment = case.product.run(case.run_id)["deployment"]
    answer = case.product.api("admin").delete(f"deployments/{deployment}/")
    case.run_id = int(answer.json()["id"])
    kill_the_worker_in(case, "apply", Case.see_at_work_on)
    run = case.finish(resume=True)
    assert run["status"] == "succeeded", case.product.log(case.run_id)
    assert case.product.endpoint(case.name) is None
    case.check(creations=1)
