# ruff: noqa: S608 - the statements are the tests' own
"""The Statement Execution API and the warehouse, as the real SDK sees them, over real Delta tables."""

from __future__ import annotations

import json
import threading
import uuid
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pytest
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.sql import (
    Disposition,
    ExecuteStatementRequestOnWaitTimeout,
    Format,
    State,
    StatementParameterListItem,
    StatementState,
)

from sandbox.config import WORKSPACE_ID
from tests import http
from tests.processes import cpu_s
from tests.sandbox.billing_tables import SKU, add_billing
from tests.sandbox.delta_tables import add_table
from tests.sandbox.spark.sail_processes import sail_of
from tests.waiting import wait_until

WAREHOUSE = "5ab5dda58c1ea16b"
# Batch after batch, so that it ends soon after it is cancelled.
ENDLESS = "SELECT count(*) FROM range(100000000000000) WHERE id % 7 = 3"
COST = """
SELECT u.usage_date, u.usage_metadata.endpoint_name, u.usage_metadata.endpoint_id, u.sku_name,
       SUM(u.usage_quantity) AS dbus,
       SUM(u.usage_quantity * p.pricing.effective_list.default) AS list_cost, MAX(p.currency_code) AS currency
FROM system.billing.usage u
JOIN system.billing.list_prices p
  ON u.sku_name = p.sku_name AND u.cloud = p.cloud AND u.usage_unit = p.usage_unit
 AND u.usage_start_time >= p.price_start_time
 AND (p.price_end_time IS NULL OR u.usage_end_time <= p.price_end_time)
WHERE u.billing_origin_product = 'MODEL_SERVING'
  AND u.workspace_id = :workspace_id AND u.usage_date >= :from_date
GROUP BY ALL
ORDER BY dbus
"""


@pytest.fixture(scope="module")
def sandbox(tables_sandbox):
    add_billing(tables_sandbox)
    return tables_sandbox


@pytest.fixture(scope="module")
def client(sandbox):
    return sandbox.client()


def execute(client, sql, /, **more):
    more = {"wait_timeout": "50s", **more}
    return client.statement_execution.execute_statement(sql, WAREHOUSE, **more)


def rows(client, sql, /, **parameters):
    items = [StatementParameterListItem(name=name, **value) for name, value in parameters.items()]
    answer = execute(client, sql, parameters=items)
    assert answer.status.state is StatementState.SUCCEEDED, answer.status
    return answer.result.data_array or []


def failure(client, sql, /, **more):
    answer = execute(client, sql, **more)
    assert answer.status.state is StatementState.FAILED
    assert answer.result is None
    return answer.status


def orders(sandbox, count=3, reader=""):
    """The full name of a new table with `count` rows."""
    name = f"main.shop_{uuid.uuid4().hex[:8]}.orders"
    add_table(sandbox, name, pa.table({"id": list(range(count)), "note": [f"n{n}" for n in range(count)]}), reader)
    return name


def test_the_cost_of_endpoints_comes_from_the_billing_tables(client):
    parameters = {"workspace_id": {"value": str(WORKSPACE_ID)}, "from_date": {"value": "2026-01-01", "type": "DATE"}}
    *known, (_, name, endpoint_id, sku, dbus, cost, currency) = rows(client, COST, **parameters)
    assert [row[:5] for row in known] == [["2026-01-31", "fraud", "id-fraud", SKU, "3.500000000000000000"]]
    assert (name, endpoint_id, sku, dbus, currency) == ("risk", "id-risk", SKU, "4.000000000000000000", "USD")
    assert [Decimal(known[0][5]), Decimal(cost)] == [Decimal("0.245"), Decimal("0.28")]


def test_every_type_has_its_name_and_its_text(client):
    sql = """SELECT 1 AS i, 2L AS l, 1.10 AS d, true AS b, CAST(1e300 AS DOUBLE) AS f, CAST(1.1 AS FLOAT) AS g,
        DATE'2026-01-31' AS day, TIMESTAMP'2026-01-31 12:00:00' AS t, NULL AS n, 'ü"' AS s,
        named_struct('a', 1, 'b', array('x')) AS st, map('k', 1.5) AS m, array(1, NULL) AS a, x'ff' AS bin"""
    answer = execute(client, sql)
    columns = answer.manifest.schema.columns
    assert [column.position for column in columns] == list(range(14))
    assert [(column.type_name.value, column.type_text) for column in columns] == [
        ("INT", "INT"),
        ("LONG", "BIGINT"),
        ("DECIMAL", "DECIMAL(3,2)"),
        ("BOOLEAN", "BOOLEAN"),
        ("DOUBLE", "DOUBLE"),
        ("FLOAT", "FLOAT"),
        ("DATE", "DATE"),
        ("TIMESTAMP", "TIMESTAMP"),
        ("NULL", "VOID"),
        ("STRING", "STRING"),
        ("STRUCT", "STRUCT<a: INT, b: ARRAY<STRING>>"),
        ("MAP", "MAP<STRING, DECIMAL(2,1)>"),
        ("ARRAY", "ARRAY<INT>"),
        ("BINARY", "BINARY"),
    ]
    assert (columns[2].type_precision, columns[2].type_scale) == (3, 2)
    assert answer.result.data_array == [
        [
            *("1", "2", "1.10", "true", "1e+300", "1.1", "2026-01-31", "2026-01-31T12:00:00.000Z", None, 'ü"'),
            *('{"a":1,"b":["x"]}', '{"k":1.5}', "[1,null]", "/w=="),
        ]
    ]


def test_tags_and_structs_of_a_table_can_be_asked_for(client):
    sql = "SELECT custom_tags['team'], usage_metadata.endpoint_name, sum(usage_quantity) FROM system.billing.usage "
    assert rows(client, sql + "GROUP BY 1, 2 ORDER BY 1")[1] == ["risk", "risk", "4.000000000000000000"]
    (first,) = rows(client, "SELECT usage_metadata, custom_tags FROM system.billing.usage LIMIT 1")
    assert json.loads(first[0])["job_id"] is None
    assert json.loads(first[1]).keys() == {"team"}


def test_names_are_found_however_they_are_written(client, sandbox):
    name = orders(sandbox)
    catalog, schema, table = name.split(".")
    quoted = f"`{catalog}`.`{schema}`.`{table}`"
    for written in (name, name.upper(), quoted, f"{catalog} . {schema} /* x.y.z */ . {table}"):
        assert rows(client, f"SELECT count(*), '{name}' FROM {written} -- {name}") == [["3", name]]
    assert rows(client, f"SELECT orders.note, {name}.id FROM {name} WHERE {name}.id = 1") == [["n1", "1"]]
    assert rows(client, "SELECT count(*) FROM IDENTIFIER(:t)", t={"value": name}) == [["3"]]
    assert execute(client, "SELECT count(*) FROM orders", catalog=catalog, schema=schema).result.data_array == [["3"]]
    sql = "WITH orders AS (SELECT 1 AS id) SELECT count(*) FROM orders"
    assert execute(client, sql, catalog=catalog, schema=schema).result.data_array == [["1"]]
    assert execute(client, f"SELECT count(*) FROM {schema}.orders", catalog=catalog).result.data_array == [["3"]]


def test_a_table_has_the_rows_of_its_newest_version(client, sandbox):
    from deltalake import write_deltalake

    name = f"main.shop_{uuid.uuid4().hex[:8]}.orders"
    location = add_table(sandbox, name, pa.table({"id": [1]}))
    assert rows(client, f"SELECT count(*) FROM {name}") == [["1"]]
    write_deltalake(location, pa.table({"id": [2, 3]}), mode="append")
    assert rows(client, f"SELECT count(*) FROM {name}") == [["3"]]


def test_parameters_are_typed_values_and_never_text_of_the_statement(client):
    parameters = {
        "number": {"value": "41", "type": "BIGINT"},
        "time": {"value": "2026-01-01T01:00:00+01:00", "type": "TIMESTAMP"},
        "money": {"value": "1.50", "type": "DECIMAL(10,2)"},
        "nothing": {"type": "STRING"},
        "evil": {"value": "'; DROP TABLE x; --"},
    }
    (row,) = rows(client, "SELECT :number + 1, :time, :money, :nothing, :evil", **parameters)
    assert row == ["42", "2026-01-01T00:00:00.000Z", "1.50", None, "'; DROP TABLE x; --"]


@pytest.mark.parametrize(
    ("value", "type_text"), [("x", "INT"), ("1", "NOVELTY"), ("1", "STRUCT<"), ("1", "INT) --"), ("2026-13-01", "DATE")]
)
def test_a_parameter_that_is_none_of_its_type_fails(client, value, type_text):
    item = StatementParameterListItem(name="p", value=value, type=type_text)
    assert failure(client, "SELECT :p", parameters=[item]).error.error_code.value == "BAD_REQUEST"


@pytest.mark.parametrize("name", ["main.nowhere.nothing", "nowhere.at.all", "system.billing.nothing"])
def test_an_unknown_table_is_not_found(client, name):
    status = failure(client, f"SELECT * FROM {name}")
    assert status.error.error_code.value == "BAD_REQUEST"
    quoted = ".".join(f"`{part}`" for part in name.split("."))
    assert status.error.message.startswith(f"[TABLE_OR_VIEW_NOT_FOUND] The table or view {quoted} cannot be found.")
    assert status.sql_state == "42P01"


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELEC 1", "runs queries only"),
        ("SELECT nothing FROM system.billing.usage", "nothing"),
        ("SELECT FROM WHERE", "found"),
        ("SELECT CAST('x' AS INT)", "Cannot cast"),
        ("SELECT :x", "x"),
        ("", "runs queries only"),
        ("DESCRIBE TABLE system.billing.usage", "runs queries only"),
        ("CREATE TABLE main.a.b USING delta LOCATION '/x'", "runs queries only"),
        ("WITH t AS (SELECT 1) INSERT INTO system.billing.usage SELECT * FROM t", "runs queries only"),
        ("SELECT * FROM IDENTIFIER('a b c')", "is not an identifier"),
    ],
)
def test_a_statement_that_cannot_be_run_fails_and_says_why(client, sql, text):
    assert text in failure(client, sql).error.message


def test_a_table_that_may_not_be_read_is_refused_until_it_may(sandbox, client):
    user = f"{uuid.uuid4().hex}@example.com"
    theirs = sandbox.client(sandbox.new_user(user))
    mine, secret = orders(sandbox, reader=user), orders(sandbox)
    assert rows(theirs, f"SELECT count(*) FROM {mine}") == [["3"]]
    status = failure(theirs, f"SELECT * FROM {mine} JOIN (SELECT id FROM {secret}) USING (id)")
    assert status.error.message.startswith("[INSUFFICIENT_PERMISSIONS] Insufficient privileges:")
    assert f"User does not have SELECT on Table '{secret}'" in status.error.message
    assert status.sql_state == "42501"
    assert rows(client, f"SELECT count(*) FROM {secret}") == [["3"]]


def test_files_cannot_be_read_by_their_path(client, sandbox):
    location = add_table(sandbox, f"main.shop_{uuid.uuid4().hex[:8]}.orders", pa.table({"id": [1]}))
    assert "[INSUFFICIENT_PERMISSIONS]" in failure(client, f"SELECT * FROM delta.`{location}`").error.message


def test_a_long_result_comes_in_chunks(client, sandbox):
    answer = execute(client, f"SELECT id FROM {orders(sandbox, count=25_000)} ORDER BY id")
    manifest, first = answer.manifest, answer.result
    assert (manifest.total_row_count, manifest.total_chunk_count, manifest.truncated) == (25_000, 3, False)
    assert [(chunk.row_offset, chunk.row_count) for chunk in manifest.chunks] == [
        (0, 10_000),
        (10_000, 10_000),
        (20_000, 5_000),
    ]
    assert first.next_chunk_internal_link.endswith(f"/{answer.statement_id}/result/chunks/1")
    chunks, chunk = [first], first
    while chunk.next_chunk_index is not None:
        chunk = client.statement_execution.get_statement_result_chunk_n(answer.statement_id, chunk.next_chunk_index)
        chunks.append(chunk)
    assert [row for chunk in chunks for row in chunk.data_array] == [[str(number)] for number in range(25_000)]
    again = client.statement_execution.get_statement(answer.statement_id)
    assert (again.manifest, again.result) == (manifest, first)
    with pytest.raises(BadRequest, match="no chunk 3"):
        client.statement_execution.get_statement_result_chunk_n(answer.statement_id, 3)


def test_limits_cut_the_result_and_say_so(client, sandbox):
    sql = f"SELECT id FROM {orders(sandbox, count=100)} ORDER BY id"
    for limit, count, truncated in ((100, 100, False), (99, 99, True), (1, 1, True)):
        answer = execute(client, sql, row_limit=limit)
        assert (len(answer.result.data_array), answer.manifest.truncated) == (count, truncated)
    answer = execute(client, sql, byte_limit=400)
    assert 0 < answer.manifest.total_row_count < 100
    assert answer.manifest.truncated


def test_an_empty_result_has_columns_and_no_rows(client):
    answer = execute(client, "SELECT 1 AS one WHERE false")
    assert [column.name for column in answer.manifest.schema.columns] == ["one"]
    assert (answer.manifest.total_row_count, answer.result.data_array) == (0, None)


@pytest.mark.parametrize("format_name", [Format.ARROW_STREAM, Format.JSON_ARRAY, Format.CSV])
def test_links_give_the_result_to_whoever_has_them_without_a_login(client, sandbox, format_name):
    answer = execute(
        client,
        f"SELECT id, note FROM {orders(sandbox)} ORDER BY id",
        disposition=Disposition.EXTERNAL_LINKS,
        format=format_name,
    )
    assert answer.result.data_array is None
    (link,) = answer.result.external_links
    assert (link.chunk_index, link.row_count, answer.manifest.format) == (0, 3, format_name)
    content = http.get(link.external_link, timeout=10).raise_for_status().content
    expected = [{"id": number, "note": f"n{number}"} for number in range(3)]
    if format_name is Format.ARROW_STREAM:
        assert pa.ipc.open_stream(content).read_all().to_pylist() == expected
    elif format_name is Format.JSON_ARRAY:
        assert json.loads(content) == [["0", "n0"], ["1", "n1"], ["2", "n2"]]
    else:
        assert content.decode().splitlines() == ["id,note", "0,n0", "1,n1", "2,n2"]
    login = {"Authorization": f"Bearer {sandbox.admin_token}"}
    assert http.get(link.external_link, headers=login, timeout=10).status_code == 400
    assert http.get(link.external_link[:-1] + "x", timeout=10).status_code == 403


def test_only_links_have_other_formats_than_json(client):
    with pytest.raises(BadRequest, match="JSON_ARRAY"):
        execute(client, "SELECT 1", format=Format.ARROW_STREAM)


def test_a_statement_is_its_authors_and_the_admins(sandbox, client):
    users = [sandbox.client(sandbox.new_user(f"{uuid.uuid4().hex}@example.com")) for _ in range(2)]
    answer = execute(users[0], "SELECT 1")
    assert client.statement_execution.get_statement(answer.statement_id).result.data_array == [["1"]]
    for call in ("get_statement", "cancel_execution"):
        with pytest.raises(PermissionDenied):
            getattr(users[1].statement_execution, call)(answer.statement_id)
    with pytest.raises(NotFound):
        client.statement_execution.get_statement(str(uuid.uuid4()))


def test_a_statement_goes_on_without_its_request_and_can_be_cancelled(client):
    answer = execute(client, ENDLESS, wait_timeout="0s")
    assert answer.status.state in (StatementState.PENDING, StatementState.RUNNING)
    assert answer.manifest is None
    api = client.statement_execution
    wait_until(lambda: api.get_statement(answer.statement_id).status.state is StatementState.RUNNING, 30)
    api.cancel_execution(answer.statement_id)
    assert api.get_statement(answer.statement_id).status.state is StatementState.CANCELED
    assert rows(client, "SELECT 1") == [["1"]]
    api.cancel_execution(answer.statement_id)


def test_a_cancelled_statement_leaves_the_processor(client, sandbox):
    """Also if it is cancelled before the server has started it."""
    api = client.statement_execution
    answers = [execute(client, ENDLESS, wait_timeout="0s") for _ in range(3)]
    for answer in answers:
        wait_until(partial(has_started, client, answer.statement_id), 60)
        api.cancel_execution(answer.statement_id)
    wait_until(lambda: is_idle(sail_of(sandbox)), 60)


def has_started(client, statement_id):
    return client.statement_execution.get_statement(statement_id).status.state is not StatementState.PENDING


def is_idle(pids):
    """Whether the processes use less than a tenth of a core for half a second."""
    before = sum(cpu_s(pid) for pid in pids)
    threading.Event().wait(0.5)
    return sum(cpu_s(pid) for pid in pids) - before < 0.05


def test_a_statement_may_end_with_its_wait(client):
    cancel = ExecuteStatementRequestOnWaitTimeout.CANCEL
    answer = execute(client, ENDLESS, wait_timeout="5s", on_wait_timeout=cancel)
    assert answer.status.state is StatementState.CANCELED
    assert execute(client, "SELECT 1", on_wait_timeout=cancel).result.data_array == [["1"]]


@pytest.mark.parametrize("wait", ["1s", "51s", "soon", "-5s"])
def test_a_wait_that_is_not_offered_is_refused(client, wait):
    with pytest.raises(BadRequest, match="wait_timeout"):
        execute(client, "SELECT 1", wait_timeout=wait)


def test_the_warehouse_starts_with_a_statement_and_by_hand(client):
    (warehouse,) = client.warehouses.list()
    assert (warehouse.id, warehouse.enable_serverless_compute) == (WAREHOUSE, True)
    for start in (lambda: client.warehouses.start(WAREHOUSE), lambda: execute(client, "SELECT 1")):
        client.warehouses.stop(WAREHOUSE)
        assert client.warehouses.get(WAREHOUSE).state is State.STOPPED
        start()
        assert client.warehouses.get(WAREHOUSE).state is State.RUNNING
    with pytest.raises(NotFound):
        client.warehouses.get("0" * 16)
    with pytest.raises(BadRequest, match="not a valid endpoint id"):
        client.statement_execution.execute_statement("SELECT 1", "0" * 16)
