"""The figures of health: how they add up, their name and unit, and how they are read. Page, API and CSV follow from it.

What is kept of them are the fields of ``HealthBucket``; the lake's columns follow from those.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db.models import FloatField, PositiveIntegerField

from integrations.metrics import Window
from monitoring.health.models import HealthBucket

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
#: Numbers of a bucket that add up as a ``Window``.
OF_WINDOW = ("requests", "errors_4xx", "errors_5xx")
#: The other numbers of a bucket. They are sums, but for ``LARGEST``.
COUNTS = tuple(
    number.name
    for number in HealthBucket._meta.concrete_fields
    if isinstance(number, (PositiveIntegerField, FloatField)) and number.name not in OF_WINDOW
)
LARGEST = ("concurrency",)


@dataclass
class Point:
    """One version in one time step. All values are unknown if ``minutes`` is 0.

    ``measured`` is the part of ``window`` that comes from metrics, so its round-trip time is known. ``counts`` are
    those of ``COUNTS``; without "concurrency" it is unknown.
    """

    start: datetime
    version: str
    window: Window = field(default_factory=Window)
    measured: Window = field(default_factory=Window)
    counts: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, row: HealthBucket) -> Point:
        counts, window = {name: getattr(row, name) for name in COUNTS}, row.window
        if row.is_backfilled:
            del counts["concurrency"]
        return cls(row.start, row.version, window, Window() if row.is_backfilled else window, counts)

    def add(self, other: Point) -> None:
        self.window = self.window + other.window
        self.measured = self.measured + other.measured
        for name, value in other.counts.items():
            together = max if name in LARGEST else operator.add
            self.counts[name] = together(self.counts.get(name, 0), value)

    def count(self, name: str) -> int:
        return int(self.counts.get(name, 0))

    @property
    def minutes(self) -> int:
        """Readings that were added up, each covering one minute."""
        return self.count("minutes")


@dataclass(frozen=True)
class Figure:
    """A field of the API and a column of CSV. With a ``title`` it can be drawn. ``read`` returns None if unknown."""

    name: str
    read: Callable[[Point], float | None]
    unit: str = ""
    title: str = ""
    help: str = ""
    is_whole: bool = False
    may_be_unknown: bool = True


def of_window(name: str, point: Point) -> float:
    number: float = getattr(point.window, name)
    return number


def per_minute(point: Point) -> float | None:
    return point.window.requests / point.minutes if point.minutes else None


def error_percent(kind: str, point: Point) -> float | None:
    """Share of the requests, in percent; None if there are none. ``kind`` is "errors_4xx" or "errors_5xx"."""
    requests = point.window.requests
    return 100 * of_window(kind, point) / requests if requests else None


def average(name: str, point: Point) -> float | None:
    """Over the readings that had CPU and memory."""
    minutes = point.count("load_minutes")
    return point.counts[name] / minutes if minutes else None


def of_sleep(name: str, point: Point) -> int | None:
    return point.count(name) if point.count("slot_minutes") else None


def latency(share: float, point: Point) -> float | None:
    return point.window.quantile_ms(share)


def model_latency(share: float, point: Point) -> float | None:
    return point.window.model_quantile_ms(share)


# Counts that are never unknown: without readings they are 0.
REQUESTS = tuple(Figure(name, partial(of_window, name), may_be_unknown=False) for name in OF_WINDOW)
MINUTES = Figure("minutes", lambda point: point.minutes, "min", is_whole=True, may_be_unknown=False)
ROUND_TRIP = tuple(Figure(f"{name}_ms", partial(latency, share), "ms") for name, share in SHARES.items())
MODEL_ALONE = tuple(
    Figure(f"{name}_model_ms", partial(model_latency, share), "ms", help="Execution time of the model alone.")
    for name, share in SHARES.items()
)
CPU = Figure("cpu_percent", partial(average, "cpu_percent"), "%", "CPU, average of the replicas")
MEMORY = Figure("memory_percent", partial(average, "memory_percent"), "%", "Memory, average of the replicas")
CONCURRENCY = Figure("concurrency", lambda point: point.counts.get("concurrency"), title="Provisioned concurrency")
ASLEEP = Figure(
    "asleep_minutes", partial(of_sleep, "asleep_minutes"), "min", help="Minutes scaled to zero.", is_whole=True
)
COLD_STARTS = Figure(
    "cold_starts", partial(of_sleep, "cold_starts"), "", "Cold starts", "Starts after scaling to zero.", is_whole=True
)
#: In the order of CSV.
FIGURES = (MINUTES, *REQUESTS, *ROUND_TRIP, *MODEL_ALONE, CPU, MEMORY, CONCURRENCY, ASLEEP, COLD_STARTS)

# Drawn alone: they follow from the counts that API and CSV give.
PER_MINUTE = Figure("requests", per_minute, "", "Requests per minute")
ERRORS_5XX = Figure("errors-5xx", partial(error_percent, "errors_5xx"), "%", "5xx, share of requests")
ERRORS_4XX = Figure("errors-4xx", partial(error_percent, "errors_4xx"), "%", "4xx, share of requests")
