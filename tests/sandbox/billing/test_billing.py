"""The billing tables: documented columns, an hour charged once, and SQL over them."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from databricks.sdk.service.serving import EndpointCoreConfigInput, EndpointTag, ServedEntityInput
from deltalake import DeltaTable, write_deltalake

from integrations.databricks.credentials import Credentials
from integrations.databricks.workspace import WorkspaceClient
from sandbox.billing.meter import BillingMeter
from sandbox.billing.rows import HOUR_S, JOB, LAUNCH, SERVING, EndpointHour, dbu_per_hour, price_table
from sandbox.billing.tables import PRICES_TABLE, USAGE_TABLE, BillingTables
from sandbox.schema import SCHEMAS
from sandbox.store import Store
from sandbox.system_tables.catalog import SystemTables
from tests import http
from tests.sandbox.running import RunningSandbox
from tests.waiting import wait_until

if TYPE_CHECKING:
    from sandbox.serving_endpoints.supervisor import Supervisor

NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) // HOUR_S


@pytest.fixture
def system(tmp_path: Path) -> SystemTables:
    return SystemTables(Store(tmp_path / "workspace.db", SCHEMAS), tmp_path / "tables")


@pytest.fixture
def tables(system: SystemTables) -> BillingTables:
    found = BillingTables(system)
    found.prepare()
    return found


def rows(system: SystemTables, name: str = USAGE_TABLE) -> list[dict[str, Any]]:
    return list(DeltaTable(system.location(name)).to_pyarrow_table().to_pylist())


def hour(number: int = NOON, slot_s: float = 4 * HOUR_S, launches: int = 0) -> EndpointHour:
    return EndpointHour("e1", "card-fraud", number, slot_s, launches, {"team": "fraud"})


def test_an_hour_of_a_small_endpoint_is_four_dbu(tables: BillingTables, system: SystemTables) -> None:
    tables.charge([hour()])
    [row] = rows(system)
    assert (row["sku_name"], row["usage_quantity"], row["usage_unit"]) == (SERVING, Decimal(4), "DBU")
    assert row["usage_start_time"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert row["usage_end_time"] - row["usage_start_time"] == timedelta(hours=1)
    assert dict(row["custom_tags"]) == {"team": "fraud"}
    assert row["usage_metadata"]["endpoint_id"] == "e1"


def test_launches_have_a_row_of_their_own_and_an_empty_hour_has_none(
    tables: BillingTables, system: SystemTables
) -> None:
    tables.charge([hour(slot_s=600, launches=2), hour(NOON + 1, slot_s=0)])
    found = {row["sku_name"]: row["usage_quantity"] for row in rows(system)}
    assert found == {SERVING: Decimal("0.166666666666666667"), LAUNCH: Decimal(2)}


def test_two_launches_of_an_hour_are_charged_at_most(tables: BillingTables, system: SystemTables) -> None:
    tables.charge([hour(slot_s=0, launches=9), hour(NOON + 1, slot_s=0, launches=1)])
    assert [row["usage_quantity"] for row in rows(system)] == [Decimal(2), Decimal(1)]


@pytest.mark.parametrize(
    ("workload_type", "concurrency", "expected"),
    [("CPU", 4, 4), ("CPU", 64, 64), ("GPU_SMALL", 4, 10.48), ("GPU_SMALL", 5, 20.96), ("MULTIGPU_MEDIUM", 16, 448)],
)
def test_a_gpu_is_charged_by_the_instance_and_a_cpu_by_the_concurrent_request(
    workload_type: str, concurrency: int, expected: float
) -> None:
    assert dbu_per_hour(workload_type, concurrency) == expected


def test_an_hour_is_charged_once_however_often_it_is_written(tables: BillingTables, system: SystemTables) -> None:
    for _ in range(3):
        tables.charge([hour(NOON), hour(NOON + 1)])
    tables.charge([hour(NOON + 1), hour(NOON + 2)])
    assert sorted(row["usage_start_time"].hour for row in rows(system)) == [12, 13, 14]
    assert len({row["record_id"] for row in rows(system)}) == 3


def test_history_is_charged_once_beside_what_is_metered(tables: BillingTables, system: SystemTables) -> None:
    past = [hour(NOON - 2), hour(NOON - 1)]
    assert tables.charge([hour(NOON)]) == 1
    assert [tables.charge(past, source=" history") for _ in range(2)] == [2, 0]
    assert sorted(row["usage_start_time"].hour for row in rows(system)) == [10, 11, 12]


def test_prices_are_there_once(tables: BillingTables, system: SystemTables) -> None:
    tables.prepare()
    found = rows(system, PRICES_TABLE)
    assert {row["sku_name"]: row["pricing"]["effective_list"]["default"] for row in found} == {
        SERVING: Decimal("0.07"),
        LAUNCH: Decimal("0.07"),
        JOB: Decimal("0.35"),
    }


def test_an_older_table_of_prices_gets_those_that_are_new(tables: BillingTables, system: SystemTables) -> None:
    old = price_table(without=[JOB])
    write_deltalake(system.location(PRICES_TABLE), old, mode="overwrite")
    tables.prepare()
    assert sorted(row["sku_name"] for row in rows(system, PRICES_TABLE)) == sorted([JOB, LAUNCH, SERVING])


def test_the_hour_of_a_job_is_charged_once_with_its_name(tables: BillingTables, system: SystemTables) -> None:
    store = Store(Path(system.location("x")).parents[1] / "workspace.db", SCHEMAS)
    meter = BillingMeter(cast("Supervisor", ()), store, tables)
    ended(store, run_id=1, run_type="SUBMIT_RUN", minutes=(10, 40))
    ended(store, run_id=2, run_type="JOB_RUN", minutes=(50, 70))
    for _ in range(2):
        meter.charge_jobs_before(NOON + 1)
    [submitted] = rows(system)
    assert (submitted["usage_quantity"], submitted["billing_origin_product"]) == (Decimal("0.5"), "JOBS")
    assert (submitted["usage_metadata"]["run_name"], submitted["usage_metadata"]["job_name"]) == ("nightly", None)
    meter.charge_jobs_before(NOON + 2)
    names = [row["usage_metadata"]["job_name"] for row in rows(system)]
    assert sorted(filter(None, names)) == ["nightly"]


def ended(store: Store, run_id: int, run_type: str, minutes: tuple[int, int]) -> None:
    """A run with one task that worked between two minutes after noon."""
    start_ms, end_ms = (NOON * HOUR_S * 1000 + minute * 60_000 for minute in minutes)
    document = json.dumps({"run_name": "nightly"})
    task = json.dumps({"start_time": start_ms, "end_time": end_ms})
    with store.connection() as connection:
        connection.execute(
            "INSERT INTO job_runs (run_id, run_type, start_time, document, job_id, is_active) "
            "VALUES (?, ?, ?, ?, 7, 0)",
            (run_id, run_type, start_ms, document),
        )
        connection.execute(
            "INSERT INTO job_task_runs (run_id, parent_run_id, document) VALUES (?, ?, ?)", (run_id * 10, run_id, task)
        )


@pytest.mark.xdist_group("sandbox")
def test_usage_of_past_hours_is_found_by_sql(sandbox: RunningSandbox, served_model: str) -> None:
    name = f"ep-{uuid.uuid4().hex[:8]}"
    api = sandbox.client().serving_endpoints
    entity = ServedEntityInput(
        entity_name=served_model, entity_version="1", workload_size="Small", scale_to_zero_enabled=False
    )
    config = EndpointCoreConfigInput(name=name, served_entities=[entity])
    tags = [EndpointTag(key="team", value="fraud")]
    api.create_and_wait(name, config=config, tags=tags, timeout=timedelta(seconds=90))
    history = {"endpoint": name, "up": [1.0, 0.5, 0.0], "launches": [0, 1, 0]}
    for _ in range(2):
        http.post(f"{sandbox.url}/_sandbox/billing/history", json=history, timeout=30).raise_for_status()
    workspace = WorkspaceClient(sandbox.url, Credentials(token=sandbox.admin_token))
    asked = (
        "SELECT sku_name, custom_tags['demo'] AS demo, SUM(usage_quantity) AS dbu FROM system.billing.usage "
        "WHERE usage_metadata.endpoint_name = :name GROUP BY sku_name, custom_tags['demo'] ORDER BY sku_name"
    )
    found = workspace.execute_sql(asked, parameters={"name": name}).records
    assert [(row["sku_name"], row["demo"], row["dbu"]) for row in found] == [
        (LAUNCH, "true", Decimal(1)),
        (SERVING, "true", Decimal(6)),
    ]
    api.delete(name)


@pytest.mark.xdist_group("sandbox")
def test_what_runs_now_is_counted_for_the_hour_that_is_not_over(sandbox: RunningSandbox, served_model: str) -> None:
    name = f"ep-{uuid.uuid4().hex[:8]}"
    api = sandbox.client().serving_endpoints
    entity = ServedEntityInput(
        entity_name=served_model, entity_version="1", workload_size="Small", scale_to_zero_enabled=False
    )
    api.create_and_wait(
        name, config=EndpointCoreConfigInput(name=name, served_entities=[entity]), timeout=timedelta(seconds=90)
    )
    store = Store(sandbox.var_dir / "sandbox" / "workspace.db", ())

    def counted() -> float:
        with store.reading() as connection:
            asked = "SELECT SUM(slot_s) FROM billing_hours WHERE endpoint_name = ?"
            return float(connection.execute(asked, (name,)).fetchone()[0] or 0)

    before = time.monotonic()
    wait_until(lambda: counted() > 0, 60)
    assert counted() <= 4 * (time.monotonic() - before + 90)
    api.delete(name)
