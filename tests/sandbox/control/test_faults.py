from __future__ import annotations

import time

import httpx
import pytest

from sandbox.control.faults import Fault, Faults
from tests import http

ME = "/api/2.0/preview/scim/v2/Me"


@pytest.fixture
def raw(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    with http.Client(base_url=sandbox.url, headers=headers) as client:
        yield client


@pytest.fixture
def only(sandbox):
    """Faults of one test: they strike only paths that carry its name, and are gone at its end."""
    added = []

    def add(**fault):
        answer = http.post(f"{sandbox.url}/_sandbox/faults", json=fault)
        answer.raise_for_status()
        added.append(answer.json()["id"])
        return answer.json()["id"]

    yield add
    for fault_id in added:
        http.delete(f"{sandbox.url}/_sandbox/faults/{fault_id}")


def counts(sandbox, after, method, path):
    query = {"after": after, "method": method, "path": path}
    return http.get(f"{sandbox.url}/_sandbox/requests", params=query).json()


def test_a_status_fault_strikes_before_the_effect_and_is_used_up(sandbox, raw, only):
    only(kind="status", status=429, retry_after=7, method="POST", path="/secrets/scopes/create$", times=1)
    first = raw.post("/api/2.0/secrets/scopes/create", json={"scope": "fault-429"})
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert first.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert "fault-429" not in raw.get("/api/2.0/secrets/scopes/list").text
    assert raw.post("/api/2.0/secrets/scopes/create", json={"scope": "fault-429"}).status_code == 200


def test_the_sdk_raises_too_many_requests(sandbox, only):
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config
    from databricks.sdk.errors import TooManyRequests

    only(kind="status", status=429, retry_after=1, method="GET", path="/workspace/too-many$")
    config = Config(
        host=sandbox.url, token=sandbox.admin_token, auth_type="pat", retry_timeout_seconds=1, config_file="/dev/null"
    )
    client = WorkspaceClient(config=config)
    with pytest.raises(TimeoutError) as raised:
        client.api_client.do("GET", "/api/2.0/workspace/too-many")
    assert isinstance(raised.value.__cause__, TooManyRequests)


def test_after_the_effect_the_answer_is_lost_but_the_effect_stays(raw, only):
    only(kind="after_effect", method="POST", path="/secrets/scopes/create$", times=1)
    answer = raw.post("/api/2.0/secrets/scopes/create", json={"scope": "fault-effect"})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "fault-effect" in raw.get("/api/2.0/secrets/scopes/list").text


def test_latency_delays_the_answer(raw, only):
    only(kind="latency", seconds=0.4, path="/Users/424242$")
    started = time.monotonic()
    assert raw.get("/api/2.0/preview/scim/v2/Users/424242").status_code == 404
    assert time.monotonic() - started >= 0.4


def test_an_html_body_is_what_a_broken_proxy_sends(raw, only):
    only(kind="html_body", path="/Users/525252$")
    answer = raw.get("/api/2.0/preview/scim/v2/Users/525252")
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")


def test_drop_closes_the_connection_without_an_answer(raw, only):
    only(kind="drop", path="/Users/626262$", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        raw.get("/api/2.0/preview/scim/v2/Users/626262")
    assert raw.get("/api/2.0/preview/scim/v2/Users/626262").status_code == 404


def test_faults_are_listed_and_removed_one_by_one(sandbox, only):
    fault_id = only(kind="build_fails", endpoint="nobody")
    listed = http.get(f"{sandbox.url}/_sandbox/faults").json()["faults"]
    assert fault_id in [fault["id"] for fault in listed]
    assert http.delete(f"{sandbox.url}/_sandbox/faults/{fault_id}").status_code == 200
    assert http.delete(f"{sandbox.url}/_sandbox/faults/{fault_id}").status_code == 404


@pytest.mark.parametrize(
    "fault", [{"kind": "earthquake"}, {"kind": "status", "path": "("}, {"kind": "drop", "x": 1}, {}]
)
def test_a_fault_that_can_not_be_is_refused(sandbox, fault):
    answer = http.post(f"{sandbox.url}/_sandbox/faults", json=fault)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_requests_are_counted_by_method_and_template_from_a_cursor(sandbox, raw):
    path = "/api/2.0/preview/scim/v2/Groups/{group_id}"
    start = counts(sandbox, 0, "GET", path)["cursor"]
    raw.get("/api/2.0/preview/scim/v2/Groups/1")
    raw.get("/api/2.0/preview/scim/v2/Groups/77777")
    found = counts(sandbox, start, "GET", path)
    assert found["total"] == 2
    assert {(item["status"], item["count"]) for item in found["counts"]} == {(200, 1), (404, 1)}
    assert counts(sandbox, found["cursor"], "GET", path)["total"] == 0


def test_the_switchboard_answers_to_this_machine_only(sandbox):
    answer = http.get(f"{sandbox.url}/_sandbox/faults", headers={"Host": "evil.example.com"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")


def test_a_switch_is_on_only_where_all_its_conditions_hold():
    faults = Faults()
    faults.add(Fault(kind="build_fails", endpoint="a", entity_version="2"))
    assert faults.active("build_fails", endpoint="a", entity_version="2", served_entity="x")
    assert not faults.active("build_fails", endpoint="a", entity_version="1")
    assert not faults.active("build_fails", endpoint="a")
    assert not faults.active("model_crashes", endpoint="a", entity_version="2")
    assert not faults.for_request("GET", "/")


def test_a_switch_with_times_is_used_up():
    faults = Faults()
    faults.add(Fault(kind="metrics_gone", times=2))
    assert [faults.active("metrics_gone", endpoint="e") for _ in range(3)] == [True, True, False]
    assert faults.all() == []
