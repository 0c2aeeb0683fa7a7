"""The whole product with the demo's models, for flows and faults: what a person or a pipeline does with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from deployments.runs.statuses import TERMINAL
from tests.stack import Stack
from tests.waiting import wait_until

RUN_TIMEOUT_S = 120
# Bake times are in minutes; these are short ones.
MINUTE_S = 6
CREATE = "/api/2.0/serving-endpoints"
RUNNING: list[Stack] = []


@dataclass
class Product:
    stack: Stack

    # -- the portal ------------------------------------------------------------------------------

    def api(self, username: str) -> httpx.Client:
        return self.stack.api(self.stack.user(username)["token"])

    def deploy(self, name: str, *, as_user: str = "fiona", **changes: Any) -> int:
        """Ask for a deployment of fraud's model to staging; returns the id of its run."""
        spec = {"model": "staging.fraud.credit_default", "version": "1", "environment": "staging", "name": name}
        answer = self.api(as_user).post("deployments/", json=spec | changes)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["run"]["id"])

    def run(self, run_id: int) -> dict[str, Any]:
        answer = self.api("admin").get(f"runs/{run_id}/")
        assert answer.status_code == 200, answer.text
        run: dict[str, Any] = answer.json()
        return run

    def finished(self, run_id: int, timeout_s: float = RUN_TIMEOUT_S) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            run = self.run(run_id)
            return run if run["status"] in TERMINAL else {}

        return wait_until(look, timeout_s, interval_s=0.25)

    def reached(self, run_id: int, status: str, timeout_s: float = RUN_TIMEOUT_S) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            run = self.run(run_id)
            assert run["status"] not in TERMINAL or run["status"] == status, self.log(run_id)
            return run if run["status"] == status else {}

        return wait_until(look, timeout_s)

    def log(self, run_id: int) -> str:
        events = self.events(run_id)
        return "\n".join(f"{event['number']} {event['stage']} {event['message']}" for event in events)

    def events(self, run_id: int) -> list[dict[str, Any]]:
        answer = self.api("admin").get(f"runs/{run_id}/events/", params={"limit": 500})
        assert answer.status_code == 200, answer.text
        events: list[dict[str, Any]] = answer.json()["results"]
        return events

    def destroy(self, run_id: int) -> dict[str, Any]:
        deployment = self.run(run_id)["deployment"]
        answer = self.api("admin").delete(f"deployments/{deployment}/")
        assert answer.status_code == 202, answer.text
        return self.finished(int(answer.json()["id"]))

    # -- the workspace ---------------------------------------------------------------------------

    def endpoint(self, name: str) -> dict[str, Any] | None:
        answer = self.stack.workspace().get(f"{CREATE}/{name}")
        return answer.json() if answer.status_code == 200 else None

    def predict(self, name: str, body: dict[str, Any]) -> httpx.Response:
        return self.stack.workspace().post(f"/serving-endpoints/{name}/invocations", json=body)

    def fault(self, **fault: Any) -> None:
        answer = self.stack.workspace().post("/_sandbox/faults", json=fault)
        assert answer.status_code == 200, answer.text

    def no_faults(self) -> None:
        self.stack.workspace().delete("/_sandbox/faults").raise_for_status()

    def cursor(self) -> int:
        return int(self._requests()["cursor"])

    def creations(self, since: int) -> int:
        """How many create calls the workspace worked on after ``since``, whatever it answered then."""
        counts = self._requests(after=since, method="POST", path=CREATE)["counts"]
        return sum(int(row["count"]) for row in counts if row["status"] != httpx.codes.TOO_MANY_REQUESTS)

    def requests(self, **query: Any) -> int:
        """How many requests the workspace got: ``after`` a cursor, by method and path."""
        return int(self._requests(**query)["total"])

    def _requests(self, **query: Any) -> dict[str, Any]:
        answer = self.stack.workspace().get("/_sandbox/requests", params=query)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content


@pytest.fixture(scope="session")
def _running_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    environment = {"ROLLOUT_MINUTE_S": str(MINUTE_S)}
    with Stack(tmp_path_factory.mktemp("product") / "var", content=True, environment=environment) as stack:
        RUNNING.append(stack)
        yield Product(stack)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The product ends with the last of its tests, which tests/order.py puts side by side: it never idles."""
    if RUNNING and not (nextitem and nextitem.get_closest_marker("stack")):
        RUNNING.pop().stop()


@pytest.fixture
def stack(product: Product) -> Stack:
    """The processes of the one product."""
    return product.stack


@pytest.fixture
def product(_running_product: Product) -> Iterator[Product]:
    """The one product of the suite, without faults before and after. Its tests belong to the xdist_group "product",
    or each worker starts one; a test that changes how the parts run makes its own Stack."""
    _running_product.no_faults()
    yield _running_product
    _running_product.no_faults()
