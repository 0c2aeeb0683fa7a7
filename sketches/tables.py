"""Sketches of a Delta table on local disk, read in groups of columns to limit memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from sketches.sketch import Baseline, Sketch, sketch

#: Columns that are decoded together. Fewer columns take less memory but more seeks.
COLUMNS = 8
BATCH_ROWS = 32_768
Filters = Sequence[tuple[str, str, str | list[str]]]


def sketch_delta(
    uri: str,
    baseline: Baseline,
    *,
    partitions: Filters | None = None,
    storage_options: dict[str, str] | None = None,
) -> Sketch:
    """The sketch of a Delta table, or of the ``partitions`` that match filters of deltalake.

    Raises ValueError if the table has deletion vectors, because its files contain deleted rows.
    """
    table = DeltaTable(uri, storage_options=storage_options)
    if "deletionVectors" in (table.protocol().reader_features or []):
        raise ValueError("tables with deletion vectors are not supported")
    files = table.file_uris(file_pruning_predicate=list(partitions) if partitions else None)
    found: Sketch = {}
    for part in _column_groups(baseline):
        found |= sketch(_batches(files, part["features"]), part)
    return found


def _column_groups(baseline: Baseline) -> Iterator[Baseline]:
    features = list(baseline["features"].items())
    for start in range(0, len(features), COLUMNS):
        yield {"features": dict(features[start : start + COLUMNS])}


def _batches(files: Sequence[str], features: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
    words = [name for name, feature in features.items() if feature["kind"] == "categorical"]
    for path in files:
        with pq.ParquetFile(path, read_dictionary=words, buffer_size=65_536, pre_buffer=False) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=list(features), use_threads=False)
