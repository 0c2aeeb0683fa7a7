"""Parses the payloads of an inference table into one typed row for each prediction.

Like sketch.py, this file is sent to the workspace as it is and imports none of our modules. It reads Databricks'
AI-Gateway-enabled inference tables (one row for each request, with request and response as JSON text) in every
documented request format: dataframe_split, dataframe_records, instances and inputs.

``columns`` is the model's input signature as {name: MLflow type}: double, float, integer, long, boolean, string,
datetime, binary. Other types are kept as text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

REQUEST_ID, ROW, TIME, SERVED_ENTITY = "_request_id", "_row", "_request_time", "_served_entity_id"
PREDICTION = "_prediction"
OURS = (REQUEST_ID, ROW, TIME, SERVED_ENTITY, PREDICTION)
SOURCE_COLUMNS = ("databricks_request_id", "request_time", "status_code", "request", "response", "served_entity_id")
NUMERIC = frozenset({"double", "float", "integer", "long"})
Answer = Callable[[Any], Any]


class Unreadable(ValueError):
    """The payload cannot be parsed. The text is the reason."""


@dataclass
class Unpacked:
    """``rows`` by column, and ``skipped`` {reason: requests}."""

    rows: dict[str, list[Any]]
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


def unpack(
    batches: Iterable[pa.RecordBatch], columns: Mapping[str, str], answer: Answer | None = None
) -> Iterator[tuple[pa.RecordBatch, dict[str, int]]]:
    """For each batch of payloads: its predictions as typed rows, and {reason: skipped requests}.

    The rows have the columns ``OURS`` and the features of ``columns``. A feature with the name of one of ours is left
    out. A value of another type is null. Requests with a status other than 200 are skipped. ``answer`` extracts the
    prediction from the model's output for one row; the default is ``compared_answer``. Never raises for the content of
    a payload.
    """
    columns = {name: kind for name, kind in columns.items() if name not in OURS}
    for batch in batches:
        found = Unpacked({name: [] for name in (*OURS, *columns)})
        for payload in batch.select(list(SOURCE_COLUMNS)).to_pylist():
            try:
                _add(found, payload, columns, answer or compared_answer)
            except Unreadable as reason:
                found.skip(str(reason))
        yield _batch(found.rows, columns), found.skipped


def _add(found: Unpacked, payload: Mapping[str, Any], columns: Mapping[str, str], answer: Answer) -> None:
    if payload["status_code"] != 200:
        raise Unreadable("the status was not 200")
    rows = request_rows(_parsed(payload["request"], "request"), list(columns))
    predictions = response_predictions(_parsed(payload["response"], "response"), len(rows), answer)
    for index, (row, prediction) in enumerate(zip(rows, predictions, strict=True)):
        found.rows[REQUEST_ID].append(payload["databricks_request_id"])
        found.rows[ROW].append(index)
        found.rows[TIME].append(payload["request_time"])
        found.rows[SERVED_ENTITY].append(payload["served_entity_id"])
        for name, kind in columns.items():
            found.rows[name].append(typed(row.get(name), kind))
        found.rows[PREDICTION].append(prediction)


def _parsed(text: str | None, what: str) -> Any:
    if text is None:
        raise Unreadable(f"the {what} was not logged, for example because it was too large")
    try:
        return json.loads(text)
    except ValueError:
        raise Unreadable(f"the {what} is not JSON") from None


# -- requests -------------------------------------------------------------------------------------


def request_rows(body: Any, names: list[str]) -> list[Mapping[str, Any]]:
    """The rows of a request, each {feature: value}. Raises Unreadable if the format is not documented."""
    if not isinstance(body, Mapping):
        raise Unreadable("the request is not an object")
    for key, read in _FORMATS.items():
        if key in body:
            return read(body[key], names)
    raise Unreadable("the request has none of the documented formats")


def _split(value: Any, names: list[str]) -> list[Mapping[str, Any]]:
    if not isinstance(value, Mapping) or not isinstance(value.get("data"), list):
        raise Unreadable("dataframe_split has no data")
    columns = value.get("columns") or names
    return [_zipped(row, columns) for row in value["data"]]


def _records(value: Any, names: list[str]) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise Unreadable("dataframe_records is not a list of objects")
    return value


def _instances(value: Any, names: list[str]) -> list[Mapping[str, Any]]:
    """TensorFlow Serving's row format: objects by name, lists by position, or single values."""
    if not isinstance(value, list):
        raise Unreadable("instances is not a list")
    return [row if isinstance(row, Mapping) else _zipped(row, names) for row in value]


def _inputs(value: Any, names: list[str]) -> list[Mapping[str, Any]]:
    """TensorFlow Serving's column format: {name: [values]}, or a list of rows by position."""
    if isinstance(value, list):
        return _instances(value, names)
    if not isinstance(value, Mapping) or not value:
        raise Unreadable("inputs is neither columns nor rows")
    columns = {name: cells if isinstance(cells, list) else [cells] for name, cells in value.items()}
    lengths = {len(cells) for cells in columns.values()}
    if len(lengths) > 1:
        raise Unreadable("the columns of inputs differ in length")
    return [{name: _scalar(cells[index]) for name, cells in columns.items()} for index in range(lengths.pop())]


_FORMATS = {"dataframe_split": _split, "dataframe_records": _records, "instances": _instances, "inputs": _inputs}


def _zipped(row: Any, names: Any) -> Mapping[str, Any]:
    cells = row if isinstance(row, list) else [row]
    if not isinstance(names, list) or len(cells) != len(names):
        raise Unreadable("a row has more or fewer values than there are columns")
    return {str(name): _scalar(cell) for name, cell in zip(names, cells, strict=True)}


def _scalar(cell: Any) -> Any:
    """The value of a tensor of shape [1]; anything else is returned unchanged."""
    return cell[0] if isinstance(cell, list) and len(cell) == 1 else cell


# -- responses ------------------------------------------------------------------------------------


def response_predictions(body: Any, rows: int, answer: Answer | None = None) -> list[Any]:
    """One prediction for each row. Raises Unreadable if their number differs from ``rows``."""
    found = body.get("predictions", body.get("outputs")) if isinstance(body, Mapping) else None
    if isinstance(found, Mapping) and len(found) == 1:
        found = next(iter(found.values()))
    if not isinstance(found, list):
        found = [found]
    if len(found) != rows:
        raise Unreadable("the number of predictions differs from the number of rows")
    return [(answer or compared_answer)(item) for item in found]


def compared_answer(item: Any) -> Any:
    """The value of a prediction that drift compares; None if there is none.

    For an object it is the first value. For a list of two numbers it is the second, the probability of the positive
    class. For a longer list of numbers it is the index of the largest, as text because an index is a class name.
    """
    if isinstance(item, Mapping) and item:
        return compared_answer(next(iter(item.values())))
    if isinstance(item, list) and len(item) > 1 and all(is_number(score) for score in item):
        return item[1] if len(item) == 2 else str(item.index(max(item)))
    return scalar_answer(item)


def is_number(value: Any) -> bool:
    """Whether it is a number other than NaN. Booleans are not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def scalar_answer(item: Any) -> Any:
    """The value of ``item`` if it has exactly one, else None."""
    if isinstance(item, Mapping):
        item = next(iter(item.values())) if len(item) == 1 else None
    item = _scalar(item)
    return item if isinstance(item, bool | int | float | str) else None


# -- types ----------------------------------------------------------------------------------------


def typed(value: Any, kind: str) -> Any:
    """``value`` as the signature's type, or None if it is of another type. Numbers in text are accepted."""
    if value is None:
        return None
    if kind in NUMERIC:
        return _number(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    return _moment(value) if kind == "datetime" else _text(value)


def _text(value: Any) -> str:
    """Valid UTF-8 text, as Arrow requires: JSON may contain lone surrogates."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()


def _moment(value: Any) -> datetime | None:
    """Parses ISO 8601. A time without an offset is UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


_WORDS = {"boolean": pa.bool_(), "datetime": pa.timestamp("us", "UTC")}


def _batch(rows: dict[str, list[Any]], columns: Mapping[str, str]) -> pa.RecordBatch:
    kinds = {
        REQUEST_ID: pa.string(),
        ROW: pa.int32(),
        TIME: pa.timestamp("us", "UTC"),
        SERVED_ENTITY: pa.string(),
        **{name: pa.float64() if kind in NUMERIC else _WORDS.get(kind, pa.string()) for name, kind in columns.items()},
    }
    arrays = {name: pa.array(rows[name], kind) for name, kind in kinds.items()}
    arrays[PREDICTION] = _predictions(rows[PREDICTION])
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _predictions(values: list[Any]) -> pa.Array:
    """A column of numbers if all values are numbers, else of text."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return pa.array([_number(value) for value in values], pa.float64())
    return pa.array([None if value is None else _text(value) for value in values], pa.string())
