"""The definition of a table of the data lake: columns, keys, and the model its rows come from."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import orjson
from django.db.models import Max, Min, Model, Q, QuerySet

Kind = Literal["int64", "float64", "string", "bool", "timestamp", "date", "json", "packed", "decimal"]

#: Seconds by which exports overlap, for rows that were not yet committed when the last export read.
OVERLAP_S = 900


@dataclass(frozen=True)
class Column:
    """A column of a lake table."""

    name: str
    #: "timestamp" is UTC, "json" is stored as text, "packed" is zlib-compressed JSON in the database and text here.
    kind: Kind
    #: The lookup from the model to the value, as in ``QuerySet.values``.
    path: str


@dataclass(frozen=True)
class LakeTable:
    """A table of the lake, partitioned by UTC day in the column ``date``."""

    name: str
    text: str
    model: Callable[[], type[Model]]
    columns: tuple[Column, ...]
    #: The lookup of the time that a row belongs to. Its UTC day is the partition.
    at: str
    #: Columns that identify a row.
    keys: tuple[str, ...]
    #: Raised with each change of ``columns``. Stored in each row.
    schema_version: int = 1
    #: Rows that may have changed since a given time. None if rows never change: then ``at`` tells which are new.
    changes: Callable[[datetime], Q] | None = None
    #: Rows may change up to this many days back, and the lake replaces whole days. 0 if rows are merged by key.
    replaced_days: int = 0
    #: The database may have deleted some rows of days older than this. The lake keeps those days unchanged.
    forgotten_days: int | None = None
    #: Restricts the rows of the model.
    only: Q = field(default_factory=Q)
    #: How long the lake keeps rows, in days. None for ever.
    keep_days: int | None = None

    @property
    def may_change(self) -> bool:
        return self.changes is not None

    def rows(self) -> QuerySet[Any, dict[str, Any]]:
        """Every row of the database as {path: value}, oldest first."""
        manager = self.model()._default_manager.filter(self.only).order_by("pk")
        # Select by path: a column may have the name of another field.
        return manager.values(*{column.path for column in self.columns})

    def changed_since(self, moment: datetime) -> QuerySet[Any, dict[str, Any]]:
        changed = self.changes(moment) if self.changes else Q(**{f"{self.at}__gte": moment})
        return self.rows().filter(changed)

    def days(self) -> set[date]:
        """The UTC days between the first and the last row of the database."""
        manager = self.model()._default_manager.filter(self.only)
        ends = manager.aggregate(first=Min(self.at), last=Max(self.at))
        if ends["first"] is None:
            return set()
        first, last = _day(ends["first"]), _day(ends["last"])
        return {first + timedelta(days=number) for number in range((last - first).days + 1)}

    def of_day(self, day: date) -> QuerySet[Any, dict[str, Any]]:
        start, end = self._moment(day), self._moment(day + timedelta(days=1))
        return self.rows().filter(**{f"{self.at}__gte": start, f"{self.at}__lt": end})

    def before(self, moment: datetime) -> QuerySet[Any, dict[str, Any]]:
        """Rows before ``moment``. If days are replaced, only whole days, because the current one is incomplete."""
        end = self._moment(moment.astimezone(UTC).date()) if self.replaced_days else moment
        return self.rows().filter(**{f"{self.at}__lt": end})

    def first_whole_day(self, today: date) -> date:
        """The first day of which the database still has every row."""
        return date.min if self.forgotten_days is None else today - timedelta(days=self.forgotten_days)

    def _moment(self, day: date) -> date | datetime:
        """The start of the day, in the type of ``at``."""
        kind = next(column.kind for column in self.columns if column.path == self.at)
        return datetime.combine(day, time(), UTC) if kind == "timestamp" else day

    def record(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row of the lake from a row of ``rows``."""
        values = {column.name: _stored(column.kind, row[column.path]) for column in self.columns}
        return {**values, "date": _day(row[self.at]), "schema_version": self.schema_version}


def _day(moment: date | datetime) -> date:
    """The UTC day of ``moment``."""
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


def _stored(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind == "json":
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if kind == "packed":
        return zlib.decompress(bytes(value)).decode()
    return str(value) if kind == "string" else value


OF_DEPLOYMENT = (
    Column("deployment_id", "int64", "deployment_id"),
    Column("deployment", "string", "deployment__name"),
    Column("model", "string", "deployment__model__full_name"),
    Column("environment", "string", "deployment__environment__slug"),
    Column("team", "string", "deployment__team__slug"),
)
