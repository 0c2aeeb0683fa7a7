"""The health of a deployment for the page, the API and CSV, which share the same points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse

from deployments.models import Deployment, Run
from deployments.runs.statuses import RunStatus
from integrations.metrics import Window
from monitoring.health.judging import Health, HealthRules, judge, recent_window
from monitoring.health.lake import LakeUnreadable, old_hours
from monitoring.health.models import COARSE, FINE, KEPT, HealthBucket, HealthSource
from monitoring.health.scraping import floor
from monitoring.watched.states import TONES
from web.charts import Chart, Series
from web.ranges import TimeRange

MAX_VERSIONS = 5
SIX_HOURS = timedelta(hours=6)
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
Quantile = Callable[[Window, float], float | None]
CSV_COLUMNS = (
    "start_utc", "version", "minutes_read", "requests", "errors_4xx", "errors_5xx", "p50_ms", "p95_ms", "p99_ms",
    "p50_model_ms", "p95_model_ms", "p99_model_ms", "cpu_percent", "memory_percent", "concurrency", "asleep_minutes",
    "cold_starts",
)  # fmt: skip


@dataclass
class Point:
    """One version in one time step. All values are unknown if ``minutes`` is 0.

    ``measured`` is the part of ``window`` that comes from metrics, so its round-trip time is known.
    """

    start: datetime
    version: str
    minutes: int = 0
    window: Window = field(default_factory=Window)
    measured: Window = field(default_factory=Window)
    load_minutes: int = 0
    cpu: float = 0.0
    memory: float = 0.0
    slots: float | None = None
    slot_minutes: int = 0
    minutes_at_zero: int = 0
    starts: int = 0

    @classmethod
    def of(cls, row: HealthBucket) -> Point:
        known = Window() if row.is_backfilled else row.window
        return cls(
            row.start, row.version, row.minutes, row.window, known,
            load_minutes=row.load_minutes, cpu=row.cpu_percent, memory=row.memory_percent,
            slots=None if row.is_backfilled else row.concurrency,
            slot_minutes=row.slot_minutes, minutes_at_zero=row.asleep_minutes, starts=row.cold_starts,
        )  # fmt: skip

    def add(self, other: Point) -> None:
        """Add the counts of ``other``. ``slots`` is the maximum of both."""
        self.minutes += other.minutes
        self.window = self.window + other.window
        self.measured = self.measured + other.measured
        self.load_minutes += other.load_minutes
        self.cpu += other.cpu
        self.memory += other.memory
        if other.slots is not None:
            self.slots = max(self.slots or 0.0, other.slots)
        self.slot_minutes += other.slot_minutes
        self.minutes_at_zero += other.minutes_at_zero
        self.starts += other.starts

    @property
    def asleep_minutes(self) -> int | None:
        """Minutes scaled to zero; None if unknown."""
        return self.minutes_at_zero if self.slot_minutes else None

    @property
    def cold_starts(self) -> int | None:
        return self.starts if self.slot_minutes else None

    @property
    def per_minute(self) -> float | None:
        return self.window.requests / self.minutes if self.minutes else None

    def share(self, errors: float) -> float | None:
        """In percent of the requests; None if there are none."""
        return 100 * errors / self.window.requests if self.window.requests else None

    @property
    def share_4xx(self) -> float | None:
        return self.share(self.window.errors_4xx)

    @property
    def share_5xx(self) -> float | None:
        return self.share(self.window.errors_5xx)

    @property
    def cpu_percent(self) -> float | None:
        return self.cpu / self.load_minutes if self.load_minutes else None

    @property
    def memory_percent(self) -> float | None:
        return self.memory / self.load_minutes if self.load_minutes else None

    @property
    def concurrency(self) -> float | None:
        return self.slots


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    note: str = ""
    cost_url: str = ""


@dataclass(frozen=True)
class HealthReport:
    """``versions`` are those that can be compared, ``shown`` those that are; ``step`` is the width of a point.

    ``note`` says why a part of the range may be missing, "" if none is.
    """

    deployment: Deployment
    range: TimeRange
    step: timedelta
    health: Health
    rule: str
    source: HealthSource | None
    versions: list[str]
    shown: list[str]
    points: dict[str, list[Point]]
    note: str
    markers: list[tuple[datetime, str]]

    @property
    def tone(self) -> str:
        return TONES[self.health.standing]

    @property
    def step_s(self) -> int:
        return int(self.step.total_seconds())

    def all_points(self) -> Iterator[Point]:
        """Known points, ordered by time and version."""
        points = [point for version in self.shown for point in self.points[version] if point.minutes]
        yield from sorted(points, key=lambda point: (point.start, point.version))

    def total(self) -> Point:
        found = Point(self.range.start, "all")
        for point in self.all_points():
            found.add(point)
        return found


def health_report(deployment: Deployment, chosen: TimeRange, wanted: Sequence[str], now: datetime) -> HealthReport:
    """For ``wanted`` versions, or the newest by default. Four queries. Hours the database lacks come from the lake."""
    width, step = _resolution(chosen, now)
    start = floor(chosen.start, step)
    kept = HealthBucket.objects.filter(deployment=deployment, width=width, start__gte=start, start__lt=chosen.end)
    rows, note = list(kept), ""
    if start < (forgotten := floor(now - KEPT[width], COARSE)):
        try:
            rows += old_hours(deployment.pk, start, min([chosen.end, forgotten, *(row.start for row in rows)]))
        except LakeUnreadable as unreadable:
            note = f"{unreadable} Hours before {forgotten:%Y-%m-%d %H:%M} UTC are missing."
    by_version: dict[str, dict[datetime, Point]] = {}
    for row in rows:
        begin = floor(row.start, step)
        by_version.setdefault(row.version, {}).setdefault(begin, Point(begin, row.version)).add(Point.of(row))
    versions = sorted(by_version, key=_number, reverse=True)
    shown = [version for version in versions if version in wanted][:MAX_VERSIONS] or versions[:MAX_VERSIONS]
    source = HealthSource.objects.filter(deployment=deployment).first()
    rules = HealthRules.of(deployment)
    steps = list(_steps(chosen, step))
    return HealthReport(
        deployment,
        chosen,
        step,
        judge(deployment, source, recent_window(deployment, now), rules, now),
        rules.sentence(),
        source,
        versions,
        sorted(shown, key=_number),
        {v: [by_version[v].get(start) or Point(start, v) for start in steps] for v in shown},
        note,
        _markers(deployment, chosen),
    )


def _resolution(chosen: TimeRange, now: datetime) -> tuple[timedelta, timedelta]:
    """(width of the buckets to read, width of the points to show)."""
    if chosen.width <= timedelta(hours=25) and chosen.start >= now - KEPT[FINE]:
        return FINE, FINE
    return COARSE, COARSE if chosen.width <= timedelta(days=8) else SIX_HOURS


def _steps(chosen: TimeRange, step: timedelta) -> Iterator[datetime]:
    start = floor(chosen.start, step)
    while start < chosen.end:
        yield start
        start += step


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdigit() else (-1, version)


def _markers(deployment: Deployment, chosen: TimeRange) -> list[tuple[datetime, str]]:
    ended = Run.objects.filter(
        deployment=deployment,
        status__in=(RunStatus.SUCCEEDED, RunStatus.ROLLED_BACK),
        finished_at__gte=chosen.start,
        finished_at__lt=chosen.end,
    )
    rows = ended.order_by("pk").values_list("finished_at", "spec__version", "status")
    words = {RunStatus.SUCCEEDED: "live", RunStatus.ROLLED_BACK: "rolled back"}
    return [(at, f"v{version} {words[RunStatus(status)]}") for at, version, status in rows if at]


# -- charts ------------------------------------------------------------------------------------------


def charts(report: HealthReport) -> list[Chart]:
    """Versions are compared on one scale; a single one shows its percentiles together.

    Starts from zero are drawn where there can be any: a version that never slept has none.
    """
    may_sleep = any(point.minutes_at_zero for point in report.all_points())
    return [
        _chart(report, "requests", "Requests per minute", "", "per_minute"),
        _chart(report, "errors-5xx", "5xx, share of requests", "%", "share_5xx"),
        _chart(report, "errors-4xx", "4xx, share of requests", "%", "share_4xx"),
        *_latency(report, "latency", "round trip", Window.quantile_ms),
        *_latency(report, "model-latency", "the model alone", Window.model_quantile_ms),
        _chart(report, "cpu", "CPU, average of the replicas", "%", "cpu_percent"),
        _chart(report, "memory", "Memory, average of the replicas", "%", "memory_percent"),
        _chart(report, "concurrency", "Requests that it has room for at once", "", "concurrency"),
        *([_chart(report, "cold-starts", "Starts from zero", "", "cold_starts")] if may_sleep else []),
    ]


def _latency(report: HealthReport, key: str, of: str, read: Quantile) -> list[Chart]:
    def series(version: str, share: float, name: str) -> Series:
        return Series(name, [(point.start, read(point.window, share)) for point in report.points[version]])

    if len(report.shown) == 1:
        lines = [series(report.shown[0], share, name) for name, share in SHARES.items()]
        return [_drawn(report, key, f"Latency, {of}", "ms", lines)]
    return [
        _drawn(report, f"{key}-{name}", f"{name}, {of}", "ms", [series(v, share, f"v{v}") for v in report.shown])
        for name, share in SHARES.items()
    ]


def _chart(report: HealthReport, key: str, title: str, unit: str, attribute: str) -> Chart:
    series = [
        Series(f"v{version}", [(point.start, getattr(point, attribute)) for point in report.points[version]])
        for version in report.shown
    ]
    return _drawn(report, key, title, unit, series)


def _drawn(report: HealthReport, key: str, title: str, unit: str, series: list[Series]) -> Chart:
    chosen = report.range
    limits: dict[str, Any] = {"markers": report.markers, "start": chosen.start, "end": chosen.end}
    return Chart(f"health-{key}", title, series, unit=unit, empty="Not known in this window.", **limits)


def tiles(report: HealthReport) -> list[Tile]:
    total = report.total()
    window, model = total.window, report.deployment.model
    # The model's part of the same requests as the round trip beside it, where there is one.
    own = total.measured if total.measured.latency else window
    cost = f"{reverse('monitoring:model_cost', args=[model.full_name])}?deployment={report.deployment.pk}"
    return [
        Tile("Requests", f"{window.requests:,.0f}" if total.minutes else "unknown", f"in {total.minutes:,} minutes"),
        Tile("5xx", _percent(total.share_5xx), f"{window.errors_5xx:,.0f} requests"),
        Tile("4xx", _percent(total.share_4xx), f"{window.errors_4xx:,.0f} requests"),
        Tile("p50", _ms(window.quantile_ms(0.5)), f"the model alone: {_ms(own.model_quantile_ms(0.5))}"),
        Tile("p95", _ms(window.quantile_ms(0.95)), f"the model alone: {_ms(own.model_quantile_ms(0.95))}"),
        Tile("p99", _ms(window.quantile_ms(0.99)), f"the model alone: {_ms(own.model_quantile_ms(0.99))}"),
        Tile(
            "Starts from zero",
            "unknown" if total.cold_starts is None else f"{total.cold_starts:,}",
            _asleep(total),
            cost,
        ),
    ]


def _starts(total: Point) -> str:
    return "unknown" if total.cold_starts is None else f"{total.cold_starts:,}"


def _asleep(total: Point) -> str:
    if total.asleep_minutes is None:
        return "the metrics told no concurrency"
    return f"asleep in {total.asleep_minutes:,} of {total.slot_minutes:,} minutes"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} %"


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.{0 if value >= 100 else 1}f} ms"


def csv_rows(report: HealthReport) -> Iterator[list[Any]]:
    for point in report.all_points():
        window = point.window
        both = (window.quantile_ms, window.model_quantile_ms)
        quantiles = [quantile(share) for quantile in both for share in SHARES.values()]
        counts = [point.minutes, window.requests, window.errors_4xx, window.errors_5xx]
        loads = [point.cpu_percent, point.memory_percent, point.concurrency, point.asleep_minutes, point.cold_starts]
        yield [point.start.isoformat(), point.version, *counts, *quantiles, *loads]
