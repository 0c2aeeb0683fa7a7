"""What an endpoint leaves in `system.serving`, and requests of the past, read over SQL as the portal reads them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    AiGatewayUsageTrackingConfig,
    EndpointCoreConfigInput,
    ServedEntityInput,
)

from integrations.databricks.credentials import Credentials
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from integrations.metrics import read_windows
from tests import http
from tests.sandbox.running import RunningSandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("sandbox")
GOOD: dict[str, Any] = {"dataframe_records": [{"mood": "well"}]}


@pytest.fixture(scope="module")
def tracked(sandbox: RunningSandbox, served_model: str) -> Iterator[str]:
    """An endpoint with an inference table whose use is tracked."""
    name = f"ep-{uuid.uuid4().hex[:8]}"
    gateway = AiGatewayConfig(
        inference_table_config=AiGatewayInferenceTableConfig(
            enabled=True, catalog_name="serving_tests", schema_name="moods"
        ),
        usage_tracking_config=AiGatewayUsageTrackingConfig(enabled=True),
    )
    entity = ServedEntityInput(
        entity_name=served_model, entity_version="1", workload_size="Small", scale_to_zero_enabled=False
    )
    config = EndpointCoreConfigInput(name=name, served_entities=[entity])
    api = sandbox.client().serving_endpoints
    api.create_and_wait(name, config=config, ai_gateway=gateway, timeout=timedelta(seconds=90))
    yield name
    api.delete(name)


def payload_of(endpoint: str) -> str:
    return f"serving_tests.moods.`{endpoint}_payload`"


def query(sandbox: RunningSandbox, sql: str, token: str = "", **parameters: str) -> list[dict[str, Any]]:
    workspace = WorkspaceClient(sandbox.url, Credentials(token=token or sandbox.admin_token))
    return workspace.execute_sql(sql, parameters=parameters).records


def test_a_row_of_the_inference_table_joins_the_served_entity_it_came_from(
    sandbox: RunningSandbox, tracked: str
) -> None:
    asked = (
        "SELECT e.served_entity_name, e.entity_version, e.custom_model_config.max_concurrency AS slots, t.status_code "
        "FROM IDENTIFIER(:payload) t "
        "JOIN system.serving.served_entities e ON e.served_entity_id = t.served_entity_id"
    )
    sandbox.invoke(tracked, GOOD)
    wait_until(lambda: query(sandbox, asked, payload=payload_of(tracked)), 30)
    row = query(sandbox, asked, payload=payload_of(tracked))[0]
    assert (row["entity_version"], row["slots"], row["status_code"]) == ("1", 4, 200)


def test_a_tracked_request_is_in_the_usage_of_the_endpoint(sandbox: RunningSandbox, tracked: str) -> None:
    [answer] = sandbox.invoke(tracked, GOOD | {"client_request_id": "mine"})
    asked = "SELECT * FROM system.serving.endpoint_usage WHERE databricks_request_id = :id"
    request_id = answer.headers["x-request-id"]
    wait_until(lambda: query(sandbox, asked, id=request_id), 30)
    [row] = query(sandbox, asked, id=request_id)
    assert (row["requester"], row["status_code"], row["client_request_id"]) == ("admin@example.com", 200, "mine")
    assert row["output_token_count"] == (row["output_character_count"] + 1) // 4


def test_the_past_is_answered_by_the_model_and_written_once(sandbox: RunningSandbox, tracked: str) -> None:
    day_ago_ms = int((time.time() - 86_400) * 1000)
    bodies: list[dict[str, Any]] = [GOOD, {"nonsense": 1}]
    requests = [{"at_ms": day_ago_ms + n, "body": body} for n, body in enumerate(bodies)]
    url = f"{sandbox.url}/_sandbox/inference_tables/history"
    workspace = WorkspaceClient(sandbox.url, Credentials(token=sandbox.admin_token))
    before = asked_lately(workspace, tracked)
    written = [http.post(url, json={"endpoint": tracked, "requests": requests}, timeout=60).json() for _ in range(2)]
    assert written == [{"rows": 2}, {"rows": 0}]
    found = query(
        sandbox,
        "SELECT request_date, status_code, requester, response "
        "FROM IDENTIFIER(:payload) WHERE requester = 'demo' ORDER BY request_time",
        payload=payload_of(tracked),
    )
    assert [(row["status_code"], row["requester"]) for row in found] == [(200, "demo"), (400, "demo")]
    assert found[0]["request_date"] == datetime.fromtimestamp(day_ago_ms / 1000, UTC).date()
    assert "predictions" in found[0]["response"]
    assert asked_lately(workspace, tracked) <= before


def asked_lately(workspace: WorkspaceClient, endpoint: str) -> float:
    """Requests of the last minute, as the endpoint's metrics have it."""
    return sum(window.requests for window in read_windows(workspace.metrics(endpoint)).values())


def test_a_history_in_the_future_is_refused(sandbox: RunningSandbox, tracked: str) -> None:
    later_ms = int((time.time() + 3600) * 1000)
    answer = http.post(
        f"{sandbox.url}/_sandbox/inference_tables/history",
        json={"endpoint": tracked, "requests": [{"at_ms": later_ms, "body": GOOD}]},
        timeout=60,
    )
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_system_tables_are_hidden_from_who_has_no_grant(sandbox: RunningSandbox, tracked: str) -> None:
    token = sandbox.new_user(f"{uuid.uuid4().hex[:8]}@example.com")
    with pytest.raises(IntegrationError):
        query(sandbox, "SELECT * FROM system.serving.served_entities", token)


def test_rows_come_late_as_long_as_the_delivery_is_slow(sandbox: RunningSandbox, tracked: str) -> None:
    sandbox.add_fault(id="slow delivery", kind="inference_table_delay", seconds=600)
    [answer] = sandbox.invoke(tracked, GOOD)
    asked = "SELECT 1 AS there FROM IDENTIFIER(:payload) WHERE databricks_request_id = :id"
    wanted = {"id": answer.headers["x-request-id"], "payload": payload_of(tracked)}
    spool = sandbox.var_dir / "sandbox" / "inference_tables"
    wait_until(lambda: any(spool.glob("*.jsonl")), 30)
    assert query(sandbox, asked, **wanted) == []
    assert any(spool.glob("*.jsonl"))
    http.delete(f"{sandbox.url}/_sandbox/faults/slow delivery", timeout=10).raise_for_status()
    wait_until(lambda: query(sandbox, asked, **wanted), 30)


def test_a_table_of_a_team_is_put_there_and_replaced(sandbox: RunningSandbox, tracked: str) -> None:
    name = f"serving_tests.schema_{uuid.uuid4().hex}.known"
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    for rows in ([{"id": "a", "known_at": 0}], [{"id": "b", "known_at": int(moment.timestamp() * 1000)}]):
        new = {"full_name": name, "rows": rows, "times": ["known_at"]}
        http.post(f"{sandbox.url}/_sandbox/tables", json=new, timeout=30).raise_for_status()
    assert query(sandbox, "SELECT * FROM IDENTIFIER(:name)", name=name) == [{"id": "b", "known_at": moment}]
