"""SQL over the Statement Execution API: values as text and back, and statements on a real workspace."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from integrations.databricks import cells
from integrations.databricks.credentials import Credentials
from integrations.databricks.records import Column, Warehouse
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from tests.sandbox.billing_tables import NAMES, add_billing
from tests.sandbox.running import CLIENT_ID, CLIENT_SECRET


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("LONG", "9223372036854775807", 2**63 - 1),
        ("INT", "-3", -3),
        ("DOUBLE", "1.5E-3", 0.0015),
        ("DECIMAL", "0.070000000000000000", Decimal("0.070000000000000000")),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "false", False),
        ("DATE", "2026-01-31", date(2026, 1, 31)),
        ("TIMESTAMP", "2026-01-31T23:59:59.123Z", datetime(2026, 1, 31, 23, 59, 59, 123000, tzinfo=UTC)),
        ("TIMESTAMP", "2026-01-31T23:59:59.000+02:00", datetime(2026, 1, 31, 21, 59, 59, tzinfo=UTC)),
        ("TIMESTAMP_NTZ", "2026-01-31T23:59:59.000", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("STRUCT", '{"endpoint_name":"e1","n":1}', {"endpoint_name": "e1", "n": 1}),
        ("ARRAY", "[1,null]", [1, None]),
        ("MAP", '{"team":"fraud"}', {"team": "fraud"}),
        ("STRING", "[1]", "[1]"),
        ("NOVELTY", "as it is", "as it is"),
        ("LONG", None, None),
    ],
)
def test_a_cell_becomes_a_value_of_its_type(type_name, text, value):
    ((read,),) = cells.decoded([[text]], [Column("x", type_name)])
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("value", "text", "type_text"),
    [
        (True, "true", "BOOLEAN"),
        (7, "7", "BIGINT"),
        (0.25, "0.25", "DOUBLE"),
        (Decimal("12.50"), "12.50", "DECIMAL(4,2)"),
        (Decimal("0.005"), "0.005", "DECIMAL(3,3)"),
        (Decimal("1E+3"), "1000", "DECIMAL(4,0)"),
        (date(2026, 1, 2), "2026-01-02", "DATE"),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00+00:00", "TIMESTAMP"),
        ("'; DROP", "'; DROP", "STRING"),
        (None, None, "STRING"),
    ],
)
def test_a_parameter_is_written_with_its_type(value, text, type_text):
    assert cells.parameter("p", value) == {"name": "p", "value": text, "type": type_text}


def test_a_time_without_a_zone_is_no_parameter():
    with pytest.raises(ValueError, match="no time zone"):
        cells.parameter("p", datetime(2026, 1, 2))


@pytest.fixture(scope="module")
def sandbox(tables_sandbox):
    add_billing(tables_sandbox)
    return tables_sandbox


@pytest.fixture(scope="module")
def workspace(sandbox):
    credentials = Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    return WorkspaceClient(sandbox.url, credentials, retry_timeout_s=1)


def test_a_statement_gives_python_values(workspace):
    result = workspace.execute_sql(
        "SELECT usage_start_time AS start, usage_date AS day, usage_quantity AS dbus, usage_metadata AS about, "
        "custom_tags['team'] AS team, :factor * 2 AS factor, CAST(NULL AS INT) AS nothing "
        "FROM system.billing.usage WHERE usage_start_time >= :since AND usage_quantity > :least ORDER BY start",
        parameters={
            "since": datetime(2026, 1, 31, 3, tzinfo=timezone(timedelta(hours=1))),
            "least": Decimal("0"),
            "factor": 2.5,
        },
    )
    assert [(column.name, column.type_name) for column in result.columns] == [
        ("start", "TIMESTAMP"),
        ("day", "DATE"),
        ("dbus", "DECIMAL"),
        ("about", "STRUCT"),
        ("team", "STRING"),
        ("factor", "DOUBLE"),
        ("nothing", "INT"),
    ]
    assert not result.truncated
    assert result.records[-1] == {
        "start": datetime(2026, 1, 31, 3, tzinfo=UTC),
        "day": date(2026, 1, 31),
        "dbus": Decimal(4),
        "about": {**dict.fromkeys(NAMES), "endpoint_name": "risk", "endpoint_id": "id-risk"},
        "team": "risk",
        "factor": 5.0,
        "nothing": None,
    }
    assert len(result.rows) == 2


def test_all_chunks_are_read_and_a_limit_is_told(workspace):
    sql = "SELECT id FROM range(25000) ORDER BY id"
    result = workspace.execute_sql(sql)
    assert [row for (row,) in result.rows] == list(range(25_000))
    limited = workspace.execute_sql(sql, row_limit=10)
    assert (len(limited.rows), limited.truncated) == (10, True)
    assert workspace.execute_sql("SELECT 1 AS x WHERE false").rows == ()


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM main.no.table", "TABLE_OR_VIEW_NOT_FOUND"),
        ("SELECT nothing FROM system.billing.usage", "BAD_REQUEST"),
        ("DROP TABLE system.billing.usage", "UNSUPPORTED_FEATURE"),
    ],
)
def test_a_statement_that_cannot_work_is_a_permanent_error_with_the_condition_as_its_code(workspace, sql, code):
    with pytest.raises(IntegrationError) as raised:
        workspace.execute_sql(sql)
    assert (raised.value.permanent, raised.value.code, raised.value.source) == (True, code, "databricks")


def test_a_table_that_may_not_be_read_is_a_permanent_error(sandbox):
    stranger = WorkspaceClient(sandbox.url, Credentials(token=sandbox.new_user("stranger@example.com")))
    with pytest.raises(IntegrationError) as raised:
        stranger.execute_sql("SELECT count(*) FROM system.billing.usage")
    assert (raised.value.permanent, raised.value.code) == (True, "INSUFFICIENT_PERMISSIONS")


def test_a_late_statement_is_cancelled_and_may_be_tried_again(sandbox, workspace):
    endless = "SELECT count(*) FROM range(100000000000000) WHERE id % 7 = 3"
    with pytest.raises(IntegrationError) as raised:
        workspace.execute_sql(endless, timeout_s=0.5)
    assert (raised.value.permanent, raised.value.code) == (False, "TIMEOUT")
    statement_id = raised.value.message.split()[1].rstrip(":")
    client = sandbox.client()
    assert client.statement_execution.get_statement(statement_id).status.state.value == "CANCELED"


def test_a_statement_that_outlives_its_request_is_waited_for(sandbox, workspace):
    sandbox.client().warehouses.stop(workspace.warehouses()[0].id)
    assert workspace.execute_sql("SELECT 1", timeout_s=4.9).rows == ((1,),)


def test_the_warehouse_is_known_and_an_unknown_one_refused(workspace):
    (warehouse,) = workspace.warehouses()
    assert (warehouse.is_serverless, warehouse.starts_by_itself) == (True, True)
    assert workspace.execute_sql("SELECT 1", warehouse_id=warehouse.id).rows == ((1,),)
    with pytest.raises(IntegrationError) as raised:
        workspace.execute_sql("SELECT 1", warehouse_id="0" * 16)
    assert raised.value.permanent


@pytest.mark.parametrize(
    ("known", "chosen"),
    [
        ([("a", "STOPPED", True), ("b", "RUNNING", False)], "b"),
        ([("a", "STOPPED", False), ("b", "DELETED", True), ("c", "STOPPED", True)], "c"),
        ([("a", "STARTING", True), ("b", "STOPPED", True)], "a"),
    ],
)
def test_a_running_warehouse_is_taken_before_one_that_must_start(monkeypatch, known, chosen):
    workspace = WorkspaceClient("http://127.0.0.1:9", Credentials(token="t"))
    warehouses = [Warehouse(item_id, item_id, state, serverless) for item_id, state, serverless in known]
    monkeypatch.setattr(workspace, "warehouses", lambda: warehouses)
    monkeypatch.setattr(workspace, "do", lambda method, path, body: succeeded(body["warehouse_id"]))
    assert workspace.execute_sql("SELECT 1").statement_id == chosen


def succeeded(statement_id):
    return {"statement_id": statement_id, "status": {"state": "SUCCEEDED"}, "manifest": {"schema": {"columns": []}}}


def test_without_a_usable_warehouse_there_is_no_statement(monkeypatch):
    workspace = WorkspaceClient("http://127.0.0.1:9", Credentials(token="t"))
    monkeypatch.setattr(workspace, "warehouses", lambda: [Warehouse("a", "a", "STOPPED")])
    with pytest.raises(IntegrationError) as raised:
        workspace.execute_sql("SELECT 1")
    assert (raised.value.permanent, raised.value.code) == (True, "NO_WAREHOUSE")


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (
            {"state": "FAILED", "error": {"error_code": "RESOURCE_EXHAUSTED", "message": "x"}},
            "RESOURCE_EXHAUSTED",
            False,
        ),
        ({"state": "FAILED", "error": {"error_code": "BAD_REQUEST", "message": "[A_B.C] x"}}, "A_B", True),
        ({"state": "CANCELED"}, "CANCELLED", False),
        ({"state": "CLOSED"}, "CANCELLED", False),
        ({"state": "FAILED"}, "UNKNOWN", False),
    ],
)
def test_the_state_and_the_code_tell_whether_trying_again_can_help(monkeypatch, status, code, permanent):
    workspace = WorkspaceClient("http://127.0.0.1:9", Credentials(token="t"))
    monkeypatch.setattr(workspace, "do", lambda method, path, body: {"statement_id": "s", "status": status})
    with pytest.raises(IntegrationError) as raised:
        workspace.execute_sql("SELECT 1", warehouse_id="w")
    assert (raised.value.code, raised.value.permanent) == (code, permanent)
