"""The documented columns of the billing tables, and a row of them for each hour of an endpoint.

Columns, SKUs and rates as Databricks documents them for AWS us-east-1: 1 DBU for an hour of one concurrent request, and
1 DBU for a launch after scaling to zero, at 0.07 USD.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sandbox.config import ACCOUNT_ID, WORKSPACE_ID

# Hours that were not charged yet.
SCHEMA = """
CREATE TABLE IF NOT EXISTS billing_hours (
    endpoint_id TEXT NOT NULL,
    hour INTEGER NOT NULL,
    endpoint_name TEXT NOT NULL,
    slot_s REAL NOT NULL,
    launches INTEGER NOT NULL,
    tags TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, hour)
);
"""

HOUR_S = 3600
SERVING = "PREMIUM_SERVERLESS_REAL_TIME_INFERENCE_US_EAST_N_VIRGINIA"
LAUNCH = "PREMIUM_SERVERLESS_REAL_TIME_INFERENCE_LAUNCH_US_EAST_N_VIRGINIA"
PRICE = Decimal("0.07")
PRICED_SINCE = datetime(2025, 1, 1, tzinfo=UTC)
TIME, NUMBER, TEXT = pa.timestamp("us", tz="UTC"), pa.decimal128(38, 18), pa.string()
USAGE_METADATA = pa.struct(
    [(name, TEXT) for name in ("endpoint_name", "endpoint_id", "job_id", "job_run_id", "job_name", "run_name")]
)
_ONE_PRICE = pa.struct([("default", NUMBER)])
USAGE = pa.schema(
    [
        *((name, TEXT) for name in ("record_id", "account_id", "workspace_id", "sku_name", "cloud")),
        ("usage_start_time", TIME),
        ("usage_end_time", TIME),
        ("usage_date", pa.date32()),
        ("custom_tags", pa.map_(TEXT, TEXT)),
        ("usage_unit", TEXT),
        ("usage_quantity", NUMBER),
        ("usage_metadata", USAGE_METADATA),
        ("record_type", TEXT),
        ("ingestion_date", pa.date32()),
        ("billing_origin_product", TEXT),
        ("usage_type", TEXT),
    ]
)
LIST_PRICES = pa.schema(
    [
        ("price_start_time", TIME),
        ("price_end_time", TIME),
        *((name, TEXT) for name in ("account_id", "sku_name", "cloud", "currency_code", "usage_unit")),
        ("pricing", pa.struct([("default", NUMBER), ("promotional", _ONE_PRICE), ("effective_list", _ONE_PRICE)])),
    ]
)


@dataclass(frozen=True)
class EndpointHour:
    """What one endpoint took in one hour: ``hour`` counts from 1970 in UTC. ``slot_s``: concurrency times seconds."""

    endpoint_id: str
    endpoint_name: str
    hour: int
    slot_s: float
    launches: int
    tags: dict[str, str]

    def rows(self, today: date) -> list[dict[str, Any]]:
        """One for serving and one for launches, each only if there was any."""
        dbu = (Decimal(round(self.slot_s * 1000)) / (HOUR_S * 1000)).quantize(Decimal("1e-18"))
        amounts = [(SERVING, dbu), (LAUNCH, Decimal(self.launches))]
        return [self._row(sku, amount, today) for sku, amount in amounts if amount]

    def _row(self, sku: str, quantity: Decimal, today: date) -> dict[str, Any]:
        start = datetime.fromtimestamp(self.hour * HOUR_S, UTC)
        return {
            # The same hour has the same id, however often it is written.
            "record_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.endpoint_id} {self.hour} {sku}")),
            "account_id": ACCOUNT_ID,
            "workspace_id": str(WORKSPACE_ID),
            "sku_name": sku,
            "cloud": "AWS",
            "usage_start_time": start,
            "usage_end_time": start + timedelta(hours=1),
            "usage_date": start.date(),
            "custom_tags": list(self.tags.items()),
            "usage_unit": "DBU",
            "usage_quantity": quantity,
            "usage_metadata": {"endpoint_name": self.endpoint_name, "endpoint_id": self.endpoint_id},
            "record_type": "ORIGINAL",
            "ingestion_date": today,
            "billing_origin_product": "MODEL_SERVING",
            "usage_type": "COMPUTE_TIME",
        }


def price_table() -> pa.Table:
    rows = [
        {
            "price_start_time": PRICED_SINCE,
            "price_end_time": None,
            "account_id": ACCOUNT_ID,
            "sku_name": sku,
            "cloud": "AWS",
            "currency_code": "USD",
            "usage_unit": "DBU",
            "pricing": {"default": PRICE, "promotional": {"default": PRICE}, "effective_list": {"default": PRICE}},
        }
        for sku in (SERVING, LAUNCH)
    ]
    return pa.Table.from_pylist(rows, schema=LIST_PRICES)
