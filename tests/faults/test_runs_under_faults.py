"""Runs when things break: workers die, the workspace lies, messages come twice. One apply each, no lock left."""

from __future__ import annotations

import time

import pytest
from celery import Celery

from tests.product import Product
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("product"), pytest.mark.timeout(600)]


@pytest.fixture
def since(product: Product) -> int:
    return product.cursor()


def broker(product: Product) -> Celery:
    settings = product.stack.var_dir / "redis" / "redis.sock"
    return Celery("tests", broker=f"redis+socket://{settings}")


def test_a_worker_killed_during_apply_is_followed_by_another_that_creates_nothing_again(
    product: Product, since: int
) -> None:
    run_id = product.deploy("fault-killed")
    product.reached(run_id, "apply")
    wait_until(lambda: product.endpoint("fault-killed"), 30)
    old = product.stack.kill("worker-runs")
    product.stack.wait_restarted("worker-runs", old)
    began = time.monotonic()
    run = product.finished(run_id, timeout_s=60)
    assert run["status"] in ("succeeded", "interrupted"), product.log(run_id)
    if run["status"] == "interrupted":
        product.api("fiona").post(f"runs/{run_id}/resume/", json={}).raise_for_status()
        run = product.finished(run_id)
    assert run["status"] == "succeeded", product.log(run_id)
    assert product.creations(since) == 1
    print(f"creates: 1, back after {time.monotonic() - began:.1f} s")
    product.destroy(run_id)


def test_a_500_after_the_effect_leaves_one_endpoint_that_resume_adopts(product: Product, since: int) -> None:
    product.fault(kind="after_effect", method="POST", path="^/api/2.0/serving-endpoints$", times=1, status=500)
    run_id = product.deploy("fault-lies")
    failed = product.finished(run_id)
    assert failed["status"] == "failed", product.log(run_id)
    product.no_faults()
    product.api("fiona").post(f"runs/{run_id}/resume/", json={}).raise_for_status()
    assert product.finished(run_id)["status"] == "succeeded", product.log(run_id)
    assert product.creations(since) == 1
    product.destroy(run_id)


def test_a_build_that_fails_ends_the_run_with_the_reason(product: Product) -> None:
    product.fault(kind="build_fails", endpoint="fault-build")
    run_id = product.deploy("fault-build")
    run = product.finished(run_id)
    assert run["status"] == "failed", product.log(run_id)
    assert "Container image creation failed" in run["message"], product.log(run_id)
    product.no_faults()
    product.destroy(run_id)
    assert product.endpoint("fault-build") is None


def test_a_token_that_the_workspace_refuses_fails_before_anything_is_planned(product: Product, since: int) -> None:
    product.fault(kind="status", status=401, error_code="UNAUTHENTICATED", path="^/api/2.0/serving-endpoints")
    run_id = product.deploy("fault-token")
    run = product.finished(run_id)
    assert run["status"] == "failed"
    assert [stage["stage"] for stage in run["stages"]] == ["preflight"]
    assert product.creations(since) == 0
    product.no_faults()
    product.destroy(run_id)


def test_a_task_that_is_delivered_many_times_is_done_once(product: Product, since: int) -> None:
    run_id = product.deploy("fault-twice")
    app = broker(product)
    for _ in range(30):
        app.send_task("deployments.tasks.advance_run", [run_id], queue="runs")
    assert product.finished(run_id)["status"] == "succeeded", product.log(run_id)
    for _ in range(10):
        app.send_task("deployments.tasks.advance_run", [run_id], queue="runs")
    assert product.creations(since) == 1
    stages = [stage["stage"] for stage in product.run(run_id)["stages"]]
    assert stages == ["preflight", "plan", "approval", "apply", "endpoint", "smoke"]
    product.destroy(run_id)


def test_two_runs_of_one_deployment_go_one_after_the_other(product: Product, since: int) -> None:
    first = product.deploy("fault-queue")
    deployment = product.run(first)["deployment"]
    spec = product.run(first)["spec"] | {"tags": {"purpose": "queue"}}
    answer = product.api("fiona").post(f"deployments/{deployment}/runs/", json={"kind": "deploy", "spec": spec})
    assert answer.status_code in (201, 202), answer.text
    second = int(answer.json()["id"])
    wait_until(lambda: f"#{first}" in str(product.run(second)), 15)
    assert product.finished(first)["status"] == "succeeded", product.log(first)
    assert product.finished(second)["status"] == "succeeded", product.log(second)
    assert product.creations(since) == 1
    product.destroy(first)
