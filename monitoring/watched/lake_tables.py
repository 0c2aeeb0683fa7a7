"""A table of the data lake as data: columns, keys, and where its rows come from."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import orjson
from django.db.models import Max, Min, Model, Q, QuerySet

Kind = Literal["int64", "float64", "string", "bool", "timestamp", "date", "json", "packed", "decimal"]

# Rows that were still being committed when the last export read may be as old as this.
OVERLAP_S = 900


@dataclass(frozen=True)
class Column:
    """``path`` leads from the model to the value, as in ``QuerySet.values``.

    Times are UTC, json is text; packed is JSON behind zlib in the database, and text here.
    """

    name: str
    kind: Kind
    path: str


@dataclass(frozen=True)
class LakeTable:
    """``at`` is the time that a row belongs to: its UTC day is the partition, the column ``date``.

    ``keys`` are columns that make a row one row. ``changes`` says which rows may have changed since a moment; where it
    is None, rows are never changed and ``at`` says which are new. With ``replaced_days`` rows of a day may change up to
    so many days back, and the lake replaces whole days; ``forgotten_days``: older days the database may have forgotten,
    at least in part, and the lake keeps them as they were. ``only`` says which rows of the model are meant.
    ``schema_version`` counts changes of ``columns``; it stands in each row. ``keep_days``: None is for ever.
    """

    name: str
    text: str
    model: Callable[[], type[Model]]
    columns: tuple[Column, ...]
    at: str
    keys: tuple[str, ...]
    schema_version: int = 1
    changes: Callable[[datetime], Q] | None = None
    replaced_days: int = 0
    forgotten_days: int | None = None
    only: Q = field(default_factory=Q)
    keep_days: int | None = None

    @property
    def may_change(self) -> bool:
        return self.changes is not None

    def rows(self) -> QuerySet[Any, dict[str, Any]]:
        """Every row of the database, oldest first; names of columns to values."""
        manager = self.model()._default_manager.filter(self.only).order_by("pk")
        # A value is asked for by its path: a column may have the name of another field.
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
        """Where days are replaced, up to the end of the day before: the day of ``moment`` is still filled."""
        end = self._moment(moment.astimezone(UTC).date()) if self.replaced_days else moment
        return self.rows().filter(**{f"{self.at}__lt": end})

    def first_whole_day(self, today: date) -> date:
        """From this day on the database has all that there was."""
        return date.min if self.forgotten_days is None else today - timedelta(days=self.forgotten_days)

    def _moment(self, day: date) -> date | datetime:
        """The start of the day, as ``at`` is compared."""
        kind = next(column.kind for column in self.columns if column.path == self.at)
        return datetime.combine(day, time(), UTC) if kind == "timestamp" else day

    def record(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row of the lake from a row of ``rows``."""
        values = {column.name: _stored(column.kind, row[column.path]) for column in self.columns}
        return {**values, "date": _day(row[self.at]), "schema_version": self.schema_version}


def _day(moment: date | datetime) -> date:
    """In UTC."""
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
