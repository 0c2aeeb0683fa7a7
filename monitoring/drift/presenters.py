"""Drift for the page, its CSV and the API, which share one view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from deployments.models import Deployment
from monitoring.drift.charts import History, against_importance, distribution, over_time
from monitoring.drift.judging import Judged, judged
from monitoring.drift.models import DriftJob, FeatureSetting
from monitoring.drift.rows import Behind
from monitoring.watched.states import TONES
from monitoring.watched.versions import inference_table
from sketches.judgement import DriftStatus, FeatureDrift
from sketches.metrics import METRICS
from sketches.payloads import PREDICTION
from web.charts import Chart
from web.ranges import TimeRange

STATUS_LABELS = {
    DriftStatus.DRIFT: "Drift",
    DriftStatus.OK: "OK",
    DriftStatus.NO_DATA: "No data",
    DriftStatus.NOT_COMPARABLE: "Not comparable",
    DriftStatus.EXCLUDED: "Excluded",
}
STATUS_TONES = {
    DriftStatus.DRIFT: "bad",
    DriftStatus.OK: "ok",
    DriftStatus.NO_DATA: "unknown",
    DriftStatus.NOT_COMPARABLE: "unknown",
    DriftStatus.EXCLUDED: "idle",
}
ORDER = {status: place for place, status in enumerate(STATUS_LABELS)}
PREDICTION_LABEL = "Prediction"
CSV_COLUMNS = (
    "feature",
    "status",
    "metric",
    "value",
    "threshold",
    "baseline_values",
    "window_values",
    "null_share",
    "new_share",
    "importance",
    "critical",
    "starred",
    "window_start",
    "window_end",
    "reason",
)


#: Maximum columns and rows of the table of requests behind a point.
MOST_COLUMNS, MOST_ROWS = 8, 25


@dataclass(frozen=True)
class FeatureRow:
    """A line of the table of features."""

    found: FeatureDrift
    is_starred: bool
    has_own_threshold: bool
    importance: float | None

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def label(self) -> str:
        return PREDICTION_LABEL if self.found.name == PREDICTION else self.found.name

    @property
    def status(self) -> str:
        return self.found.status.value

    @property
    def status_label(self) -> str:
        return STATUS_LABELS[self.found.status]

    @property
    def tone(self) -> str:
        return STATUS_TONES[self.found.status]

    @property
    def metric_label(self) -> str:
        return METRICS[self.found.metric].label

    @property
    def is_excluded(self) -> bool:
        return self.found.status == DriftStatus.EXCLUDED


@dataclass(frozen=True)
class DriftView:
    """Drift of a deployment. ``chosen`` is the row that the charts show; None without features."""

    judged: Judged
    rows: list[FeatureRow]
    chosen: FeatureRow | None
    job: DriftJob | None
    has_table: bool
    charts: list[Chart]

    @property
    def tone(self) -> str:
        return TONES[self.judged.standing]

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """(status, label, number of rows) for every status."""
        found = [row.found.status for row in self.rows]
        return [(status.value, label, found.count(status)) for status, label in STATUS_LABELS.items()]

    def chart(self, name: str) -> Chart | None:
        return next((chart for chart in self.charts if chart.id == name), None)


def drift_view(
    deployment: Deployment, now: datetime, shown: TimeRange, *, feature: str = "", whole_range: bool = False
) -> DriftView:
    """``shown`` is the range of the chart over time and, with ``whole_range``, the judged window.

    About ten queries, independent of the number of features and windows.
    """
    found = judged(deployment, now, (shown.start, shown.end) if whole_range else None)
    settings = {row.feature: row for row in FeatureSetting.objects.filter(deployment=deployment)}
    rows = _rows(found, settings)
    chosen = next((row for row in rows if row.name == feature), None) or (rows[0] if rows else None)
    job = DriftJob.objects.filter(deployment=deployment).first()
    charts = _charts(deployment, found, rows, chosen, shown) if chosen else []
    return DriftView(found, rows, chosen, job, inference_table(deployment) is not None, charts)


def _rows(found: Judged, settings: Mapping[str, FeatureSetting]) -> list[FeatureRow]:
    """Starred features first, then by status, then by drift in descending order."""
    importance = (found.baseline.importance if found.baseline else None) or {}
    rows = [
        FeatureRow(
            found=item,
            is_starred=item.name in settings and settings[item.name].starred,
            has_own_threshold=item.name in found.rules.thresholds,
            importance=importance.get(item.name),
        )
        for item in found.features
    ]
    return sorted(
        rows, key=lambda row: (not row.is_starred, ORDER[row.found.status], -(row.found.value or 0), row.name)
    )


def _charts(
    deployment: Deployment, found: Judged, rows: list[FeatureRow], chosen: FeatureRow, shown: TimeRange
) -> list[Chart]:
    history = History.of(deployment, found.rules, shown)
    page = reverse("monitoring:drift", args=[deployment.model.full_name])

    def link(start: datetime, end: datetime) -> str:
        """The page with the point's time as the judged window."""
        asked = {"deployment": deployment.pk, "feature": chosen.name, "window": "range"}
        times = {"from": start.isoformat(), "to": min(end, shown.end).isoformat()}
        return f"{page}?{urlencode(asked | times)}"

    charts = [over_time(history, chosen.name, chosen.found.threshold, shown, link)]
    if chosen.found.kind:
        charts.append(distribution(found, chosen.name))
    points = [(row.importance, row.found.value, row.label) for row in rows]
    return [*charts, against_importance(points, found.baseline)]


SORTS: dict[str, Callable[[FeatureRow], Any]] = {
    "feature": lambda row: row.label.lower(),
    "status": lambda row: ORDER[row.found.status],
    "value": lambda row: row.found.value,
    "samples": lambda row: row.found.current_n,
    "nulls": lambda row: row.found.null_share,
    "importance": lambda row: row.importance,
}


def ordered(rows: list[FeatureRow], ordering: str) -> list[FeatureRow]:
    """Sort by ``ordering``, a key of SORTS with an optional "-". Rows without a value come last."""
    key = SORTS.get(ordering.removeprefix("-"))
    if key is None:
        return rows
    known = [row for row in rows if key(row) is not None]
    return sorted(known, key=key, reverse=ordering.startswith("-")) + [row for row in rows if key(row) is None]


def narrowed(rows: list[FeatureRow], words: str, status: str) -> list[FeatureRow]:
    return [row for row in rows if words.lower().strip() in row.label.lower() and (not status or row.status == status)]


def csv_rows(view: DriftView, rows: list[FeatureRow]) -> list[tuple[object, ...]]:
    span = view.judged.span
    bounds = (span.start.isoformat(), span.end.isoformat()) if span else (None, None)
    return [
        (
            row.label,
            row.status,
            row.found.metric,
            row.found.value,
            row.found.threshold,
            row.found.reference_n,
            row.found.current_n,
            row.found.null_share,
            row.found.new_share,
            row.importance,
            row.found.is_critical,
            row.is_starred,
            *bounds,
            row.found.reason,
        )
        for row in rows
    ]


def table_of(behind: Behind, feature: str) -> dict[str, Any]:
    """The table of requests behind a point. The chosen feature is the first column."""
    named = [name for name in behind.features if name == feature]
    shown = [*named, *(name for name in behind.features if name not in named)][:MOST_COLUMNS]
    rows = [{**row, "cells": [_cell(row[name]) for name in ("prediction", *shown)]} for row in behind.rows[:MOST_ROWS]]
    return {"shown": shown, "rows": rows}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
