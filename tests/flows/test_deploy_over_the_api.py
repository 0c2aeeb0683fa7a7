"""What a pipeline does: deploy with a token, follow the run, ask the endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import orjson
import pytest

from tests.product import Product
from tests.stack import ROOT
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("product"), pytest.mark.timeout(600)]


def own_predictions(product: Product, model_uri: str, body: dict[str, Any]) -> Any:
    """What the model itself says, loaded from the registry in a process of its own."""
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": product.stack.sandbox_url,
        "MLFLOW_TRACKING_TOKEN": product.stack.record["sandbox_token"],
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.predictions", model_uri],
        input=orjson.dumps(body),
        capture_output=True,
        cwd=ROOT,
        env=environment,
        check=True,
    )
    return orjson.loads(done.stdout)["predictions"]


def example_of(product: Product, model: str, version: str) -> dict[str, Any]:
    answer = product.api("admin").get(f"models/{model}/versions/{version}/")
    assert answer.status_code == 200, answer.text
    example: dict[str, Any] = answer.json()["input_example"]
    return example


def test_the_demo_has_a_deployment_that_answers(product: Product) -> None:
    record = product.stack.record
    run = product.run(record["run"])
    assert run["status"] == "succeeded"
    name = run["name"]
    spec = run["spec"]
    example = example_of(product, spec["model"], spec["version"])
    answer = product.predict(name, example)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"]


@pytest.mark.long
def test_a_second_model_goes_to_staging_and_predicts_like_the_model_itself(product: Product) -> None:
    began = time.monotonic()
    run_id = product.deploy("flow-staging")
    assert product.events(run_id), "the first line is there at once"
    assert time.monotonic() - began < 5
    run = product.finished(run_id)
    assert run["status"] == "succeeded", product.log(run_id)
    preflight = next(stage for stage in run["stages"] if stage["stage"] == "preflight")
    assert preflight["detail"]["validation"]["status"] == "passed", preflight["detail"]
    example = example_of(product, "staging.fraud.credit_default", "1")
    answer = product.predict("flow-staging", example)
    assert answer.status_code == 200, answer.text
    expected = own_predictions(product, "models:/staging.fraud.credit_default/1", example)
    assert answer.json()["predictions"] == expected
    numbers = [event["number"] for event in product.events(run_id)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert product.destroy(run_id)["status"] == "succeeded"
    assert product.endpoint("flow-staging") is None


def _let_destroy(product: Product, run_id: int) -> None:
    """Nobody can tell how much traffic the endpoint had: a team admin who did not ask for the run answers for it."""

    def blocking() -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = product.run(run_id)["policy_results"]
        return [result for result in results if result["outcome"] == "overridable"]

    (result,) = wait_until(blocking, 60)
    assert result["rule"] == "idle_before_destroy"
    body = {"result": result["id"], "reason": "only this test called it"}
    assert product.api("fiona").post(f"runs/{run_id}/override/", json=body).status_code == 403
    product.api("felix").post(f"runs/{run_id}/override/", json=body).raise_for_status()


@pytest.mark.long
def test_production_waits_for_a_second_person(product: Product) -> None:
    run_id = product.deploy(
        "flow-prod", model="prod.fraud.credit_default", environment="prod", monitoring={"inference_table": True}
    )
    product.reached(run_id, "approval")
    refused = product.api("fiona").post(f"runs/{run_id}/approve/", json={})
    assert refused.status_code == 403, refused.text
    approved = product.api("arjun").post(f"runs/{run_id}/approve/", json={"reason": "looks right"})
    assert approved.status_code == 200, approved.text
    assert product.finished(run_id)["status"] == "succeeded", product.log(run_id)
    deployment = product.run(run_id)["deployment"]
    destroy = product.api("fiona").delete(f"deployments/{deployment}/").json()
    _let_destroy(product, destroy["id"])
    product.reached(destroy["id"], "approval")
    product.api("arjun").post(f"runs/{destroy['id']}/approve/", json={}).raise_for_status()
    assert product.finished(destroy["id"])["status"] == "succeeded"
