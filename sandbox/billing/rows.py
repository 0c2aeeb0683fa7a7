"""The documented columns of the billing tables, and the rows of usage and prices.

Columns, SKUs and rates are those that Databricks documents for AWS us-east-1. One concurrent request on CPU takes
1 DBU an hour. Each GPU type has its own rate for an instance, which serves four requests. A launch after scaling to
zero takes 1 DBU, at most two in an hour. A DBU costs 0.07 USD. The rate of serverless jobs is not documented: the
sandbox charges 1 DBU an hour at 0.35 USD.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sandbox.config import ACCOUNT_ID, WORKSPACE_ID

# Hours that are not charged yet.
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
JOB = "PREMIUM_JOBS_SERVERLESS_COMPUTE_US_EAST_N_VIRGINIA"
PRICES = {SERVING: Decimal("0.07"), LAUNCH: Decimal("0.07"), JOB: Decimal("0.35")}
# GPU_LARGE exists on Azure only; this is its rate there.
DBU_OF_INSTANCE = {"GPU_SMALL": 10.48, "GPU_MEDIUM": 20.0, "GPU_LARGE": 78.6, "MULTIGPU_MEDIUM": 112.0}
SLOTS_OF_INSTANCE = 4
MOST_LAUNCHES = 2
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
    """The usage of one endpoint in one hour."""

    endpoint_id: str
    endpoint_name: str
    #: Hours since 1970 in UTC.
    hour: int
    #: Seconds of uptime times DBU per hour. On CPU, DBU per hour is the concurrency.
    slot_s: float
    #: All starts after scaling to zero, also those that are not charged.
    launches: int
    tags: dict[str, str]

    def rows(self, today: date) -> list[dict[str, Any]]:
        """One row for serving and one for launches, each only if its amount is not zero."""
        amounts = [(SERVING, _dbu(self.slot_s)), (LAUNCH, Decimal(min(self.launches, MOST_LAUNCHES)))]
        return [self._row(sku, amount, today) for sku, amount in amounts if amount]

    def _row(self, sku: str, quantity: Decimal, today: date) -> dict[str, Any]:
        start = datetime.fromtimestamp(self.hour * HOUR_S, UTC)
        return {
            # Deterministic: the same hour always has the same id.
            **_usage(f"{self.endpoint_id} {self.hour} {sku}", sku, quantity, today),
            **_times(start, start + timedelta(hours=1)),
            "custom_tags": list(self.tags.items()),
            "usage_metadata": {"endpoint_name": self.endpoint_name, "endpoint_id": self.endpoint_id},
            "billing_origin_product": "MODEL_SERVING",
        }


@dataclass(frozen=True)
class TaskUsage:
    """An attempt at a task that ended. Times are Unix ms."""

    task_run_id: int
    job_id: int
    job_run_id: int
    #: The name of a submitted run, or of the job.
    name: str
    was_submitted: bool
    start_ms: int
    end_ms: int

    def row(self, today: date) -> dict[str, Any]:
        seconds = (self.end_ms - self.start_ms) / 1000
        start, end = (datetime.fromtimestamp(moment / 1000, UTC) for moment in (self.start_ms, self.end_ms))
        return {
            **_usage(f"task {self.task_run_id}", JOB, _dbu(seconds), today),
            **_times(start, end),
            "usage_metadata": {
                "job_id": str(self.job_id),
                "job_run_id": str(self.job_run_id),
                "run_name" if self.was_submitted else "job_name": self.name,
            },
            "billing_origin_product": "JOBS",
        }


def dbu_per_hour(workload_type: str, concurrency: int) -> float:
    """The DBU that a served entity takes in an hour while it is up."""
    instance = DBU_OF_INSTANCE.get(workload_type)
    return concurrency if instance is None else instance * -(-concurrency // SLOTS_OF_INSTANCE)


def _dbu(seconds: float) -> Decimal:
    return (Decimal(round(seconds * 1000)) / (HOUR_S * 1000)).quantize(Decimal("1e-18"))


def _usage(key: str, sku: str, quantity: Decimal, today: date) -> dict[str, Any]:
    return {
        "record_id": str(uuid.uuid5(uuid.NAMESPACE_OID, key)),
        "account_id": ACCOUNT_ID,
        "workspace_id": str(WORKSPACE_ID),
        "sku_name": sku,
        "cloud": "AWS",
        "usage_unit": "DBU",
        "usage_quantity": quantity,
        "record_type": "ORIGINAL",
        "ingestion_date": today,
        "usage_type": "COMPUTE_TIME",
    }


def _times(start: datetime, end: datetime) -> dict[str, Any]:
    return {"usage_start_time": start, "usage_end_time": end, "usage_date": start.date()}


def price_table(without: Collection[str] = ()) -> pa.Table:
    rows = [
        {
            "price_start_time": PRICED_SINCE,
            "price_end_time": None,
            "account_id": ACCOUNT_ID,
            "sku_name": sku,
            "cloud": "AWS",
            "currency_code": "USD",
            "usage_unit": "DBU",
            "pricing": {"default": price, "promotional": {"default": price}, "effective_list": {"default": price}},
        }
        for sku, price in PRICES.items()
        if sku not in without
    ]
    return pa.Table.from_pylist(rows, schema=LIST_PRICES)
