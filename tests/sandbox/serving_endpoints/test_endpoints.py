"""Serving endpoints as the real databricks-sdk sees them."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    OperationFailed,
    PermissionDenied,
    ResourceConflict,
)
from databricks.sdk.service import serving
from databricks.sdk.service.serving import (
    AiGatewayInferenceTableConfig,
    AiGatewayRateLimit,
    AiGatewayRateLimitKey,
    AiGatewayRateLimitRenewalPeriod,
    EmailNotifications,
    EndpointCoreConfigInput,
    EndpointTag,
    Route,
    ServedEntityInput,
    ServingEndpointAccessControlRequest,
    ServingEndpointDetailed,
    ServingEndpointPermissionLevel,
    TrafficConfig,
)

from tests import http
from tests.sandbox.running import RunningSandbox

pytestmark = pytest.mark.xdist_group("sandbox")
TIMEOUT = timedelta(seconds=90)


@pytest.fixture(scope="module")
def workspace(sandbox: RunningSandbox) -> WorkspaceClient:
    return sandbox.client()


@pytest.fixture(scope="module")
def endpoint(workspace: WorkspaceClient, served_model: str) -> str:
    """One endpoint that tests may look at and ask, but not change."""
    name = new_name()
    config = core(entity(served_model, environment_vars={"MODE": "calm"}))
    workspace.serving_endpoints.create_and_wait(name, config=config, timeout=TIMEOUT)
    return name


def new_name() -> str:
    return f"ep-{uuid.uuid4().hex[:8]}"


def entity(model: str, version: str = "1", **options: Any) -> ServedEntityInput:
    options = {"workload_size": "Small", "scale_to_zero_enabled": False, **options}
    return ServedEntityInput(entity_name=model, entity_version=version, **options)


def core(*entities: ServedEntityInput, routes: list[Route] | None = None) -> EndpointCoreConfigInput:
    traffic = TrafficConfig(routes=routes) if routes else None
    return EndpointCoreConfigInput(name="ignored", served_entities=list(entities), traffic_config=traffic)


def ask(workspace: WorkspaceClient, name: str, mood: str) -> list[Any] | None:
    return workspace.serving_endpoints.query(name, dataframe_records=[{"mood": mood}]).predictions


def scrape(workspace: WorkspaceClient, name: str) -> str:
    contents = workspace.serving_endpoints.export_metrics(name).contents
    assert contents is not None
    return contents.read().decode()


def post(sandbox: RunningSandbox, name: str, body: Any, token: str | None = None) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token or sandbox.admin_token}", "content-type": "application/json"}
    return http.post(f"{sandbox.url}/serving-endpoints/{name}/invocations", content=content, headers=headers)


def test_a_new_endpoint_answers_at_once_and_becomes_ready(workspace: WorkspaceClient, served_model: str) -> None:
    name = new_name()
    tags = [EndpointTag("team", "risk")]

    waiter = workspace.serving_endpoints.create(name, config=core(entity(served_model)), tags=tags)

    at_once: ServingEndpointDetailed = waiter.response
    assert at_once.state is not None
    assert at_once.state.ready == serving.EndpointStateReady.NOT_READY
    assert at_once.state.config_update == serving.EndpointStateConfigUpdate.IN_PROGRESS
    assert at_once.config is None
    assert at_once.pending_config is not None
    assert at_once.pending_config.start_time
    ready = waiter.result(timeout=TIMEOUT)
    assert ready.state is not None
    assert ready.state.ready == serving.EndpointStateReady.READY
    assert ready.pending_config is None
    assert ready.config is not None
    assert ready.config.config_version == 1
    assert ready.tags == tags
    assert (ready.id or "").isalnum()
    assert len(ready.id or "") == 32
    assert ready.creator == "admin@example.com"
    assert (ready.endpoint_url or "").endswith(f"/serving-endpoints/{name}/invocations")
    (served,) = ready.config.served_entities or []
    assert (served.name, served.entity_version, served.workload_size) == ("moody-1", "1", "Small")
    workspace.serving_endpoints.delete(name)
    with pytest.raises(NotFound, match=f"Endpoint with name '{name}' does not exist"):
        workspace.serving_endpoints.get(name)


def test_what_was_not_configured_is_absent(sandbox: RunningSandbox, endpoint: str) -> None:
    headers = {"authorization": f"Bearer {sandbox.admin_token}"}
    body = http.get(f"{sandbox.url}/api/2.0/serving-endpoints/{endpoint}", headers=headers).json()

    absent = {"ai_gateway", "tags", "email_notifications", "rate_limits", "pending_config", "telemetry_config"}
    assert not absent & set(body)
    assert body["description"] == ""
    (served,) = body["config"]["served_entities"]
    assert not {"min_provisioned_concurrency", "max_provisioned_concurrency", "burst_scaling_enabled"} & set(served)
    assert served["environment_vars"] == {"MODE": "calm"}
    (model,) = body["config"]["served_models"]
    assert (model["model_name"], model["model_version"]) == (served["entity_name"], "1")
    route = {"served_entity_name": "moody-1", "served_model_name": "moody-1", "traffic_percentage": 100}
    assert body["config"]["traffic_config"] == {"routes": [route]}


def test_it_answers_queries_with_the_name_of_the_served_entity(workspace: WorkspaceClient, endpoint: str) -> None:
    response = workspace.serving_endpoints.query(endpoint, dataframe_records=[{"mood": "well"}])

    assert response.predictions == ["well"]
    assert response.served_model_name == "moody-1"


def test_a_models_error_is_a_400_in_the_models_words(workspace: WorkspaceClient, endpoint: str) -> None:
    with pytest.raises(BadRequest, match="the model does not like this row"):
        ask(workspace, endpoint, "raise")
    with pytest.raises(BadRequest, match="mood"):
        workspace.serving_endpoints.query(endpoint, dataframe_records=[{"temper": "well"}])


def test_a_payload_over_16_mb_is_refused(sandbox: RunningSandbox, endpoint: str) -> None:
    response = post(sandbox, endpoint, b'{"inputs": "' + b"x" * 16 * 1024 * 1024 + b'"}')

    assert response.status_code == 413
    assert response.json()["error_code"] == "MAX_REQUEST_SIZE_EXCEEDED"


def test_the_environment_of_a_model_is_its_own_variables_and_little_else(
    workspace: WorkspaceClient, endpoint: str
) -> None:
    assert ask(workspace, endpoint, "env MODE") == ["calm"]
    assert ask(workspace, endpoint, "env SANDBOX_TOKENS") == ["(not set)"]
    assert ask(workspace, endpoint, "env VAR_DIR") == ["(not set)"]


def test_logs_schema_and_metrics_can_be_read(workspace: WorkspaceClient, endpoint: str) -> None:
    ask(workspace, endpoint, "well")

    assert "Build finished" in workspace.serving_endpoints.build_logs(endpoint, "moody-1").logs
    assert "the model is ready" in workspace.serving_endpoints.logs(endpoint, "moody-1").logs
    with pytest.raises(NotFound):
        workspace.serving_endpoints.logs(endpoint, "nobody")
    document = workspace.serving_endpoints.get_open_api(endpoint).contents
    assert document is not None
    assert json.loads(document.read())["info"]["title"] == "moody-1"
    metrics = scrape(workspace, endpoint)
    assert f'request_count_total{{endpoint_name="{endpoint}",served_model="moody-1"}}' in metrics


@pytest.mark.long
def test_an_update_serves_the_old_version_until_the_new_one_is_ready(
    workspace: WorkspaceClient, served_model: str
) -> None:
    name = new_name()
    api = workspace.serving_endpoints
    api.create_and_wait(name, config=core(entity(served_model)), timeout=TIMEOUT)

    waiter = api.update_config(name, served_entities=[entity(served_model, "2")])
    updating: ServingEndpointDetailed = waiter.response
    assert updating.state is not None
    assert updating.state.ready == serving.EndpointStateReady.READY
    with pytest.raises(ResourceConflict, match=f"Endpoint {name} is currently updating"):
        api.update_config(name, served_entities=[entity(served_model, "1")])
    assert api.query(name, dataframe_records=[{"mood": "well"}]).served_model_name == "moody-1"
    updated = waiter.result(timeout=TIMEOUT)

    assert updated.config is not None
    assert updated.config.config_version == 2
    assert api.query(name, dataframe_records=[{"mood": "well"}]).served_model_name == "moody-2"
    api.delete(name)


def test_a_failed_build_fails_the_first_deployment_and_says_why(
    sandbox: RunningSandbox, workspace: WorkspaceClient, served_model: str
) -> None:
    name = new_name()
    sandbox.add_fault(kind="build_fails", endpoint=name)

    with pytest.raises(OperationFailed, match="UPDATE_FAILED"):
        workspace.serving_endpoints.create_and_wait(name, config=core(entity(served_model)), timeout=TIMEOUT)

    failed = workspace.serving_endpoints.get(name)
    assert failed.state is not None
    assert failed.state.ready == serving.EndpointStateReady.NOT_READY
    assert failed.pending_config is not None
    (served,) = failed.pending_config.served_entities or []
    assert served.state is not None
    assert served.state.deployment == serving.ServedModelStateDeployment.DEPLOYMENT_FAILED
    assert "Container image creation failed" in (served.state.deployment_state_message or "")
    assert "Build failed" in workspace.serving_endpoints.build_logs(name, "moody-1").logs
    assert post(sandbox, name, {"dataframe_records": []}).status_code == 400
    workspace.serving_endpoints.delete(name)


def test_an_endpoint_that_is_being_deployed_asks_callers_to_come_back(
    sandbox: RunningSandbox, workspace: WorkspaceClient, served_model: str
) -> None:
    name = new_name()
    waiter = workspace.serving_endpoints.create(name, config=core(entity(served_model)))

    response = post(sandbox, name, {"dataframe_records": [{"mood": "well"}]})

    assert (response.status_code, response.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert int(response.headers["retry-after"]) > 0
    waiter.result(timeout=TIMEOUT)
    workspace.serving_endpoints.delete(name)


def test_tags_gateway_and_notifications_change_without_touching_what_is_served(
    workspace: WorkspaceClient, endpoint: str
) -> None:
    api = workspace.serving_endpoints
    before = api.get(endpoint)

    tags = api.patch(endpoint, add_tags=[EndpointTag("a", "1"), EndpointTag("b", "2")])
    assert {(tag.key, tag.value) for tag in tags.tags or []} == {("a", "1"), ("b", "2")}
    table = AiGatewayInferenceTableConfig(
        enabled=True, catalog_name="serving_tests", schema_name="moods", table_name_prefix=endpoint
    )
    assert api.put_ai_gateway(endpoint, inference_table_config=table).inference_table_config == table
    emails = EmailNotifications(on_update_failure=["ops@example.com"])
    assert api.update_notifications(endpoint, email_notifications=emails).email_notifications == emails
    changed = api.get(endpoint)
    assert changed.ai_gateway is not None
    assert changed.ai_gateway.inference_table_config == table
    assert changed.email_notifications == emails
    assert changed.config == before.config

    assert api.patch(endpoint, delete_tags=["a", "b"]).tags == []
    api.put_ai_gateway(endpoint)
    api.update_notifications(endpoint)
    cleared = api.get(endpoint)
    assert cleared.ai_gateway is None
    assert not cleared.tags


def test_a_rate_limit_answers_429_with_the_time_to_wait(
    sandbox: RunningSandbox, workspace: WorkspaceClient, endpoint: str
) -> None:
    limit = AiGatewayRateLimit(
        calls=1, key=AiGatewayRateLimitKey.USER, renewal_period=AiGatewayRateLimitRenewalPeriod.MINUTE
    )
    token = sandbox.new_user("limited@example.com", ["admins"])
    workspace.serving_endpoints.put_ai_gateway(endpoint, rate_limits=[limit])
    try:
        statuses = [post(sandbox, endpoint, {"dataframe_records": [{"mood": "well"}]}, token) for _ in range(2)]
    finally:
        workspace.serving_endpoints.put_ai_gateway(endpoint)

    assert [response.status_code for response in statuses] == [200, 429]
    assert 0 < int(statuses[1].headers["retry-after"]) <= 60


def test_permissions_decide_who_may_see_ask_and_change(
    sandbox: RunningSandbox, workspace: WorkspaceClient, endpoint: str
) -> None:
    user = f"{uuid.uuid4().hex[:6]}@example.com"
    token = sandbox.new_user(user)
    other = sandbox.client(token)
    endpoint_id = workspace.serving_endpoints.get(endpoint).id
    assert endpoint_id is not None
    refused = post(sandbox, endpoint, {"dataframe_records": [{"mood": "well"}]}, token)
    assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert refused.json()["details"][-1]["@type"].endswith("RequestInfo")
    with pytest.raises(PermissionDenied, match="View"):
        other.serving_endpoints.get(endpoint)
    assert endpoint not in {listed.name for listed in other.serving_endpoints.list()}

    allowed = ServingEndpointAccessControlRequest(
        user_name=user, permission_level=ServingEndpointPermissionLevel.CAN_QUERY
    )
    workspace.serving_endpoints.update_permissions(endpoint_id, access_control_list=[allowed])

    assert ask(other, endpoint, "well") == ["well"]
    assert other.serving_endpoints.get(endpoint).permission_level is not None
    assert endpoint in {listed.name for listed in other.serving_endpoints.list()}
    with pytest.raises(PermissionDenied, match="Manage"):
        other.serving_endpoints.delete(endpoint)
    acl = workspace.serving_endpoints.get_permissions(endpoint_id)
    assert acl.object_type == "serving-endpoint"
    assert user in {entry.user_name for entry in acl.access_control_list or []}


def test_what_does_not_exist_or_is_not_allowed_is_refused_before_anything_is_kept(
    sandbox: RunningSandbox, workspace: WorkspaceClient, endpoint: str, served_model: str
) -> None:
    api = workspace.serving_endpoints
    name = new_name()
    with pytest.raises(ResourceConflict, match=f"Serving endpoint with name {endpoint} already exists"):
        api.create(endpoint, config=core(entity(served_model)))
    with pytest.raises(InvalidParameterValue, match="reserved"):
        api.create("databricks-mine", config=core(entity(served_model)))
    with pytest.raises(NotFound):
        api.create(name, config=core(entity("serving_tests.moods.nobody")))
    with pytest.raises(NotFound):
        api.create(name, config=core(entity(served_model, "99")))
    with pytest.raises(NotFound):
        api.create(name, config=core(entity(served_model, environment_vars={"A": "{{secrets/no/such}}"})))
    stranger = sandbox.client(sandbox.new_user(f"{uuid.uuid4().hex[:6]}@example.com"))
    with pytest.raises(PermissionDenied, match="EXECUTE"):
        stranger.serving_endpoints.create(name, config=core(entity(served_model)))
    with pytest.raises(NotFound):
        api.get(name)


def test_wrong_types_are_a_400_that_names_the_field(sandbox: RunningSandbox, served_model: str) -> None:
    headers = {"authorization": f"Bearer {sandbox.admin_token}"}
    served = {"entity_name": served_model, "entity_version": "1", "scale_to_zero_enabled": "yes"}

    response = http.post(
        f"{sandbox.url}/api/2.0/serving-endpoints",
        json={"name": new_name(), "config": {"served_entities": [served]}},
        headers=headers,
    )

    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "scale_to_zero_enabled" in response.json()["message"]


def test_a_secret_reaches_the_model_and_nothing_else(
    sandbox: RunningSandbox, workspace: WorkspaceClient, served_model: str
) -> None:
    name, canary = new_name(), f"canary-{uuid.uuid4().hex}"
    workspace.secrets.create_scope("moods")
    workspace.secrets.put_secret("moods", "mode", string_value=canary)
    served = entity(served_model, environment_vars={"MODE": "{{secrets/moods/mode}}"})

    shown = workspace.serving_endpoints.create_and_wait(name, config=core(served), timeout=TIMEOUT)

    assert ask(workspace, name, "env MODE") == [canary]
    assert canary not in json.dumps(shown.as_dict())
    kept = [path for path in sandbox.var_dir.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]
    assert kept == []
    workspace.serving_endpoints.delete(name)


def test_an_endpoint_made_again_has_a_new_id(workspace: WorkspaceClient) -> None:
    name = new_name()
    workspace.serving_endpoints.create(name)
    first = workspace.serving_endpoints.get(name).id
    workspace.serving_endpoints.delete(name)
    workspace.serving_endpoints.create(name)

    assert workspace.serving_endpoints.get(name).id != first
    workspace.serving_endpoints.delete(name)


def test_provisioned_throughput_is_not_implemented(sandbox: RunningSandbox) -> None:
    headers = {"authorization": f"Bearer {sandbox.admin_token}"}

    response = http.post(f"{sandbox.url}/api/2.0/serving-endpoints/pt", json={}, headers=headers)

    assert (response.status_code, response.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_metrics_can_go_away(sandbox: RunningSandbox, workspace: WorkspaceClient, endpoint: str) -> None:
    sandbox.add_fault(kind="metrics_gone", endpoint=endpoint, times=1)

    with pytest.raises(NotFound):
        workspace.serving_endpoints.export_metrics(endpoint)
    assert scrape(workspace, endpoint).endswith("# EOF\n")
