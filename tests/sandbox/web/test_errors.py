from __future__ import annotations

import httpx
import pytest

from tests import http


@pytest.fixture
def raw(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    with http.Client(base_url=sandbox.url, headers=headers) as client:
        yield client


def test_an_unknown_path_is_no_endpoint(raw):
    answer = raw.get("/api/2.0/no/such/thing")
    assert answer.status_code == 404
    assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"
    assert answer.json()["message"] == "No API found for 'GET /api/2.0/no/such/thing'"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/2.0/notification-destinations"),
        ("POST", "/api/2.0/mlflow/unity-catalog/model-versions/emit-lineage"),
    ],
)
def test_a_documented_call_without_a_route_is_not_implemented(raw, method, path):
    answer = raw.request(method, path)
    assert answer.status_code == 501
    assert answer.json()["error_code"] == "NOT_IMPLEMENTED"


def test_the_sdk_raises_not_implemented(sandbox):
    from databricks.sdk.errors import NotImplemented as NotImplementedByWorkspace

    with pytest.raises(NotImplementedByWorkspace):
        list(sandbox.client().notification_destinations.list())


def test_broken_json_is_a_malformed_request(raw):
    answer = raw.post("/api/2.0/secrets/scopes/create", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("body", [{}, {"scope": ["a"]}, [], "text", None, {"scope": {"a": 1}}])
def test_a_body_of_the_wrong_shape_is_an_invalid_parameter(raw, body):
    answer = raw.post("/api/2.0/secrets/scopes/create", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert answer.json()["message"]


@pytest.mark.parametrize("query", ["max_results=-1", "max_results=many", "page_token=%21%21"])
def test_a_bad_page_is_an_invalid_parameter(raw, query):
    answer = raw.get(f"/api/2.1/unity-catalog/catalogs?{query}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_an_error_names_its_request(raw):
    answer = raw.get("/api/2.1/unity-catalog/catalogs/nowhere")
    assert answer.status_code == 404
    (detail,) = answer.json()["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.RequestInfo"
    assert detail["request_id"] == answer.headers["x-request-id"]


def test_the_sdk_reads_the_request_id_of_an_error(sandbox):
    from databricks.sdk.errors import ResourceDoesNotExist

    with pytest.raises(ResourceDoesNotExist) as raised:
        sandbox.client().catalogs.get("nowhere")
    request_info = raised.value.get_error_details().request_info
    assert request_info is not None
    assert request_info.request_id


def test_a_client_that_names_no_content_type_is_understood(sandbox):
    request = httpx.Request(
        "POST",
        f"{sandbox.url}/api/2.0/secrets/scopes/create",
        content=b'{"scope": "no-content-type"}',
        headers={"Authorization": f"Bearer {sandbox.admin_token}"},
    )
    with http.Client() as client:
        assert client.send(request).json() == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/2.0/mlflow/nothing/here"),
        ("DELETE", "/api/2.0/mlflow-artifacts/nothing"),
        ("HEAD", "/api/2.0/mlflow-artifacts/nothing"),
        ("GET", "/api/2.0/preview/scim/v2/Users/" + "9" * 40),
    ],
)
def test_what_no_part_knows_is_not_found_even_with_a_body(raw, method, path):
    answer = raw.request(method, path, json={"a": 1})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


def test_half_a_surrogate_pair_is_refused(raw):
    body = b'{"scope": "s", "key": "k", "string_value": "\\ud83d"}'
    answer = raw.post("/api/2.0/secrets/put", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
