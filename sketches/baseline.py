"""The reference distribution of a model version: fixed bins, and the sketch of the data they were made from."""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sketches.sketch import SCHEMA_VERSION, Sketch, labels, numbers, sketch

#: Quantile bins of a numeric feature: few enough to read in a chart, and to be filled by a small window.
BINS = 20
#: The most frequent categories get a bin of their own; the rest share the bin "others".
MAX_CATEGORIES = 100


def make_baseline(table: pa.Table, *, exclude: Collection[str] = (), bins: int = BINS) -> dict[str, Any]:
    """Bins for every column of ``table``, and its own sketch in them.

    Returns {"schema_version", "rows", "features": {name: {"kind", "edges" | "categories"}}, "sketch",
    "not_comparable": {name: reason}}. Numbers and timestamps are numeric; text, booleans and dictionaries are
    categorical. A column is not comparable if it is empty or nested, or if another column has the same name.
    """
    features: dict[str, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    for name in dict.fromkeys(table.column_names):
        if name in exclude:
            continue
        if table.column_names.count(name) > 1:
            refused[name] = "several columns have this name"
            continue
        made = _feature(table.column(name), bins)
        if isinstance(made, str):
            refused[name] = made
        else:
            features[name] = made
    baseline: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "rows": table.num_rows, "features": features}
    own: Sketch = sketch(table.select(list(features)).to_batches(), baseline) if features else {}
    return {**baseline, "sketch": own, "not_comparable": refused}


def _feature(column: pa.ChunkedArray, bins: int) -> dict[str, Any] | str:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], column.type)
    if len(whole) == whole.null_count:
        return "the column has no values in the baseline"
    if _is_categorical(whole.type):
        return _categories(whole)
    values = numbers(whole)
    if values is None:
        return f"values of type {whole.type} cannot be compared"
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "the column has no finite values in the baseline"
    return {"kind": "numeric", "edges": quantile_edges(finite, bins)}


def _is_categorical(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_boolean(kind)
    )


def _categories(column: pa.Array) -> dict[str, Any] | str:
    encoded = labels(column)
    if encoded is None:
        return f"values of type {column.type} cannot be compared"
    found = pc.value_counts(encoded.dictionary_decode().drop_null())
    counted = [(item["values"].as_py(), item["counts"].as_py()) for item in found]
    ordered = sorted(counted, key=lambda item: (-item[1], item[0]))
    return {"kind": "categorical", "categories": [str(value) for value, _ in ordered[:MAX_CATEGORIES]]}


def quantile_edges(values: np.ndarray[Any, Any], bins: int) -> list[float]:
    """Edges of at most ``bins`` bins of about equal weight. ``values`` must be finite.

    A value as frequent as a whole bin, such as 0 in a column of mostly zeros, gets a bin of its own. The last edge
    lies just above the largest value, so that the bins hold every value of the baseline.
    """
    ordered = np.quantile(values, np.linspace(0.0, 1.0, bins + 1), method="inverted_cdf").astype(float)
    frequent = {float(a) for a, b in pairwise(ordered) if a == b}
    edges = {float(edge) for edge in ordered[:-1]} | {math.nextafter(float(ordered[-1]), math.inf)}
    return sorted(edge for edge in edges | {math.nextafter(edge, math.inf) for edge in frequent} if math.isfinite(edge))
