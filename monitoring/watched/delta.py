"""Operations on one Delta table of the lake: create, merge by key, count, compact.

deltalake and pyarrow are imported inside functions: they load slowly, and only tasks and commands need them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

from monitoring.watched.lake_tables import Kind, LakeTable

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.dataset
    from deltalake import DeltaTable

#: The time up to which a table was exported is stored in its log, as this application's transaction version in Unix µs.
APPLICATION = "slipway-export"
MICROSECONDS = 1_000_000
ROWS_OF_GROUP = 4096
VACUUM_AFTER_H = 7 * 24
DECIMAL_DIGITS, DECIMAL_PLACES = 38, 12


def uri(table: LakeTable) -> str:
    return f"{settings.LAKE_URI.rstrip('/')}/{table.name}"


def arrow_schema(table: LakeTable) -> pyarrow.Schema:
    """The columns of the table, then ``date`` and ``schema_version``."""
    import pyarrow as pa

    fields = [pa.field(column.name, _arrow_type(column.kind)) for column in table.columns]
    return pa.schema([*fields, pa.field("date", pa.date32()), pa.field("schema_version", pa.int32())])


def _arrow_type(kind: Kind) -> Any:
    import pyarrow as pa

    types = {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "string": pa.string(),
        "json": pa.string(),
        "packed": pa.string(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
        "decimal": pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
    }
    return types[kind]


def find(table: LakeTable) -> DeltaTable | None:
    """The Delta table, or None before the first export."""
    from deltalake import DeltaTable

    return DeltaTable(uri(table)) if DeltaTable.is_deltatable(uri(table)) else None


def open_or_create(table: LakeTable) -> DeltaTable:
    """The Delta table with all columns. Columns that it lacks are added, and are null in existing rows."""
    from deltalake import DeltaTable, Schema

    wanted = arrow_schema(table)
    target = DeltaTable.create(
        uri(table),
        schema=wanted,
        mode="ignore",
        partition_by=["date"],
        name=table.name,
        description=table.text,
    )
    known = {column.name for column in target.schema().fields}
    if new := [column for column in Schema.from_arrow(wanted).fields if column.name not in known]:
        target.alter.add_columns(new)
        target.update_incremental()
    return target


def merge(table: LakeTable, target: DeltaTable, records: Sequence[dict[str, Any]]) -> int:
    """Merge ``records`` into the table by its keys and return the number of rows written. Idempotent.

    Columns that the table lacks are added. Raises deltalake.exceptions.DeltaError.
    """
    import pyarrow as pa

    source = pa.Table.from_pylist(list(records), schema=arrow_schema(table))
    merger = target.merge(
        source,
        _same_row(table, records),
        source_alias="new",
        target_alias="old",
        merge_schema=True,
    ).when_not_matched_insert_all()
    if table.may_change:
        names = [*(column.name for column in table.columns if column.name not in table.keys), "schema_version"]
        differs = " OR ".join(f"(old.{name} IS DISTINCT FROM new.{name})" for name in names)
        merger = merger.when_matched_update_all(differs)
    done = merger.execute()
    return int(done["num_target_rows_inserted"]) + int(done["num_target_rows_updated"])


def replace_day(table: LakeTable, day: date, records: Sequence[dict[str, Any]]) -> None:
    """Replace all rows of the day by ``records``, in one commit.

    Rows are sorted by key and written in small row groups, so that a query for one deployment reads few of them.
    """
    import pyarrow as pa
    from deltalake import WriterProperties, write_deltalake

    data = pa.Table.from_pylist(list(records), schema=arrow_schema(table))
    write_deltalake(
        uri(table),
        data.sort_by([(key, "ascending") for key in table.keys]),
        mode="overwrite",
        predicate=f"date = '{day.isoformat()}'",
        schema_mode="merge",
        writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROWS_OF_GROUP),
    )


def _same_row(table: LakeTable, records: Iterable[dict[str, Any]]) -> str:
    """The merge condition. It lists the days, so that files of other days are not read."""
    days = ", ".join(sorted({f"'{record['date'].isoformat()}'" for record in records}))
    same = [f"old.{key} = new.{key}" for key in (*table.keys, "date")]
    return " AND ".join([*same, f"old.date IN ({days})"])


def note_exported(target: DeltaTable, until: datetime) -> None:
    """Record that everything before ``until`` is exported. Call it after writing: a crash only repeats the export."""
    from deltalake import CommitProperties, Transaction

    moment = Transaction(APPLICATION, int(until.timestamp() * MICROSECONDS))
    target.update_incremental()
    target.create_write_transaction(
        actions=[],
        mode="append",
        schema=target.schema(),
        partition_by=["date"],
        commit_properties=CommitProperties(app_transactions=[moment]),
    )


def exported_until(target: DeltaTable) -> datetime | None:
    microseconds = target.transaction_version(APPLICATION)
    return None if microseconds is None else datetime.fromtimestamp(microseconds / MICROSECONDS, UTC)


def batches(
    target: DeltaTable, columns: list[str], first: date | None = None, last: date | None = None
) -> Iterator[pyarrow.RecordBatch]:
    """The rows in batches, unordered. Columns that the table lacks are left out.

    Files of days before ``first`` or after ``last`` are not read.
    """
    import pyarrow.dataset as ds

    since = ds.scalar(True) if first is None else ds.field("date") >= first
    until = ds.scalar(True) if last is None else ds.field("date") <= last
    rows = dataset(target)
    yield from rows.to_batches(columns=[name for name in columns if name in rows.schema.names], filter=since & until)


def dataset(target: DeltaTable) -> pyarrow.dataset.Dataset:
    """The table as an Arrow dataset, for queries that select columns and days."""
    from pyarrow import fs

    place = urlsplit(target.table_uri)
    if place.scheme not in ("", "file"):
        return target.to_pyarrow_dataset()
    # Arrow reads local files itself: threads that call back into Python can crash an interpreter that shuts down.
    return target.to_pyarrow_dataset(filesystem=fs.SubTreeFileSystem(unquote(place.path), fs.LocalFileSystem()))


def days(target: DeltaTable) -> set[date]:
    """The days that the table has files for."""
    return {date.fromisoformat(partition["date"]) for partition in target.partitions()}


def size_bytes(target: DeltaTable) -> int:
    import pyarrow as pa

    actions = pa.table(target.get_add_actions(flatten=True))
    return sum(actions["size_bytes"].to_pylist())


def tidy(table: LakeTable, target: DeltaTable, today: date) -> None:
    """Delete rows older than ``keep_days``, compact small files, and vacuum unused files."""
    if table.keep_days is not None:
        oldest = today - timedelta(days=table.keep_days)
        target.delete(f"date < '{oldest.isoformat()}'")
    target.optimize.compact()
    target.vacuum(retention_hours=VACUUM_AFTER_H, dry_run=False)
