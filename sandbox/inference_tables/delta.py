"""Delta tables of rows: one commit for a batch, and never the same batch twice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from sandbox.inference_tables.rows import SCHEMA, arrow_table

WRITER = "inference-tables"
PARTITION = "request_date"
MANY_FILES = 64


def create(location: Path) -> None:
    """Leaves a table that exists as it is."""
    location.mkdir(parents=True, exist_ok=True)
    configuration = {"delta.enableChangeDataFeed": "true"}
    DeltaTable.create(str(location), SCHEMA, mode="ignore", partition_by=[PARTITION], configuration=configuration)


def append(location: Path, batch_number: int, rows: Iterable[dict[str, Any]]) -> None:
    """One commit. A batch that is in the table already, because a crash came before its file went, is left out."""
    table = DeltaTable(str(location))
    if (table.transaction_version(WRITER) or 0) >= batch_number:
        return
    commit = CommitProperties(app_transactions=[Transaction(WRITER, batch_number)])
    write_deltalake(table, arrow_table(rows), mode="append", commit_properties=commit)


def compact(location: Path) -> None:
    """Joins small files once there are many."""
    table = DeltaTable(str(location))
    if len(table.file_uris()) > MANY_FILES:
        table.optimize.compact()
