"""Values of SQL as the Statement Execution API writes them, every one a JSON string or null, and back."""

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
    """UTC; a time without an offset (TIMESTAMP_NTZ) is taken as one of UTC."""
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
    """Raises ValueError or ArithmeticError for a cell that is none of its type; unknown types stay text."""
    readers: list[Reader] = [READERS.get(column.type_name, str) for column in into]
    return [tuple(_read(reader, cell) for reader, cell in zip(readers, row, strict=True)) for row in rows]


def _read(reader: Reader, cell: str | None) -> Any:
    return None if cell is None else reader(cell)


def parameter(name: str, value: Value) -> dict[str, str | None]:
    """A named, typed parameter. Raises ValueError for a time without a zone."""
    if value is None:
        return {"name": name, "value": None, "type": "STRING"}
    text, type_text = _written(value)
    return {"name": name, "value": text, "type": type_text}


def _written(value: str | int | float | bool | Decimal | datetime | date) -> tuple[str, str]:
    """Text and SQL type. The order counts: bool is an int, and datetime is a date."""
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
        raise ValueError(f"{value} is no number")
    scale = max(0, -exponent)
    return f"DECIMAL({max(digits + max(0, exponent), scale, 1)},{scale})"
