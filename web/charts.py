"""A chart as data: the source of the drawing (static/js/charts.js) and of the table beneath it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["line", "bar", "stacked", "scatter"]
# (x, y), or (x, y, name, "/path/") for a point with a link. y is None if unknown: the line has a gap, not a zero.
Point = Sequence[Any]
UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class Series:
    name: str
    data: Sequence[Point]


@dataclass(frozen=True)
class Table:
    #: Heading of the first column.
    first: str
    #: Headings of the other columns.
    names: list[str]
    #: (x, one text per name in ``names``).
    rows: list[tuple[str, list[str]]]


@dataclass(frozen=True)
class Chart:
    #: Unique on its page.
    id: str
    title: str
    series: Sequence[Series]
    kind: Kind = "line"
    #: If "time", x values are datetimes in UTC; otherwise texts or numbers.
    x: Literal["time", "category", "number"] = "time"
    unit: str = ""
    x_label: str = ""
    #: (time in UTC, label).
    markers: Sequence[tuple[datetime, str]] = ()
    #: (value, label).
    thresholds: Sequence[tuple[float, str]] = ()
    #: ``start`` and ``end`` bound the time axis, so that missing data at either end is visible.
    start: datetime | None = None
    end: datetime | None = None
    max: float | None = None
    #: The text shown in place of the chart if no value is known.
    empty: str = "No data in this time range."
    categories: Sequence[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not any(point[1] is not None for one in self.series for point in one.data)

    @property
    def data_id(self) -> str:
        return f"{self.id}-data"

    @property
    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "kind": self.kind,
            "x": self.x,
            "unit": self.unit,
            "x_label": self.x_label,
            "start": _plain(self.start),
            "end": _plain(self.end),
            "max": self.max,
            "categories": list(self.categories),
            "series": [
                {"name": one.name, "data": [[_plain(value) for value in point] for point in one.data]}
                for one in self.series
            ],
            "markers": [{"at": _plain(at), "label": label} for at, label in self.markers],
            "thresholds": [{"value": value, "label": label} for value, label in self.thresholds],
        }

    @property
    def as_text(self) -> str:
        return json.dumps(self.as_json)

    @property
    def table(self) -> Table:
        first = {"time": "Time (UTC)", "category": self.x_label or "Name", "number": self.x_label or "Value"}[self.x]
        if self.kind == "scatter":
            return Table("Name", [self.x_label, *(one.name for one in self.series)], self._scattered())
        values: list[Mapping[Any, Any]] = [{point[0]: point[1] for point in one.data} for one in self.series]
        places = dict.fromkeys(point[0] for one in self.series for point in one.data)
        order = sorted(places) if self.x == "time" else list(places)
        rows = [(_text(place), [_text(one.get(place)) for one in values]) for place in order]
        return Table(first, [one.name for one in self.series], rows)

    def _scattered(self) -> list[tuple[str, list[str]]]:
        rows = []
        for position, one in enumerate(self.series):
            for x, y, name, *_ in one.data:
                cells = [UNKNOWN] * len(self.series)
                cells[position] = _text(y)
                rows.append((str(name), [_text(x), *cells]))
        return rows


def _plain(value: Any) -> Any:
    """``value`` for JSON: datetimes in ISO 8601 and UTC, anything else unchanged."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    """``value`` for the table: times in UTC to the minute, numbers below 100 to four significant digits."""
    if value is None:
        return UNKNOWN
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 100 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
