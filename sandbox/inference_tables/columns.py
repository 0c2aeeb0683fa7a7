"""The documented columns of an inference table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

# Name, Unity Catalog type, Arrow type.
COLUMNS: tuple[tuple[str, str, pa.DataType], ...] = (
    ("databricks_request_id", "string", pa.string()),
    ("request_date", "date", pa.date32()),
    ("client_request_id", "string", pa.string()),
    ("request_time", "timestamp", pa.timestamp("us", tz="UTC")),
    ("status_code", "int", pa.int32()),
    ("sampling_fraction", "double", pa.float64()),
    ("execution_duration_ms", "bigint", pa.int64()),
    ("request", "string", pa.string()),
    ("response", "string", pa.string()),
    ("logging_error_codes", "array<string>", pa.list_(pa.string())),
    ("served_entity_id", "string", pa.string()),
    ("requester", "string", pa.string()),
)
SCHEMA = pa.schema([(name, arrow_type) for name, _, arrow_type in COLUMNS])


def arrow_table(rows: Iterable[dict[str, Any]], schema: pa.Schema = SCHEMA) -> pa.Table:
    """Converts request_time from Unix ms and derives request_date."""
    typed = []
    for row in rows:
        time = datetime.fromtimestamp(row["request_time"] / 1000, UTC)
        typed.append({**row, "request_time": time, "request_date": time.date()})
    return pa.Table.from_pylist(typed, schema=schema)
