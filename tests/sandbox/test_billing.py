"""The billing tables: documented columns, an hour charged once, and SQL over them."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from databricks.sdk.service.serving import EndpointCoreConfigInput, EndpointTag, ServedEntityInput
from deltalake import DeltaTable

from integrations.databricks import Credentials, Workspace
from sandbox.billing.rows import HOUR_S, LAUNCH, SERVING, EndpointHour
from sandbox.billing.tables import PRICES_TABLE, USAGE_TABLE, BillingTables
from sandbox.schema import SCHEMAS
from sandbox.store import Store
from tests.sandbox.running import RunningSandbox
from tests.waiting import wait_until

NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) // HOUR_S


@pytest.fixture
def tables(tmp_path: Path) -> BillingTables:
    found = BillingTables(Store(tmp_path / "workspace.db", SCHEMAS), tmp_path / "tables")
    found.prepare()
    return found


def rows(tables: BillingTables, name: str = USAGE_TABLE) -> list[dict[str, Any]]:
    return list(DeltaTable(tables.location(name)).to_pyarrow_table().to_pylist())


def hour(number: int = NOON, slot_s: float = 4 * HOUR_S, launches: int = 0) -> EndpointHour:
    return EndpointHour("e1", "card-fraud", number, slot_s, launches, {"team": "fraud"})


def test_an_hour_of_a_small_endpoint_is_four_dbu(tables: BillingTables) -> None:
    tables.charge([hour()])
    [row] = rows(tables)
    assert (row["sku_name"], row["usage_quantity"], row["usage_unit"]) == (SERVING, Decimal(4), "DBU")
    assert row["usage_start_time"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert row["usage_end_time"] - row["usage_start_time"] == timedelta(hours=1)
    assert dict(row["custom_tags"]) == {"team": "fraud"}
    assert row["usage_metadata"]["endpoint_id"] == "e1"


def test_launches_have_a_row_of_their_own_and_an_hour_without_anything_has_none(tables: BillingTables) -> None:
    tables.charge([hour(slot_s=600, launches=2), hour(NOON + 1, slot_s=0)])
    found = {row["sku_name"]: row["usage_quantity"] for row in rows(tables)}
    assert found == {SERVING: Decimal("0.166666666666666667"), LAUNCH: Decimal(2)}


def test_an_hour_is_charged_once_however_often_it_is_written(tables: BillingTables) -> None:
    for _ in range(3):
        tables.charge([hour(NOON), hour(NOON + 1)])
    tables.charge([hour(NOON + 1), hour(NOON + 2)])
    assert sorted(row["usage_start_time"].hour for row in rows(tables)) == [12, 13, 14]
    assert len({row["record_id"] for row in rows(tables)}) == 3


def test_history_is_charged_once_beside_what_is_metered(tables: BillingTables) -> None:
    past = [hour(NOON - 2), hour(NOON - 1)]
    assert tables.charge([hour(NOON)]) == 1
    assert [tables.charge(past, source=" history") for _ in range(2)] == [2, 0]
    assert sorted(row["usage_start_time"].hour for row in rows(tables)) == [10, 11, 12]


def test_prices_are_there_once(tables: BillingTables) -> None:
    tables.prepare()
    found = rows(tables, PRICES_TABLE)
    assert {row["sku_name"]: row["pricing"]["effective_list"]["default"] for row in found} == {
        SERVING: Decimal("0.07"),
        LAUNCH: Decimal("0.07"),
    }


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
        httpx.post(f"{sandbox.url}/_sandbox/billing/history", json=history, timeout=30).raise_for_status()
    workspace = Workspace(sandbox.url, Credentials(token=sandbox.admin_token))
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
