"""The health of a deployment for the page, the API and CSV, which share the same points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse

from deployments.models import Deployment, Run
from deployments.runs.statuses import RunStatus
from monitoring.health.figures import (
    ASLEEP,
    COLD_STARTS,
    CONCURRENCY,
    CPU,
    ERRORS_4XX,
    ERRORS_5XX,
    FIGURES,
    MEMORY,
    MINUTES,
    MODEL_ALONE,
    PER_MINUTE,
    ROUND_TRIP,
    SHARES,
    Figure,
    Point,
)
from monitoring.health.judging import Health, HealthRules, judge, recent_window
from monitoring.health.lake import LakeUnreadable, old_hours
from monitoring.health.models import COARSE, FINE, KEPT, HealthBucket, HealthSource
from monitoring.health.scraping import floor
from monitoring.watched.states import TONES
from web.charts import Chart, Series
from web.ranges import TimeRange

MAX_VERSIONS = 5
SIX_HOURS = timedelta(hours=6)
CSV_COLUMNS = ("start_utc", "version", *("minutes_read" if one is MINUTES else one.name for one in FIGURES))


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

    def rows(self) -> Iterator[dict[str, Any]]:
        """Known points as the API and CSV give them."""
        for point in self.all_points():
            figures = {figure.name: figure.read(point) for figure in FIGURES}
            yield {"start": point.start, "version": point.version, **figures}

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


def charts(report: HealthReport) -> list[Chart]:
    """Versions are compared on one scale; a single one shows its percentiles together.

    Cold starts are drawn only if a version was scaled to zero.
    """
    drawn = [PER_MINUTE, ERRORS_5XX, ERRORS_4XX]
    loads = [CPU, MEMORY, CONCURRENCY]
    if any(ASLEEP.read(point) for point in report.all_points()):
        loads.append(COLD_STARTS)
    return [
        *(_chart(report, figure) for figure in drawn),
        *_latency(report, "latency", "round trip", ROUND_TRIP),
        *_latency(report, "model-latency", "the model alone", MODEL_ALONE),
        *(_chart(report, figure) for figure in loads),
    ]


def _latency(report: HealthReport, key: str, of: str, figures: Sequence[Figure]) -> list[Chart]:
    names = dict(zip(SHARES, figures, strict=True))
    if len(report.shown) == 1:
        lines = [_series(report, report.shown[0], figure, name) for name, figure in names.items()]
        return [_drawn(report, key, f"Latency, {of}", "ms", lines)]
    return [
        _drawn(report, f"{key}-{name}", f"{name}, {of}", "ms", _of_versions(report, figure))
        for name, figure in names.items()
    ]


def _chart(report: HealthReport, figure: Figure) -> Chart:
    key = figure.name.removesuffix("_percent").replace("_", "-")
    return _drawn(report, key, figure.title, figure.unit, _of_versions(report, figure))


def _of_versions(report: HealthReport, figure: Figure) -> list[Series]:
    return [_series(report, version, figure, f"v{version}") for version in report.shown]


def _series(report: HealthReport, version: str, figure: Figure, name: str) -> Series:
    return Series(name, [(point.start, figure.read(point)) for point in report.points[version]])


def _drawn(report: HealthReport, key: str, title: str, unit: str, series: list[Series]) -> Chart:
    chosen = report.range
    limits: dict[str, Any] = {"markers": report.markers, "start": chosen.start, "end": chosen.end}
    return Chart(f"health-{key}", title, series, unit=unit, empty="No readings in this time range.", **limits)


def tiles(report: HealthReport) -> list[Tile]:
    total = report.total()
    window, model = total.window, report.deployment.model
    # The model's part of the same requests as the round trip beside it, where there is one.
    own = total.measured if total.measured.latency else window
    cost = f"{reverse('monitoring:model_cost', args=[model.full_name])}?deployment={report.deployment.pk}"
    starts = COLD_STARTS.read(total)
    return [
        Tile("Requests", f"{window.requests:,.0f}" if total.minutes else "unknown", f"in {total.minutes:,} minutes"),
        Tile("5xx", _percent(ERRORS_5XX.read(total)), f"{window.errors_5xx:,.0f} requests"),
        Tile("4xx", _percent(ERRORS_4XX.read(total)), f"{window.errors_4xx:,.0f} requests"),
        *(
            Tile(name, _ms(window.quantile_ms(share)), f"the model alone: {_ms(own.model_quantile_ms(share))}")
            for name, share in SHARES.items()
        ),
        Tile(COLD_STARTS.title, "unknown" if starts is None else f"{starts:,}", _asleep(total), cost),
    ]


def _asleep(total: Point) -> str:
    minutes = ASLEEP.read(total)
    if minutes is None:
        return "the metrics have no concurrency"
    return f"asleep in {minutes:,} of {total.count('slot_minutes'):,} minutes"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} %"


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.{0 if value >= 100 else 1}f} ms"


def csv_rows(report: HealthReport) -> Iterator[list[Any]]:
    for row in report.rows():
        start, *rest = row.values()
        yield [start.isoformat(), *rest]
