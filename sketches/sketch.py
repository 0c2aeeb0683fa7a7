"""The sketch: for each feature, counts in the fixed bins of a baseline, and a few sums.

This file is self-contained because it is also sent to the workspace, where a job runs ``sketch`` on Arrow record
batches inside Spark. It imports numpy and pyarrow but none of our modules. Sketches of disjoint rows add up
(``merge``), so any time range at any resolution is a sum of stored sketches, and rows are read only once.

A baseline is {"features": {name: {"kind": "numeric", "edges": [..]} | {"kind": "categorical", "categories": [..]}}}.

A numeric feature with edges e0 < … < ek has k + 2 bins: below e0, then [e0, e1), …, then ek and above. A categorical
feature with c categories has c + 1 bins: one for each category, then one for all others. Nulls and NaN are not binned;
they are counted separately.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Baseline = Mapping[str, Any]
Sketch = dict[str, dict[str, Any]]

SCHEMA_VERSION = 1
#: Values of a numeric column that are processed together. They and a mask fit into the cache of a core.
CHUNK = 8_192
_ADDITIVE = ("rows", "nulls", "mismatched", "missing", "infinite", "sum", "sum_sq")


def sketch(batches: Iterable[pa.RecordBatch], baseline: Baseline) -> Sketch:
    """Counts of every feature of ``baseline`` over ``batches``.

    Each feature has the number of ``rows``, split into ``missing`` (the batch lacks the column), ``nulls`` (and NaN),
    ``mismatched`` (not of the baseline's kind), and the rest in ``counts``. Numeric features also have ``infinite``
    and, over the finite values, ``sum``, ``sum_sq``, ``min`` and ``max`` (None if there are none). Never raises for
    the content of a column.
    """
    found = empty(baseline)
    for batch in batches:
        names = {name: index for index, name in reversed(list(enumerate(batch.schema.names)))}
        for name, feature in baseline["features"].items():
            entry = found[name]
            entry["rows"] += batch.num_rows
            if name not in names:
                entry["missing"] += batch.num_rows
            elif feature["kind"] == "numeric":
                _add_numeric(entry, batch.column(names[name]), feature["edges"])
            else:
                _add_categorical(entry, batch.column(names[name]), feature["categories"])
    return found


def empty(baseline: Baseline) -> Sketch:
    """The sketch of zero rows, the neutral element of ``merge``."""
    return {name: _empty_feature(feature) for name, feature in baseline["features"].items()}


def merge(one: Sketch, other: Sketch) -> Sketch:
    """The sketch of the rows of both. Raises ValueError if their baselines differ."""
    if {name: len(entry["counts"]) for name, entry in one.items()} != {
        name: len(entry["counts"]) for name, entry in other.items()
    }:
        raise ValueError("sketches of different baselines cannot be merged")
    return {name: _merged(entry, other[name]) for name, entry in one.items()}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    added: dict[str, Any] = {key: one[key] + other[key] for key in _ADDITIVE if key in one}
    for key in ("sum", "sum_sq"):
        if key in added:
            added[key] = _bounded(added[key])
    added["counts"] = [a + b for a, b in zip(one["counts"], other["counts"], strict=True)]
    if "min" in one:
        added["min"] = _extreme(min, one["min"], other["min"])
        added["max"] = _extreme(max, one["max"], other["max"])
    return added


def _extreme(choose: Any, *values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return float(choose(known)) if known else None


def _empty_feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"rows": 0, "nulls": 0, "mismatched": 0, "missing": 0}
    if feature["kind"] == "numeric":
        entry |= {"infinite": 0, "sum": 0.0, "sum_sq": 0.0, "min": None, "max": None}
        return entry | {"counts": [0] * (len(feature["edges"]) + 1)}
    return entry | {"counts": [0] * (len(feature["categories"]) + 1)}


def _add_mismatched(entry: dict[str, Any], column: pa.Array) -> None:
    entry["nulls"] += column.null_count
    entry["mismatched"] += len(column) - column.null_count


# -- numbers --------------------------------------------------------------------------------------


def _add_numeric(entry: dict[str, Any], column: pa.Array, edges: list[float]) -> None:
    values = numbers(column)
    if values is None:
        _add_mismatched(entry, column)
        return
    at_least = np.zeros(len(edges) + 1, dtype=np.int64)
    for start in range(0, len(values), CHUNK):
        at_least += _at_least(entry, values[start : start + CHUNK], edges)
    counts = at_least - np.append(at_least[1:], 0)
    entry["counts"] = [have + int(new) for have, new in zip(entry["counts"], counts, strict=True)]


def numbers(column: pa.Array) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """The column as float64 with NaN for null; None if it cannot be read as numbers.

    Integers beyond 2**53 and decimals are rounded to the nearest float, timestamps and dates are seconds since 1970
    in UTC, times and durations are seconds. Text is parsed if all values are numbers.
    """
    kind = column.type
    try:
        if pa.types.is_dictionary(kind):
            column = column.dictionary_decode()
            kind = column.type
        if pa.types.is_boolean(kind) or pa.types.is_interval(kind):
            return None
        if pa.types.is_temporal(kind):
            return _seconds(column)
        if kind != pa.float64():
            column = column.cast(pa.float64(), safe=False)
        values: np.ndarray[Any, np.dtype[np.float64]] = column.to_numpy(zero_copy_only=False)
        return values
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None


_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def _seconds(column: pa.Array) -> np.ndarray[Any, np.dtype[np.float64]]:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    unit = _PER_SECOND[column.type.unit]
    if pa.types.is_time32(column.type):
        column = column.cast(pa.int32())
    whole = column.cast(pa.int64()).cast(pa.float64(), safe=False)
    seconds: np.ndarray[Any, np.dtype[np.float64]] = whole.to_numpy(zero_copy_only=False) / unit
    return seconds


def _at_least(entry: dict[str, Any], values: np.ndarray[Any, Any], edges: list[float]) -> np.ndarray[Any, Any]:
    """The number of values that are not NaN, then of those at or above each edge. Adds the sums to ``entry``.

    Comparing all values with one edge after the other is vectorized, and several times faster than a search per value.
    """
    mask = np.empty(len(values), dtype=bool)
    found = np.empty(len(edges) + 1, dtype=np.int64)
    found[0] = len(values) - np.count_nonzero(np.isnan(values, out=mask))
    entry["nulls"] += len(values) - int(found[0])
    for index, edge in enumerate(edges, start=1):
        found[index] = np.count_nonzero(np.greater_equal(values, edge, out=mask))
    _add_sums(entry, values, int(found[0]))
    return found


def _add_sums(entry: dict[str, Any], values: np.ndarray[Any, Any], known: int) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(values.sum())
        if not math.isfinite(total):
            values = values[np.isfinite(values)]
            entry["infinite"] += known - len(values)
            total = float(values.sum())
        if not len(values):
            return
        entry["sum"] = _bounded(entry["sum"] + total)
        entry["sum_sq"] = _bounded(entry["sum_sq"] + float(np.dot(values, values)))
    entry["min"] = _extreme(min, entry["min"], float(values.min()))
    entry["max"] = _extreme(max, entry["max"], float(values.max()))


def _bounded(total: float) -> float:
    """The sum, limited to the largest finite float: JSON has no infinity."""
    return math.copysign(min(abs(total), sys.float_info.max), total)


# -- categories -----------------------------------------------------------------------------------


def _add_categorical(entry: dict[str, Any], column: pa.Array, categories: list[str]) -> None:
    encoded = labels(column)
    if encoded is None:
        _add_mismatched(entry, column)
        return
    places = pc.index_in(encoded.dictionary, value_set=pa.array(categories, pa.string()))
    bins = places.fill_null(len(categories)).to_numpy(zero_copy_only=False)
    # Nulls in the dictionary count like nulls in the indices.
    is_null = encoded.dictionary.is_null().to_numpy(zero_copy_only=False)
    indices = encoded.indices.drop_null().to_numpy(zero_copy_only=False)
    of_label = np.bincount(indices, minlength=len(bins))
    nulls = encoded.indices.null_count + int(of_label[is_null].sum())
    counts = np.bincount(bins[~is_null], weights=of_label[~is_null], minlength=len(categories) + 1)
    entry["nulls"] += nulls
    entry["counts"] = [have + int(new) for have, new in zip(entry["counts"], counts, strict=True)]


def labels(column: pa.Array) -> pa.DictionaryArray | None:
    """The column as dictionary-encoded text; None for nested values. Booleans are "true" and "false"."""
    try:
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        if column.type.value_type != pa.string():
            column = pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.string()))
        return column
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None
