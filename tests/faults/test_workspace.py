"""The workspace lies, throttles, is slow or refuses: one endpoint at most, and the reason in words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.cases import Case
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.stack, pytest.mark.xdist_group("product"), pytest.mark.timeout(600)]

CREATE = {"method": "POST", "path": "^/api/2.0/serving-endpoints$"}
THROTTLED = {"kind": "status", "status": 429, "retry_after": 1, "error_code": "REQUEST_LIMIT_EXCEEDED"}
AWAY = {"kind": "status", "status": 503, "error_code": "TEMPORARILY_UNAVAILABLE"}
ENDPOINTS = {"path": "^/api/2.0/serving-endpoints"}


@pytest.mark.matrix
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({**THROTTLED, **ENDPOINTS, "times": 3}, id="429 with Retry-After"),
        pytest.param({**THROTTLED, **CREATE, "times": 2}, id="429 on the create"),
        pytest.param({**AWAY, **ENDPOINTS, "method": "GET", "times": 3}, id="503 on reads"),
        pytest.param({"kind": "latency", "seconds": 3, **ENDPOINTS, "times": 4}, id="slow"),
        pytest.param({"kind": "drop", **ENDPOINTS, "method": "GET", "times": 2}, id="connection dropped"),
        pytest.param(
            {"kind": "html_body", **ENDPOINTS, "method": "GET", "status": 502, "times": 2}, id="a proxy's page"
        ),
    ],
)
def test_a_workspace_in_trouble_for_a_moment_delays_a_run_and_no_more(case: Case, fault: dict[str, Any]) -> None:
    case.product.fault(**fault)
    case.deploy()
    case.succeed()


def test_a_500_after_the_effect_leaves_one_endpoint_that_resume_adopts(case: Case) -> None:
    case.product.fault(kind="after_effect", **CREATE, times=1, status=500)
    case.deploy()
    failed = case.finish()
    assert failed["status"] == "failed", case.product.log(case.run_id)
    case.struck()
    case.succeed(resume=True)


def test_a_build_that_fails_ends_the_run_with_the_reason(case: Case) -> None:
    case.product.fault(kind="build_fails", endpoint=case.name)
    case.deploy()
    run = case.finish()
    assert run["status"] == "failed", case.product.log(case.run_id)
    assert "Container image creation failed" in run["message"], case.product.log(case.run_id)
    case.check(creations=1)
    case.product.no_faults()
    case.product.destroy(case.run_id)
    assert case.product.endpoint(case.name) is None


def test_a_token_that_the_workspace_refuses_fails_before_anything_is_planned(case: Case) -> None:
    case.product.fault(kind="status", status=401, error_code="UNAUTHENTICATED", **ENDPOINTS)
    case.deploy()
    run = case.finish()
    assert run["status"] == "failed"
    assert [stage["stage"] for stage in run["stages"]] == ["preflight"]
    case.check(creations=0)
    case.product.no_faults()
    case.product.destroy(case.run_id)


def test_two_runs_of_one_deployment_go_one_after_the_other(case: Case) -> None:
    product, first = case.product, case.deploy()
    deployment = product.run(first)["deployment"]
    spec = product.run(first)["spec"] | {"tags": {"purpose": "queue"}}
    answer = product.api("fiona").post(f"deployments/{deployment}/runs/", json={"kind": "deploy", "spec": spec})
    assert answer.status_code in (201, 202), answer.text
    second = int(answer.json()["id"])
    wait_until(lambda: f"#{first}" in str(product.run(second)), 15)
    assert product.finished(first)["status"] == "succeeded", product.log(first)
    case.run_id = second
    case.succeed()
