"""`system.billing.usage` and `system.billing.list_prices` with a few rows in the documented types."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa

from sandbox.config import WORKSPACE_ID
from tests.sandbox.delta_tables import add_table
from tests.sandbox.running import RunningSandbox

SKU = "PREMIUM_SERVERLESS_REAL_TIME_INFERENCE_US_EAST_N_VIRGINIA"
TIME, MONEY = pa.timestamp("us", tz="UTC"), pa.decimal128(38, 18)
DEFAULT = pa.struct([("default", MONEY)])
PRICING = pa.struct([("default", MONEY), ("promotional", DEFAULT), ("effective_list", DEFAULT)])
NAMES = ("endpoint_name", "endpoint_id", "job_id", "job_name", "run_name")
METADATA = pa.struct([(name, pa.string()) for name in NAMES])


def usage() -> pa.Table:
    """Two hours of fraud (1.5 and 2.25 DBU, corrected by -0.25) and one of risk (4 DBU), in January 2026."""
    rows = [("fraud", 1, "1.5"), ("fraud", 2, "2.25"), ("fraud", 2, "-0.25"), ("risk", 3, "4")]
    fixed = {"workspace_id": str(WORKSPACE_ID), "sku_name": SKU, "cloud": "AWS", "usage_unit": "DBU"}
    content = [
        {
            **fixed,
            "usage_start_time": datetime(2026, 1, 31, hour, tzinfo=UTC),
            "usage_end_time": datetime(2026, 1, 31, hour + 1, tzinfo=UTC),
            "usage_date": date(2026, 1, 31),
            "custom_tags": [("team", team)],
            "usage_quantity": Decimal(quantity),
            "usage_metadata": {"endpoint_name": team, "endpoint_id": f"id-{team}"},
            "billing_origin_product": "MODEL_SERVING",
        }
        for team, hour, quantity in rows
    ]
    schema = pa.schema(
        [
            *((name, pa.string()) for name in fixed),
            ("usage_start_time", TIME),
            ("usage_end_time", TIME),
            ("usage_date", pa.date32()),
            ("custom_tags", pa.map_(pa.string(), pa.string())),
            ("usage_quantity", MONEY),
            ("usage_metadata", METADATA),
            ("billing_origin_product", pa.string()),
        ]
    )
    return pa.Table.from_pylist(content, schema=schema)


def list_prices() -> pa.Table:
    """0.05 USD until 2026, 0.07 from then on."""
    year = [datetime(year, 1, 1, tzinfo=UTC) for year in (2025, 2026)]
    rows = [(year[0], year[1], "0.05"), (year[1], None, "0.07")]
    content = [
        {
            "price_start_time": start,
            "price_end_time": end,
            "sku_name": SKU,
            "cloud": "AWS",
            "currency_code": "USD",
            "usage_unit": "DBU",
            "pricing": {key: {"default": Decimal(price)} for key in ("promotional", "effective_list")}
            | {"default": Decimal(price)},
        }
        for start, end, price in rows
    ]
    texts = [(name, pa.string()) for name in ("sku_name", "cloud", "currency_code", "usage_unit")]
    times = [("price_start_time", TIME), ("price_end_time", TIME)]
    return pa.Table.from_pylist(content, schema=pa.schema([*times, *texts, ("pricing", PRICING)]))


def add_billing(sandbox: RunningSandbox) -> None:
    add_table(sandbox, "system.billing.usage", usage())
    add_table(sandbox, "system.billing.list_prices", list_prices())
