"""Arrow data in the format of the Statement Execution API: type names, and every cell as text or null."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

Cell = str | None
# A test for an Arrow type, its name in the API, and its name in SQL.
TYPES: tuple[tuple[Callable[[pa.DataType], bool], str, str], ...] = (
    (pa.types.is_boolean, "BOOLEAN", "BOOLEAN"),
    (pa.types.is_int8, "BYTE", "TINYINT"),
    (pa.types.is_int16, "SHORT", "SMALLINT"),
    (pa.types.is_int32, "INT", "INT"),
    (pa.types.is_integer, "LONG", "BIGINT"),
    (pa.types.is_float32, "FLOAT", "FLOAT"),
    (pa.types.is_floating, "DOUBLE", "DOUBLE"),
    (pa.types.is_date, "DATE", "DATE"),
    (pa.types.is_null, "NULL", "VOID"),
    (pa.types.is_duration, "INTERVAL", "INTERVAL DAY TO SECOND"),
    (pa.types.is_binary, "BINARY", "BINARY"),
    (pa.types.is_large_binary, "BINARY", "BINARY"),
)


def column_info(field: pa.Field, position: int) -> dict[str, Any]:
    type_name, type_text = _names(field.type)
    info: dict[str, Any] = {"name": field.name, "position": position, "type_name": type_name, "type_text": type_text}
    if pa.types.is_decimal(field.type):
        info |= {"type_precision": field.type.precision, "type_scale": field.type.scale}
    return info


def rows_of(table: pa.Table) -> list[list[Cell]]:
    # By position, because names can repeat.
    columns = [
        [_cell(value, field.type) for value in column.to_pylist()]
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _names(kind: pa.DataType) -> tuple[str, str]:
    if pa.types.is_decimal(kind):
        return "DECIMAL", f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        name = "TIMESTAMP" if kind.tz else "TIMESTAMP_NTZ"
        return name, name
    if pa.types.is_struct(kind):
        fields = [f"{field.name}: {_names(field.type)[1]}" for field in kind]
        return "STRUCT", f"STRUCT<{', '.join(fields)}>"
    if pa.types.is_map(kind):
        return "MAP", f"MAP<{_names(kind.key_type)[1]}, {_names(kind.item_type)[1]}>"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "ARRAY", f"ARRAY<{_names(kind.value_type)[1]}>"
    return next(((name, text) for is_one, name, text in TYPES if is_one(kind)), ("STRING", "STRING"))


def _cell(value: Any, kind: pa.DataType) -> Cell:
    if value is None:
        return None
    if pa.types.is_nested(kind):
        return json.dumps(_plain(value, kind), separators=(",", ":"), ensure_ascii=False)
    return _text(value, kind)


def _text(value: Any, kind: pa.DataType) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return _float_text(value, kind)
        case Decimal():
            return f"{value:f}"
        case datetime():
            return _time_text(value)
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
    return str(value)


def _float_text(value: float, kind: pa.DataType) -> str:
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if math.isnan(value):
        return "NaN"
    # The shortest text of the 32-bit number, not of the 64-bit number that Python converts it to.
    return str(np.float32(value)) if pa.types.is_float32(kind) else repr(value)


def _time_text(value: datetime) -> str:
    """With milliseconds, or with microseconds if there are any. Times with a zone are converted to UTC."""
    precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
    if value.tzinfo is None:
        return value.isoformat(timespec=precision)
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _plain(value: Any, kind: pa.DataType) -> Any:
    """A value inside a struct, map or array as JSON, in which numbers stay numbers."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: _plain(value[field.name], field.type) for field in kind}
    if pa.types.is_map(kind):
        return {str(_cell(key, kind.key_type)): _plain(item, kind.item_type) for key, item in value}
    if pa.types.is_nested(kind):
        return [_plain(item, kind.value_type) for item in value]
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else _text(value, kind)
    return _text(value, kind)
