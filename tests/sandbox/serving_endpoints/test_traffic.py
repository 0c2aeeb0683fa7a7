"""Two versions behind one endpoint: the portal's adapter moves traffic between them and asks each directly."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.databricks.credentials import Credentials
from integrations.databricks.records import Endpoint
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from integrations.metrics import read_windows
from tests import http
from tests.sandbox.running import RunningSandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("sandbox")
TIMEOUT_S = 90
BODY = {"dataframe_records": [{"mood": "well"}]}


@pytest.fixture(scope="module")
def workspace(sandbox: RunningSandbox) -> WorkspaceClient:
    return WorkspaceClient(sandbox.url, Credentials(token=sandbox.admin_token))


@pytest.fixture(scope="module")
def endpoint(sandbox: RunningSandbox, workspace: WorkspaceClient, served_model: str) -> Iterator[str]:
    """Both versions of the model; all traffic to the first."""
    name = f"ep-{uuid.uuid4().hex[:8]}"
    entities = [_entity(served_model, version) for version in ("1", "2")]
    routes = [_route("moody-1", 100), _route("moody-2", 0)]
    config = {"served_entities": entities, "traffic_config": {"routes": routes}}
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    with http.Client(base_url=f"{sandbox.url}/api/2.0", headers=headers, timeout=30) as client:
        client.post("serving-endpoints", json={"name": name, "config": config}).raise_for_status()
        settled(workspace, name)
        yield name
        client.delete(f"serving-endpoints/{name}").raise_for_status()


def _entity(model: str, version: str) -> dict[str, Any]:
    size = {"workload_size": "Small", "scale_to_zero_enabled": False, "environment_vars": {"MODE": version}}
    return {"name": f"moody-{version}", "entity_name": model, "entity_version": version, **size}


def _route(name: str, percent: int) -> dict[str, Any]:
    return {"served_entity_name": name, "traffic_percentage": percent}


def settled(workspace: WorkspaceClient, name: str) -> Endpoint:
    def look() -> Endpoint | None:
        found = workspace.get_endpoint(name)
        assert found is not None
        assert found.config_update != "UPDATE_FAILED"
        return found if found.ready and not found.is_updating else None

    found = wait_until(look, TIMEOUT_S, interval_s=0.1)
    assert found is not None
    return found


def test_an_entity_without_traffic_answers_when_it_is_asked_directly(workspace: WorkspaceClient, endpoint: str) -> None:
    answer = workspace.query_entity(endpoint, "moody-2", BODY, timeout_s=30)
    assert (answer.status_code, answer.body["predictions"]) == (200, ["well"])
    assert answer.served_entity == "moody-2"
    with pytest.raises(IntegrationError) as refused:
        workspace.query_entity(endpoint, "nobody", BODY, timeout_s=30)
    assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_moving_traffic_rebuilds_nothing(sandbox: RunningSandbox, workspace: WorkspaceClient, endpoint: str) -> None:
    before = settled(workspace, endpoint)
    pids = _pids(workspace, endpoint)
    workspace.set_traffic(endpoint, {"moody-1": 30, "moody-2": 70})
    after = settled(workspace, endpoint)
    assert after.traffic == {"moody-1": 30, "moody-2": 70}
    assert after.config_version == (before.config_version or 0) + 1
    assert [entity.environment_vars for entity in after.served_entities] == [{"MODE": "1"}, {"MODE": "2"}]
    assert _pids(workspace, endpoint) == pids
    workspace.set_traffic(endpoint, {"moody-1": 100, "moody-2": 0})
    assert settled(workspace, endpoint).traffic == {"moody-1": 100, "moody-2": 0}


def _pids(workspace: WorkspaceClient, name: str) -> list[Any]:
    """What each process says of itself."""
    body = {"dataframe_records": [{"mood": "pid"}]}
    return [workspace.query_entity(name, entity, body, timeout_s=30).body for entity in ("moody-1", "moody-2")]


def test_traffic_to_what_is_not_served_is_refused(workspace: WorkspaceClient, endpoint: str) -> None:
    with pytest.raises(IntegrationError) as refused:
        workspace.set_traffic(endpoint, {"moody-1": 50, "moody-9": 50})
    assert (refused.value.code, refused.value.permanent) == ("NOT_SERVED", True)


def test_each_version_has_metrics_of_its_own(workspace: WorkspaceClient, endpoint: str) -> None:
    bad = {"dataframe_records": [{"mood": "raise"}]}
    before = read_windows(workspace.metrics(endpoint))
    for body in (BODY, bad, bad):
        workspace.query_entity(endpoint, "moody-2", body, timeout_s=30)
    after = read_windows(workspace.metrics(endpoint))
    assert after["moody-2"].requests - before["moody-2"].requests == 3
    assert after["moody-2"].errors_4xx - before["moody-2"].errors_4xx == 2
    assert after["moody-1"].errors_4xx == before["moody-1"].errors_4xx
    assert after["moody-2"].p99_ms is not None
