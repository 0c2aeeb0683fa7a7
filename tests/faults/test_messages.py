"""The broker under a run: messages come twice, late, or are gone with the broker that held them."""

from __future__ import annotations

import pytest
from celery import Celery

from tests.faults.cases import Case
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.stack, pytest.mark.xdist_group("product"), pytest.mark.timeout(600)]

ADVANCE_RUN = "deployments.tasks.advance_run"


def broker(case: Case) -> Celery:
    return Celery("tests", broker=f"redis+socket://{case.product.stack.var_dir / 'redis' / 'redis.sock'}")


def send(case: Case, times: int) -> None:
    app = broker(case)
    for _ in range(times):
        app.send_task(ADVANCE_RUN, [case.run_id], queue="runs")


def test_a_task_that_is_delivered_many_times_is_done_once(case: Case) -> None:
    case.deploy()
    send(case, 30)
    assert case.finish()["status"] == "succeeded", case.product.log(case.run_id)
    send(case, 10)
    stages = [stage["stage"] for stage in case.product.run(case.run_id)["stages"]]
    assert stages == list(dict.fromkeys(stages)), "no stage was passed twice"
    case.succeed()


@pytest.mark.matrix
@pytest.mark.parametrize("stage", ["plan", "apply", "endpoint"])
def test_two_deliveries_at_the_same_time_are_one(case: Case, stage: str) -> None:
    case.deploy()
    case.see(stage)
    for _ in range(5):
        send(case, 2)
    case.struck()
    case.succeed()


@pytest.mark.matrix
def test_messages_of_runs_that_are_over_or_never_were_change_nothing(case: Case) -> None:
    case.deploy()
    assert case.finish()["status"] == "succeeded", case.product.log(case.run_id)
    before = case.product.log(case.run_id)
    app = broker(case)
    for run_id in (case.run_id, 0, 10**12):
        app.send_task(ADVANCE_RUN, [run_id], queue="runs")
    case.succeed()
    assert case.product.log(case.run_id).startswith(before)


@pytest.mark.matrix
@pytest.mark.parametrize("stage", ["preflight", "plan", "apply"])
def test_a_broker_that_dies_with_its_messages_delays_a_run_and_no_more(case: Case, stage: str) -> None:
    case.deploy()
    case.see(stage)
    old = case.product.stack.kill("redis")
    case.struck()
    case.product.stack.wait_restarted("redis", old)
    case.succeed()


@pytest.mark.matrix
def test_a_run_that_is_asked_for_while_the_broker_is_away_goes_on_once_it_is_back(case: Case) -> None:
    old = case.product.stack.kill("redis")
    case.deploy()
    case.struck()
    case.product.stack.wait_restarted("redis", old)
    wait_until(lambda: case.status != "queued", 60)
    case.succeed()
