"""Exports the database to the lake, and verifies that both hold the same rows.

An export reads rows that may have changed since the last export, with some overlap, and merges them by key. It may be
killed at any point, repeated, or run twice concurrently without losing or duplicating a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

from django.utils import timezone

from monitoring.watched import delta
from monitoring.watched.lake_tables import OVERLAP_S, LakeTable

BATCH = 20_000
Row = dict[str, Any]
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Status:
    """The state of a table in the lake. ``exported_until`` is None before the first export."""

    table: LakeTable
    exported_until: datetime | None = None
    rows: int = 0
    size_bytes: int = 0
    version: int | None = None


@dataclass(frozen=True)
class Comparison:
    """Rows up to the last export: the number on each side, and whether they are equal."""

    table: LakeTable
    until: datetime | None
    in_database: int
    in_lake: int
    is_same: bool


def export(table: LakeTable) -> int:
    """Export changes since the last export and return the number of rows written."""
    found = delta.find(table)
    since = delta.exported_until(found) if found else None
    return _write(table, since - timedelta(seconds=OVERLAP_S) if since else BEGINNING)


def backfill(table: LakeTable) -> int:
    """Export every row of the database again and return the number of rows that differed."""
    return _write(table, BEGINNING)


def _write(table: LakeTable, since: datetime) -> int:
    until, written = timezone.now(), 0
    target = delta.open_or_create(table)
    if table.replaced_days:
        written = _replace(table, since)
    else:
        for records in _pieces(table, since):
            written += delta.merge(table, target, records)
            target.update_incremental()
    delta.note_exported(target, until)
    return written


def _replace(table: LakeTable, since: datetime) -> int:
    """Update the days that may have changed. Holds one day in memory at a time."""
    target, whole = delta.open_or_create(table), table.first_whole_day(timezone.now().date())
    first = (since - timedelta(days=table.replaced_days)).date() if since > BEGINNING else BEGINNING.date()
    written = 0
    for day in sorted(day for day in table.days() | delta.days(target) if day >= first):
        wanted = [table.record(row) for row in table.of_day(day).iterator(chunk_size=BATCH)]
        there = [row for batch in delta.batches(target, _names(table), day, day) for row in batch.to_pylist()]
        written += _replace_day(table, day, wanted, there) if day >= whole else _add_missing(table, wanted, there)
    return written


def _replace_day(table: LakeTable, day: date, wanted: list[Row], there: list[Row]) -> int:
    """Replace the day unless it is equal. A day without rows in the database becomes empty in the lake too."""
    if _Sum.of(table, wanted) == _Sum.of(table, there):
        return 0
    delta.replace_day(table, day, wanted)
    return len(wanted)


def _add_missing(table: LakeTable, wanted: list[Row], there: list[Row]) -> int:
    """Add missing rows to a day of which the database may have deleted some. The lake deletes nothing."""
    known = {tuple(row[key] for key in table.keys) for row in there}
    missing = [row for row in wanted if tuple(row[key] for key in table.keys) not in known]
    return delta.merge(table, delta.open_or_create(table), missing) if missing else 0


def _pieces(table: LakeTable, since: datetime) -> Iterator[list[dict[str, Any]]]:
    rows = table.changed_since(since).iterator(chunk_size=BATCH)
    while piece := [table.record(row) for row in islice(rows, BATCH)]:
        yield piece


def status(table: LakeTable) -> Status:
    target = delta.find(table)
    if target is None:
        return Status(table)
    size = delta.size_bytes(target)
    return Status(table, delta.exported_until(target), target.count(), size, target.version())


def verify(table: LakeTable) -> Comparison:
    """Compare every row before the last export, except for days that the database keeps only in part."""
    target = delta.find(table)
    until = delta.exported_until(target) if target else None
    if target is None or until is None:
        rows = table.rows().count()
        return Comparison(table, None, rows, 0, rows == 0)
    names, whole = _names(table), table.first_whole_day(timezone.now().date())
    ours, days = _Sum(names), set()
    for row in table.before(until).iterator(chunk_size=BATCH):
        record = table.record(row)
        if record["date"] >= whole:
            days.add(record["date"])
            ours.add([record])
    first = min(days, default=None) if table.forgotten_days is None else whole
    at = "date" if table.replaced_days else next(one.name for one in table.columns if one.path == table.at)
    theirs = _Sum(names)
    for batch in delta.batches(target, names, first):
        theirs.add(row for row in batch.to_pylist() if _before(row[at], until))
    return Comparison(table, until, ours.rows, theirs.rows, ours == theirs)


def _names(table: LakeTable) -> list[str]:
    return [*(column.name for column in table.columns), "date", "schema_version"]


def _before(value: Any, until: datetime) -> bool:
    return bool(value < until) if isinstance(value, datetime) else bool(value < until.date())


class _Sum:
    """An order-independent checksum of a set of rows."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        self.rows = self.total = 0

    @classmethod
    def of(cls, table: LakeTable, rows: Iterable[Mapping[str, Any]]) -> _Sum:
        found = cls(_names(table))
        found.add(rows)
        return found

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            text = "\x1f".join(_words(row.get(name)) for name in self.names)
            digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
            self.total = (self.total + int.from_bytes(digest, "big")) % 2**64
            self.rows += 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sum) and (self.rows, self.total) == (other.rows, other.total)

    __hash__ = None  # type: ignore[assignment]


def _words(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return "\x00" if value is None else f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
