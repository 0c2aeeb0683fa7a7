"""Converts SQL values from and to the Statement Execution API, which writes each as a JSON string or null."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from integrations.databricks.records import Column

Value = str | int | float | bool | Decimal | datetime | date | None
Reader = Callable[[str], Any]


def _time(text: str) -> datetime:
    """A time in UTC. A time without an offset (TIMESTAMP_NTZ) is assumed to be in UTC."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


READERS: Mapping[str, Reader] = {
    **dict.fromkeys(("BYTE", "SHORT", "INT", "LONG"), int),
    **dict.fromkeys(("FLOAT", "DOUBLE"), float),
    **dict.fromkeys(("STRUCT", "ARRAY", "MAP"), json.loads),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_NTZ"), _time),
    "BOOLEAN": lambda text: text.lower() == "true",
    "DATE": date.fromisoformat,
    "DECIMAL": Decimal,
}


def columns(schema: Mapping[str, Any]) -> tuple[Column, ...]:
    rows = [row for row in schema.get("columns") or [] if isinstance(row, Mapping)]
    return tuple(
        Column(str(row.get("name") or ""), str(row.get("type_name") or ""), str(row.get("type_text") or ""))
        for row in rows
    )


def decoded(rows: Sequence[Sequence[str | None]], into: Sequence[Column]) -> list[tuple[Any, ...]]:
    """The rows as Python values; cells of unknown types stay text.

    Raises ValueError or ArithmeticError if a cell does not match the type of its column.
    """
    readers: list[Reader] = [READERS.get(column.type_name, str) for column in into]
    return [
        tuple(None if cell is None else read(cell) for read, cell in zip(readers, row, strict=True)) for row in rows
    ]


def parameter(name: str, value: Value) -> dict[str, str | None]:
    """A named, typed parameter. Raises ValueError for a datetime without a zone and for NaN decimals."""
    if value is None:
        return {"name": name, "value": None, "type": "STRING"}
    text, type_text = _written(value)
    return {"name": name, "value": text, "type": type_text}


def _written(value: str | int | float | bool | Decimal | datetime | date) -> tuple[str, str]:
    """The value as text, and its SQL type. The order of cases matters: bool is an int, datetime is a date."""
    match value:
        case bool():
            return str(value).lower(), "BOOLEAN"
        case int():
            return str(value), "BIGINT"
        case float():
            return repr(value), "DOUBLE"
        case Decimal():
            return f"{value:f}", _decimal_type(value)
        case datetime():
            if value.tzinfo is None:
                raise ValueError(f"{value} has no time zone")
            return value.astimezone(UTC).isoformat(), "TIMESTAMP"
        case date():
            return value.isoformat(), "DATE"
    return value, "STRING"


def _decimal_type(value: Decimal) -> str:
    digits, exponent = len(value.as_tuple().digits), value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a number")
    scale = max(0, -exponent)
    return f"DECIMAL({max(digits + max(0, exponent), scale, 1)},{scale})"
