"""A chart as data: drawn by static/js/charts.js, and the table beneath it. One source for both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["line", "bar", "stacked", "scatter"]
# (x, y), and where a point leads: (x, y, name, "/path/"). y is None where nothing is known: a gap and never a zero.
Point = Sequence[Any]
UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class Series:
    name: str
    data: Sequence[Point]


@dataclass(frozen=True)
class Table:
    """``rows``: (x, one text for each of ``names``)."""

    first: str
    names: list[str]
    rows: list[tuple[str, list[str]]]


@dataclass(frozen=True)
class Chart:
    """``id`` is unique on its page. With ``x`` "time", x values are datetimes in UTC, else words or numbers.

    ``markers`` are (datetime, label), ``thresholds`` (value, label); ``start`` and ``end`` bound the time axis, so that
    what is missing at an end is seen. ``empty`` is what stands there without any known value.
    """

    id: str
    title: str
    series: Sequence[Series]
    kind: Kind = "line"
    x: Literal["time", "category", "number"] = "time"
    unit: str = ""
    x_label: str = ""
    markers: Sequence[tuple[datetime, str]] = ()
    thresholds: Sequence[tuple[float, str]] = ()
    start: datetime | None = None
    end: datetime | None = None
    max: float | None = None
    empty: str = "Nothing is known of this time."
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
            "series": [{"name": one.name, "data": [_point(point) for point in one.data]} for one in self.series],
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


def _point(point: Point) -> list[Any]:
    return [_plain(value) for value in point]


def _plain(value: Any) -> Any:
    """For JSON. A datetime is ISO 8601 in UTC."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    """For the table: minutes for times, at most four places for numbers."""
    if value is None:
        return UNKNOWN
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 100 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
