"""Inference tables for tests: real Delta tables of payloads in every documented format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

SCHEMA = pa.schema(
    [
        ("databricks_request_id", pa.string()),
        ("request_date", pa.date32()),
        ("client_request_id", pa.string()),
        ("request_time", pa.timestamp("us", tz="UTC")),
        ("status_code", pa.int32()),
        ("sampling_fraction", pa.float64()),
        ("execution_duration_ms", pa.int64()),
        ("request", pa.string()),
        ("response", pa.string()),
        ("logging_error_codes", pa.list_(pa.string())),
        ("served_entity_id", pa.string()),
        ("requester", pa.string()),
    ]
)
FORMATS = ("dataframe_records", "dataframe_split", "instances", "inputs")


def body(rows: Sequence[Mapping[str, Any]], style: str) -> str:
    names = list(rows[0])
    if style == "dataframe_split":
        return json.dumps({style: {"columns": names, "data": [[row[name] for name in names] for row in rows]}})
    if style == "inputs":
        return json.dumps({style: {name: [row[name] for row in rows] for name in names}})
    return json.dumps({style: rows})


def payload(
    request_id: str, at: datetime, entity: str, rows: Sequence[Mapping[str, Any]], predictions: list[Any], style: str
) -> dict[str, Any]:
    return {
        "databricks_request_id": request_id,
        "request_date": at.date(),
        "request_time": at,
        "status_code": 200,
        "sampling_fraction": 1.0,
        "execution_duration_ms": 3,
        "request": body(rows, style),
        "response": json.dumps({"predictions": predictions}),
        "logging_error_codes": [],
        "served_entity_id": entity,
    }


def write(path: Path, payloads: Iterable[Mapping[str, Any]]) -> None:
    write_deltalake(str(path), pa.Table.from_pylist([dict(item) for item in payloads], schema=SCHEMA), mode="append")
