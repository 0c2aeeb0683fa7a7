"""Writes rows to Delta tables: one commit for each batch. Writing a batch is idempotent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from sandbox.inference_tables.columns import SCHEMA, arrow_table

WRITER = "inference-tables"
PARTITION = "request_date"
MANY_FILES = 64


def create(location: Path) -> None:
    """Creates the table if it does not exist."""
    location.mkdir(parents=True, exist_ok=True)
    configuration = {"delta.enableChangeDataFeed": "true"}
    DeltaTable.create(str(location), SCHEMA, mode="ignore", partition_by=[PARTITION], configuration=configuration)


def newest_batch(location: Path, writer: str = WRITER) -> int:
    """The number of the writer's newest batch; 0 before the first."""
    return DeltaTable(str(location)).transaction_version(writer) or 0


def append(
    location: Path,
    batch_number: int,
    rows: Iterable[dict[str, Any]],
    *,
    writer: str = WRITER,
    schema: pa.Schema = SCHEMA,
) -> bool:
    """Appends the batch in one commit. Skips a batch that is already in the table, as after a crash; then False."""
    if newest_batch(location, writer) >= batch_number:
        return False
    commit = CommitProperties(app_transactions=[Transaction(writer, batch_number)])
    write_deltalake(str(location), arrow_table(rows, schema), mode="append", commit_properties=commit)
    return True


def compact(location: Path) -> None:
    """Compacts the table if it has many small files."""
    table = DeltaTable(str(location))
    if len(table.file_uris()) > MANY_FILES:
        table.optimize.compact()
