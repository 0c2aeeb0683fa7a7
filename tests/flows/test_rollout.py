"""A canary under live traffic: a version that fails goes back by itself, a good one stays; the way back is short."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.flows.registering import register_flaky
from tests.flows.traffic import traffic
from tests.product import CREATE, MINUTE_S, Product
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.stack, pytest.mark.xdist_group("product"), pytest.mark.timeout(900)]

MODEL = "staging.fraud.flaky_amounts"
BAKE_MINUTES = 10
ROLLOUT_TIMEOUT_S = 240


@pytest.fixture
def flaky(product: Product) -> str:
    """The model with its three versions, known to the portal."""
    register_flaky(product, MODEL)
    return MODEL


def update(product: Product, run: dict[str, Any], version: str, **rollout: Any) -> int:
    spec = {**run["spec"], "version": version, "rollout": {"strategy": "canary", "min_requests": 40, **rollout}}
    answer = product.api("fiona").post(f"deployments/{run['deployment']}/runs/", json={"kind": "deploy", "spec": spec})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def live_traffic(product: Product, name: str) -> dict[str, int]:
    endpoint = product.endpoint(name)
    assert endpoint is not None
    routes = endpoint["config"]["traffic_config"]["routes"]
    return {route["served_entity_name"]: route["traffic_percentage"] for route in routes}


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


@pytest.fixture
def first(product: Product, flaky: str) -> Iterator[dict[str, Any]]:
    """The run that has made version 1 live."""
    run_id = product.deploy(f"canary-{uuid.uuid4().hex[:6]}", model=flaky)
    run = product.finished(run_id)
    assert run["status"] == "succeeded", product.log(run_id)
    yield run
    product.destroy(run_id)


def test_a_canary_that_fails_one_request_in_five_is_back_within_a_step(product: Product, first: dict[str, Any]) -> None:
    with traffic(product, first["name"]) as statuses:
        run_id = update(product, first, "2", steps=[50, 100], bake_minutes=BAKE_MINUTES, max_error_rate=0.05)
        run = product.finished(run_id, ROLLOUT_TIMEOUT_S)
        assert run["status"] == "rolled_back", product.log(run_id)
        assert live_traffic(product, first["name"]) == {"flaky_amounts-1": 100, "flaky_amounts-2": 0}
        [step] = run["rollout"]
        bake_s = BAKE_MINUTES * MINUTE_S
        assert seconds_between(step["moved_at"], run["finished_at"]) < bake_s
        assert (step["percent"], step["verdict"], step["rule"]) == (50, "breached", "error_rate")
        new, old = step["numbers"]["new"], step["numbers"]["old"]
        assert 0.1 < new["error_rate"] < 0.4
        assert new["errors_4xx"] + new["errors_5xx"] == pytest.approx(new["error_rate"] * new["requests"], abs=1)
        assert (old["errors_4xx"], old["errors_5xx"]) == (0, 0)
        assert f"{new['requests']} requests" in run["message"]
        settled = len(statuses)
        wait_until(lambda: len(statuses) > settled + 50, 30)
        assert set(statuses[settled + 10 :]) == {200}


def test_a_good_canary_takes_the_traffic_and_the_way_back_moves_nothing_else(
    product: Product, first: dict[str, Any]
) -> None:
    name, deployment = first["name"], first["deployment"]
    with traffic(product, name) as statuses:
        run_id = update(product, first, "3", steps=[50, 100], bake_minutes=1)
        run = product.finished(run_id, ROLLOUT_TIMEOUT_S)
        assert run["status"] == "succeeded", product.log(run_id)
        assert [(step["percent"], step["verdict"]) for step in run["rollout"]] == [(50, "passed"), (100, "passed")]
        assert live_traffic(product, name) == {"flaky_amounts-1": 0, "flaky_amounts-3": 100}
        api = product.api("fiona")
        [target] = api.get(f"deployments/{deployment}/rollback/").json()["results"]
        assert target["is_served"]
        before, served = product.cursor(), _created(product, name)
        back = api.post(f"deployments/{deployment}/rollback/", json={"run": target["run"]["id"]}).json()
        assert product.finished(back["id"])["status"] == "succeeded", product.log(back["id"])
        assert live_traffic(product, name) == {"flaky_amounts-1": 100, "flaky_amounts-3": 0}
        assert product.requests(after=before, method="PUT", path=f"{CREATE}/{{name}}/config") == 1
        assert _created(product, name) == served
    assert set(statuses) == {200}


def _created(product: Product, name: str) -> str:
    """The build logs of both versions: a build would add to them."""
    logs = [
        product.stack.workspace().get(f"{CREATE}/{name}/served-models/flaky_amounts-{version}/build-logs")
        for version in (1, 3)
    ]
    return "\n".join(answer.json()["logs"] for answer in logs)
