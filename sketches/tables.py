"""Sketches of a Delta table that is near: read column group by column group, so that memory stays small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from sketches.sketch import Baseline, Sketch, sketch

# Columns decoded together. Fewer take less memory and more seeks.
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
    """The sketch of a whole Delta table on a local disk, or of the ``partitions`` that deltalake's filters name.

    Raises ValueError for a table with deletion vectors, whose files hold rows that are gone.
    """
    table = DeltaTable(uri, storage_options=storage_options)
    if "deletionVectors" in (table.protocol().reader_features or []):
        raise ValueError("a table with deletion vectors cannot be read file by file")
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
