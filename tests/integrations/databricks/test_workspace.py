"""The workspace adapter against HTTP: what it reads, and what it makes of faults."""

import threading

import pytest

from integrations.databricks.credentials import Credentials
from integrations.databricks.mlmodel import MLmodel, invocation_body, metrics, parse
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from tests.fake_registry import CLIENT_ID, CLIENT_SECRET, MODELS, TOKEN, Answer, FakeRegistry, error, serving

NAME = "staging.fraud.card_fraud"


@pytest.fixture
def registry():
    with serving(FakeRegistry()) as fake:
        fake.add_model(NAME, versions=3)
        yield fake


@pytest.fixture
def workspace(registry):
    return WorkspaceClient(registry.url, Credentials(token=TOKEN), http_timeout_s=2, retry_timeout_s=1)


def test_a_service_principal_logs_in_with_oauth(registry):
    credentials = Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    workspace = WorkspaceClient(registry.url, credentials, http_timeout_s=2, retry_timeout_s=1)
    assert workspace.current_user() == CLIENT_ID
    assert registry.calls["/oidc/v1/token"] == 1
    assert any(agent.startswith("slipway/") for agent in registry.user_agents)


def test_other_credentials_in_the_environment_do_not_matter(registry, monkeypatch):
    for name in ("TOKEN", "CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"DATABRICKS_{name}", "of-somebody-else")
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    workspace = WorkspaceClient(registry.url, Credentials(token=TOKEN), http_timeout_s=2, retry_timeout_s=1)
    assert workspace.current_user() == CLIENT_ID


def test_credentials_come_from_the_environment_by_prefix():
    environ = {"EU_CLIENT_ID": "id", "EU_CLIENT_SECRET": "s3cret", "EU_TOKEN": "dapi1", "US_TOKEN": "dapi2"}
    eu = Credentials.from_environment("EU", environ)
    assert eu.terraform_environment("https://w") == {
        "DATABRICKS_HOST": "https://w",
        "DATABRICKS_AUTH_TYPE": "oauth-m2m",
        "DATABRICKS_CLIENT_ID": "id",
        "DATABRICKS_CLIENT_SECRET": "s3cret",
    }
    us = Credentials.from_environment("US", environ)
    assert us.terraform_environment("https://w")["DATABRICKS_TOKEN"] == "dapi2"
    with pytest.raises(IntegrationError, match="AS_CLIENT_ID") as raised:
        Credentials.from_environment("AS", environ)
    assert (raised.value.permanent, raised.value.code) == (True, "NO_CREDENTIALS")


def test_no_secret_stands_in_a_repr():
    credentials = Credentials(client_id="id", client_secret="s3cret", token="dapi1")
    text = repr(credentials) + repr(WorkspaceClient("http://127.0.0.1:9", credentials))
    assert "s3cret" not in text
    assert "dapi1" not in text


def test_all_pages_are_read_even_after_an_empty_one(registry, workspace):
    registry.page_size = 2
    for number in range(5):
        registry.add_model(f"staging.fraud.m{number}")
    registry.add_model("prod.fraud.other")
    assert len(workspace.list_models("staging")) == 6
    assert [model.full_name for model in workspace.list_models("PROD")] == ["prod.fraud.other"]
    assert len(workspace.list_models()) == 7


def test_versions_come_newest_first(workspace):
    versions = workspace.list_versions(NAME)
    assert [version.version for version in versions] == [3, 2, 1]
    assert versions[0].status == "READY"
    assert versions[0].created_at.tzinfo is not None


def test_one_version_and_an_alias_resolve(registry, workspace):
    registry.aliases[NAME] = {"champion": 2}
    assert workspace.get_version(NAME, "3").version == 3
    assert workspace.aliases(NAME) == {"champion": 2}
    assert workspace.resolve_alias(NAME, "champion").version == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.get_version(NAME, 9),
        lambda w: w.get_version("staging.fraud.unknown", 1),
        lambda w: w.resolve_alias(NAME, "challenger"),
        lambda w: w.list_versions("staging.fraud.unknown"),
    ],
)
def test_what_does_not_exist_is_a_permanent_error_with_its_code(workspace, call):
    with pytest.raises(IntegrationError) as raised:
        call(workspace)
    assert (raised.value.permanent, raised.value.code) == (True, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("name", ["", ".", "..", "a\x00b"])
def test_a_name_that_would_leave_its_path_is_refused_without_a_call(registry, workspace, name):
    with pytest.raises(IntegrationError) as raised:
        workspace.get_endpoint(name)
    assert raised.value.code == "INVALID_PARAMETER_VALUE"
    assert not registry.calls


def test_odd_characters_stay_inside_their_segment(registry, workspace):
    assert workspace.get_endpoint("../models/x?y#z é") is None
    assert list(registry.calls)[-1] == "/api/2.0/serving-endpoints/..%2Fmodels%2Fx%3Fy%23z%20%C3%A9"


def test_details_tell_signature_example_flavors_metrics_and_size(workspace):
    details = workspace.version_details(NAME, 3, run_id="run-1")
    assert details.signature == {
        "inputs": [{"name": "amount", "type": "double", "required": True}],
        "outputs": [{"type": "long", "required": True}],
    }
    assert details.input_example == {"dataframe_split": {"columns": ["amount"], "data": [[1.5]]}}
    assert details.flavors == ("python_function", "sklearn")
    assert details.requirements == ("scikit-learn==1.7.0", "mlflow")
    assert details.metrics == {"auc": 0.9}
    assert details.params == {"depth": "7"}
    assert details.tags == {"validated": "yes"}
    assert details.run_tags == {"mlflow.user": "ana"}
    assert details.size_bytes == 2048


def test_details_of_a_version_without_files_and_run_are_empty(registry, workspace):
    registry.files.clear()
    registry.runs.clear()
    details = workspace.version_details(NAME, 3)
    assert (details.signature, details.flavors, details.input_example) == ({}, (), None)
    assert (details.metrics, details.size_bytes) == ({}, None)


def test_a_run_that_may_not_be_read_costs_only_its_metrics(registry, workspace):
    registry.fault = lambda m, path: error(403, "PERMISSION_DENIED") if "runs/get" in path else None
    details = workspace.version_details(NAME, 3)
    assert details.metrics == {}
    assert details.flavors


def test_an_input_example_that_is_too_large_is_left_out(registry, workspace):
    registry.files["/Models/staging/fraud/card_fraud/3/serving_input_example.json"] = b"[" + b"1," * 200_000 + b"1]"
    del registry.files["/Models/staging/fraud/card_fraud/3/requirements.txt"]
    assert workspace.version_details(NAME, 3).input_example is None


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff\xfe", b"a: [", b"signature: 3\nflavors: 4", b"null"])
def test_an_mlmodel_that_is_none_says_nothing(content):
    assert parse(content) == MLmodel()


@pytest.mark.parametrize(
    ("content", "described", "expected"),
    [
        (b'{"columns":["a"],"data":[[1]]}', MLmodel(example_type="dataframe"), "dataframe_split"),
        (b'[{"a": 1}]', MLmodel(example_type="dataframe", pandas_orient="records"), "dataframe_records"),
        (b'{"inputs": [[1.0]]}', MLmodel(example_type="ndarray"), "inputs"),
        (b'{"question": "x"}', MLmodel(example_type="json_object"), "inputs"),
        (b"{}", MLmodel(example_type="sparse_matrix_csr"), None),
        (b"not json", MLmodel(example_type="dataframe"), None),
    ],
)
def test_a_plain_example_becomes_the_body_of_an_invocation(content, described, expected):
    body = invocation_body(content, described)
    assert (list(body) if body is not None else None) == ([expected] if expected else None)


def test_a_path_in_an_mlmodel_cannot_leave_the_model():
    for path in ("../../other/1/secret.json", "/etc/passwd"):
        assert parse(f"saved_input_example_info: {{artifact_path: {path}}}".encode()).example_path == ""


def test_metrics_that_json_cannot_hold_are_left_out():
    rows = [{"key": "a", "value": 1}, {"key": "b", "value": "Infinity"}, {"key": "c"}, {"key": "d", "value": "x"}]
    assert metrics(rows) == {"a": 1.0}


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (400, "INVALID_PARAMETER_VALUE", True),
        (401, "UNAUTHENTICATED", True),
        (403, "PERMISSION_DENIED", True),
        (409, "RESOURCE_CONFLICT", False),
        (500, "INTERNAL_ERROR", False),
        (501, "NOT_IMPLEMENTED", True),
        (502, "BAD_GATEWAY", False),
        (504, "DEADLINE_EXCEEDED", False),
    ],
)
def test_whether_trying_again_can_help_follows_from_the_kind_of_error(registry, workspace, status, code, permanent):
    registry.fault = lambda m, path: error(status, code) if path.startswith(MODELS) else None
    with pytest.raises(IntegrationError) as raised:
        workspace.list_models()
    assert (raised.value.permanent, raised.value.code) == (permanent, code)
    assert registry.calls[MODELS] == 1


@pytest.mark.parametrize("status", [429, 503])
def test_being_told_to_wait_ends_after_the_retry_budget(registry, workspace, status):
    busy = Answer(status, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}, {"Retry-After": "1"})
    registry.fault = lambda m, path: busy if path.startswith(MODELS) else None
    with pytest.raises(IntegrationError) as raised:
        workspace.list_models()
    assert not raised.value.permanent
    assert raised.value.code == "REQUEST_LIMIT_EXCEEDED"


def test_a_short_429_is_waited_out(registry):
    workspace = WorkspaceClient(registry.url, Credentials(token=TOKEN), http_timeout_s=2, retry_timeout_s=10)
    busy = [Answer(429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "x"}, {"Retry-After": "0"})]
    registry.fault = lambda m, path: busy.pop() if path.startswith(MODELS) and busy else None
    assert len(workspace.list_models()) == 1


def test_a_host_that_is_not_there_is_found_out_within_the_budget():
    for credentials in (Credentials(token=TOKEN), Credentials(client_id=CLIENT_ID, client_secret="x")):
        workspace = WorkspaceClient("http://127.0.0.1:9", credentials, http_timeout_s=1, retry_timeout_s=1)
        with pytest.raises(IntegrationError) as raised:
            workspace.current_user()
        assert not raised.value.permanent


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"registered_models": 7}'])
def test_an_answer_without_what_was_asked_for_holds_nothing(registry, workspace, body):
    registry.fault = lambda m, path: Answer(200, body) if path.startswith(MODELS) else None
    assert workspace.list_models() == []


def test_an_answer_that_is_no_json_may_pass(registry, workspace):
    registry.fault = lambda m, path: Answer(200, b"<html>login</html>") if path.startswith(MODELS) else None
    with pytest.raises(IntegrationError) as raised:
        workspace.list_models()
    assert not raised.value.permanent


def test_a_wrong_token_is_permanent_and_not_shown(registry):
    workspace = WorkspaceClient(registry.url, Credentials(token="dapi-wrong-token"), retry_timeout_s=1)
    with pytest.raises(IntegrationError) as raised:
        workspace.list_models()
    assert raised.value.permanent
    assert "dapi-wrong-token" not in raised.value.message


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([], False),
        ([{"principal": "sp", "privileges": [{"privilege": "EXECUTE"}]}], True),
        ([{"principal": "sp", "privileges": ["ALL_PRIVILEGES"]}], True),
        ([{"principal": "sp", "privileges": [{"privilege": "BROWSE"}]}], False),
        ([{"principal": "other", "privileges": [{"privilege": "EXECUTE"}]}], False),
    ],
)
def test_a_grant_is_found_for_its_own_principal_only(registry, workspace, grants, expected):
    registry.grants = grants
    assert workspace.has_grant(NAME, "sp", "EXECUTE") is expected


def test_an_owner_needs_no_grant(workspace):
    assert workspace.has_grant(NAME, "ana@example.com", "EXECUTE")


ENDPOINT = {
    "name": "card-fraud",
    "id": "a" * 32,
    "creator": "sp",
    "state": {"ready": "READY", "config_update": "UPDATE_FAILED"},
    "config": {
        "served_entities": [{"name": "v2", "entity_name": NAME, "entity_version": "2", "workload_size": "Small"}],
        "traffic_config": {"routes": [{"served_model_name": "v2", "traffic_percentage": 100}]},
        "config_version": 4,
    },
    "pending_config": {
        "served_models": [
            {
                "name": "v3",
                "model_name": NAME,
                "model_version": "3",
                "state": {"deployment": "DEPLOYMENT_FAILED", "deployment_state_message": "pip failed"},
            }
        ]
    },
    "tags": [{"key": "team", "value": "fraud"}],
    "ai_gateway": {"inference_table_config": {"catalog_name": "staging", "schema_name": "fraud", "enabled": True}},
    "something_new": {"kept": True},
}


def test_an_endpoint_tells_what_serves_and_what_failed(registry, workspace):
    registry.endpoints["card-fraud"] = ENDPOINT
    endpoint = workspace.get_endpoint("card-fraud")
    assert (endpoint.ready, endpoint.config_update, endpoint.is_updating) == (True, "UPDATE_FAILED", False)
    assert endpoint.served_entities[0].entity_version == "2"
    assert (endpoint.pending_entities[0].entity_version, endpoint.pending_entities[0].message) == ("3", "pip failed")
    assert endpoint.traffic == {"v2": 100}
    assert endpoint.tags == {"team": "fraud"}
    assert endpoint.inference_table.enabled
    assert endpoint.config_version == 4
    assert endpoint.raw["something_new"] == {"kept": True}


def test_an_endpoint_with_next_to_nothing_is_read_too(registry, workspace):
    registry.endpoints["bare"] = {"name": "bare"}
    endpoint = workspace.get_endpoint("bare")
    assert (endpoint.ready, endpoint.config_update, endpoint.inference_table) == (False, "", None)
    assert [listed.name for listed in workspace.list_endpoints()] == ["bare"]


def test_an_unknown_endpoint_is_none(workspace):
    assert workspace.get_endpoint("nothing") is None


def test_logs_are_those_of_the_served_entity(registry, workspace):
    registry.endpoints["card-fraud"] = ENDPOINT
    assert workspace.build_logs("card-fraud", "v3") == "logs of served-models/v3/build-logs"
    assert workspace.server_logs("card-fraud", "v3") == "logs of served-models/v3/logs"


@pytest.mark.parametrize("status", [200, 400, 429, 500, 503])
def test_whatever_a_model_answers_is_a_result_and_is_asked_once(registry, workspace, status):
    registry.endpoints["card-fraud"] = ENDPOINT
    asked = []
    headers = {"served-model-name": "v2", "x-request-id": "r1"}

    def answer(body):
        asked.append(body)
        return Answer(status, {"message": "m"}, headers)

    registry.invocation = answer
    body = {"dataframe_split": {"columns": [], "data": []}, "params": {"t": 1}}
    result = workspace.query("card-fraud", body, timeout_s=5)
    assert asked == [body]
    assert (result.status_code, result.body, result.ok) == (status, {"message": "m"}, status == 200)
    assert (result.served_entity, result.request_id) == ("v2", "r1")
    assert result.latency_ms > 0


def test_an_answer_that_is_no_json_is_kept_as_text(registry, workspace):
    registry.endpoints["card-fraud"] = ENDPOINT
    registry.invocation = lambda body: Answer(200, b"fine")
    assert workspace.query("card-fraud", {}, timeout_s=5).body == "fine"


def test_an_endpoint_that_is_not_there_cannot_be_asked(workspace):
    with pytest.raises(IntegrationError) as raised:
        workspace.query("nothing", {}, timeout_s=5)
    assert (raised.value.permanent, raised.value.code) == (True, "RESOURCE_DOES_NOT_EXIST")


def test_a_model_that_answers_too_late_is_not_waited_for(registry, workspace):
    registry.endpoints["card-fraud"] = ENDPOINT
    answered = threading.Event()
    registry.invocation = lambda body: (answered.wait(5) and Answer(200, {})) or Answer(200, {})
    with pytest.raises(IntegrationError) as raised:
        workspace.query("card-fraud", {}, timeout_s=0.2)
    answered.set()
    assert (raised.value.permanent, raised.value.code) == (False, "TIMEOUT")
