"""An endpoint with an inference table, through the SDK; the table is read with deltalake."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    EndpointCoreConfigInput,
    ServedEntityInput,
)
from deltalake import DeltaTable

from tests.sandbox.running import RunningSandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("sandbox")


def rows_of(sandbox: RunningSandbox, full_name: str) -> list[dict[str, Any]]:
    location = sandbox.client().tables.get(full_name).storage_location
    assert location is not None
    found = DeltaTable(urlsplit(location).path).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: row["request_time"])


def test_every_answer_of_a_model_becomes_a_row_until_it_is_switched_off(
    sandbox: RunningSandbox, served_model: str
) -> None:
    name = f"ep-{uuid.uuid4().hex[:8]}"
    api = sandbox.client().serving_endpoints
    make(sandbox, name, served_model)
    full_name = f"serving_tests.moods.{name}_payload"
    bodies = [{"dataframe_records": [{"mood": "well"}], "client_request_id": "mine"}, {"nonsense": 1}]
    answers = sandbox.invoke(name, *bodies)
    wait_until(lambda: len(rows_of(sandbox, full_name)) == 2, 30)
    found = rows_of(sandbox, full_name)
    assert [row["databricks_request_id"] for row in found] == [a.headers["x-request-id"] for a in answers]
    assert [row["status_code"] for row in found] == [answer.status_code for answer in answers]
    assert [row["response"] for row in found] == [answer.text for answer in answers]
    assert (found[0]["client_request_id"], found[0]["requester"]) == ("mine", "admin@example.com")
    api.put_ai_gateway(name, inference_table_config=AiGatewayInferenceTableConfig(enabled=False))
    sandbox.invoke(name, bodies[0])
    assert sandbox.client().tables.get(full_name).table_type is not None
    api.delete(name)


FORMATS: list[dict[str, Any]] = [
    {"dataframe_split": {"columns": ["mood"], "data": [["well"]]}},
    {"dataframe_records": [{"mood": "well"}]},
    {"inputs": {"mood": ["well"]}},
    {"instances": [{"mood": "well"}]},
]


@pytest.fixture(scope="module")
def endpoint(sandbox: RunningSandbox, served_model: str) -> Iterator[str]:
    """One for all tests: each has it write to another table."""
    name = f"ep-{uuid.uuid4().hex[:8]}"
    make(sandbox, name, served_model)
    yield name
    sandbox.client().serving_endpoints.delete(name)


@pytest.fixture
def watched(sandbox: RunningSandbox, endpoint: str) -> tuple[str, str]:
    """(endpoint, its empty inference table)."""
    prefix = f"of-{uuid.uuid4().hex[:8]}"
    table = AiGatewayInferenceTableConfig(
        enabled=True, catalog_name="serving_tests", schema_name="moods", table_name_prefix=prefix
    )
    sandbox.client().serving_endpoints.put_ai_gateway(endpoint, inference_table_config=table)
    return endpoint, f"serving_tests.moods.{prefix}_payload"


def make(sandbox: RunningSandbox, name: str, model: str) -> None:
    table = AiGatewayInferenceTableConfig(enabled=True, catalog_name="serving_tests", schema_name="moods")
    entity = ServedEntityInput(
        entity_name=model, entity_version="1", workload_size="Small", scale_to_zero_enabled=False
    )
    sandbox.client().serving_endpoints.create_and_wait(
        name,
        config=EndpointCoreConfigInput(name=name, served_entities=[entity]),
        ai_gateway=AiGatewayConfig(inference_table_config=table),
        timeout=timedelta(seconds=90),
    )


def test_every_format_of_a_request_is_kept_as_it_was_sent(sandbox: RunningSandbox, watched: tuple[str, str]) -> None:
    name, table = watched
    answers = sandbox.invoke(name, *FORMATS)
    wait_until(lambda: len(rows_of(sandbox, table)) == len(FORMATS), 30)
    found = rows_of(sandbox, table)
    assert [json.loads(row["request"]) for row in found] == FORMATS
    assert [row["response"] for row in found] == [answer.text for answer in answers]
    assert all(row["sampling_fraction"] == 1.0 and row["execution_duration_ms"] >= 0 for row in found)


def test_a_payload_above_a_megabyte_is_left_out_and_the_row_says_so(
    sandbox: RunningSandbox, watched: tuple[str, str]
) -> None:
    name, table = watched
    sandbox.invoke(name, {"dataframe_records": [{"mood": "w" * 1_100_000}]})
    wait_until(lambda: rows_of(sandbox, table), 30)
    [row] = rows_of(sandbox, table)
    assert row["request"] is None
    assert "MAX_REQUEST_SIZE_EXCEEDED" in row["logging_error_codes"]


def test_three_hundred_requests_are_three_hundred_rows(sandbox: RunningSandbox, watched: tuple[str, str]) -> None:
    name, table = watched
    bodies = [{"dataframe_records": [{"mood": "well"}], "client_request_id": str(n)} for n in range(300)]
    sandbox.invoke(name, *bodies)
    wait_until(lambda: len(rows_of(sandbox, table)) >= 300, 60)
    assert sorted(int(row["client_request_id"]) for row in rows_of(sandbox, table)) == list(range(300))


def test_a_table_that_was_dropped_breaks_no_request(sandbox: RunningSandbox, watched: tuple[str, str]) -> None:
    name, table = watched
    sandbox.client().tables.delete(table)
    assert [answer.status_code for answer in sandbox.invoke(name, FORMATS[0])] == [200]


def test_the_name_of_another_endpoint_s_table_is_refused(
    sandbox: RunningSandbox, served_model: str, watched: tuple[str, str]
) -> None:
    _, taken = watched
    other = f"ep-{uuid.uuid4().hex[:8]}"
    table = AiGatewayInferenceTableConfig(
        enabled=True,
        catalog_name="serving_tests",
        schema_name="moods",
        table_name_prefix=taken.split(".")[-1].removesuffix("_payload"),
    )
    entity = ServedEntityInput(entity_name=served_model, entity_version="1", workload_size="Small")
    with pytest.raises(DatabricksError, match="already exists"):
        sandbox.client().serving_endpoints.create(
            other,
            config=EndpointCoreConfigInput(name=other, served_entities=[entity]),
            ai_gateway=AiGatewayConfig(inference_table_config=table),
        )
