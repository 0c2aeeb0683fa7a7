"""Quality for the page, its CSV and the API, which share one view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from deployments.models import Deployment
from monitoring.quality.figures import FEW, FEW_SHARE, MACRO, Counts, Metric, doubt, metrics_of
from monitoring.quality.judging import Quality, judge
from monitoring.quality.models import LabelSource, QualityDay, QualityJob
from monitoring.watched.states import TONES
from monitoring.watched.versions import inference_table
from sketches.job import NO_TABLE
from web.charts import UNKNOWN, Chart, Series
from web.ranges import TimeRange, midnight

MAX_VERSIONS = 5
#: A larger confusion matrix is not readable on a page.
MAX_CLASSES = 12
CSV_FIRST = ("date_utc", "version", "predictions", "labelled", "coverage")
HOW_TO_SEND = '{"client_request_id": "order-4711", "dataframe_records": [{"amount": 12.5}]}'


@dataclass(frozen=True)
class Row:
    """Figures of one version."""

    #: None for the whole range.
    day: date | None
    version: int
    counts: Counts
    metrics: tuple[Metric, ...]
    #: The day by which labels are expected; None if it has passed or is unknown.
    expected: date | None = None

    @cached_property
    def values(self) -> Mapping[str, float | None]:
        """{key of the metric: value}; None without labels."""
        counts = self.counts
        return {metric.key: metric.value(counts) if counts.labelled else None for metric in self.metrics}

    @property
    def cells(self) -> list[tuple[str, str]]:
        """(label of the metric, value as text)."""
        values = self.values
        return [(one.label, _text(values[one.key])) for one in self.metrics]

    @property
    def note(self) -> str:
        """A caveat of the figures, or ""."""
        if self.expected is not None:
            return f"labels expected by {self.expected}"
        if not self.counts.labelled:
            return "no labels"
        return FEW if self.counts.has_few else ""

    @property
    def tone(self) -> str:
        return "idle" if self.expected is not None else "warn"

    @property
    def main_cells(self) -> list[tuple[str, str]]:
        """``cells`` without macro averages if there is a positive label."""
        return [(one.label, _text(self.values[one.key])) for one in _main(self.metrics)]


def _main(metrics: Sequence[Metric]) -> list[Metric]:
    keys = {metric.key for metric in metrics}
    return [metric for metric in metrics if "f1" not in keys or metric not in MACRO]


def _foremost(metrics: Sequence[Metric]) -> list[Metric]:
    """The two most important metrics."""
    return [metrics[0], *(metric for metric in _main(metrics) if metric.key in ("f1", "macro_f1", "rmse"))]


def _text(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4g}"


@dataclass(frozen=True)
class Empty:
    """Why there are no figures, and what to do. ``code`` is for copying."""

    title: str
    text: str
    code: str = ""

    @property
    def sentence(self) -> str:
        return f"{self.title}. {self.text}"


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix of one version: actual classes in rows, predicted classes in columns."""

    version: int
    classes: list[str]
    rows: list[tuple[str, list[int]]]


@dataclass(frozen=True)
class QualityView:
    """Quality of a deployment in a time range. ``days`` and ``versions`` are sorted newest first."""

    source: LabelSource | None
    job: QualityJob | None
    metrics: tuple[Metric, ...]
    total: Counts
    versions: list[Row]
    days: list[Row]
    charts: list[Chart]
    matrix: Matrix | None
    empty: Empty | None
    judged: Quality

    @property
    def tone(self) -> str:
        return TONES[self.judged.standing]

    @property
    def names(self) -> list[str]:
        return [metric.label for metric in self.metrics]

    @property
    def main_names(self) -> list[str]:
        return [metric.label for metric in _main(self.metrics)]

    @property
    def foremost(self) -> list[tuple[str, str]]:
        """The two most important figures of the newest version with labels."""
        newest = self.newest
        return [(one.label, _text(newest.values[one.key])) for one in _foremost(self.metrics)] if newest else []

    @property
    def newest(self) -> Row | None:
        return next((row for row in self.versions if row.counts.labelled), None)

    @property
    def doubt(self) -> str:
        return doubt(self.source, self.total) if self.source else ""

    @property
    def problem(self) -> str:
        """Why the last count failed; "" if it succeeded."""
        return self._message[0]

    @property
    def remedy(self) -> str:
        """The GRANT statements that fix the problem, or ""."""
        return self._message[2]

    @property
    def _message(self) -> tuple[str, str, str]:
        failed = self.job is not None and self.job.status == QualityJob.Status.FAILED
        return self.job.message.partition("\n") if self.job and failed else ("", "", "")


def quality_view(deployment: Deployment, now: datetime, shown: TimeRange) -> QualityView:
    """Three queries. ``shown`` is extended to whole UTC days. The standing is the current one."""
    source = LabelSource.objects.filter(deployment=deployment).select_related("job", "updated_by").first()
    job: QualityJob | None = getattr(source, "job", None) if source else None
    rows = QualityDay.objects.filter(deployment=deployment).select_related("version")
    first, last = shown.start.astimezone(UTC).date(), shown.end.astimezone(UTC).date()
    found = list(rows.filter(date__gte=first, date__lte=last)) if source else []
    metrics = metrics_of(source) if source else ()
    total = Counts.of(found)
    versions = _by_version(found, metrics)
    days = [_day(row, source, metrics, now) for row in found]
    days.sort(key=lambda row: (row.day or date.min, row.version), reverse=True)
    return QualityView(
        source=source,
        job=job,
        metrics=metrics,
        total=total,
        versions=versions,
        days=days,
        charts=_charts(days, metrics, shown) if total.labelled else [],
        matrix=_matrix(versions),
        empty=_empty(deployment, source, job, total, days),
        judged=judge(deployment, source, now),
    )


def _by_version(found: Sequence[QualityDay], metrics: tuple[Metric, ...]) -> list[Row]:
    numbers = sorted({row.version.version for row in found}, reverse=True)
    sums = [(number, Counts.of(row for row in found if row.version.version == number)) for number in numbers]
    return [Row(None, number, counts, metrics) for number, counts in sums]


def _day(row: QualityDay, source: LabelSource | None, metrics: tuple[Metric, ...], now: datetime) -> Row:
    counts = Counts.of([row])
    expected = None
    if source is not None and source.delay_days is not None:
        until = row.date + timedelta(days=source.delay_days)
        expected = until if until > now.astimezone(UTC).date() else None
    return Row(row.date, row.version.version, counts, metrics, expected)


# -- empty states ----------------------------------------------------------------------------------


def _empty(
    deployment: Deployment, source: LabelSource | None, job: QualityJob | None, total: Counts, days: Sequence[Row]
) -> Empty | None:
    if inference_table(deployment) is None:
        return Empty(
            "Inference table is off",
            "Labels are joined to the endpoint's inference table. Turn it on in the step Monitoring of an update.",
        )
    if source is None:
        return Empty("No label table", "Set the table that contains the actual outcomes of predictions.")
    if job is None or job.counted_at is None:
        return Empty("Not counted yet", "The workspace is counting the last 60 days. Figures appear when it is done.")
    if NO_TABLE in job.skipped:
        return Empty("Inference table not found", "Databricks creates it up to an hour after the first request.")
    if not total.predictions:
        return Empty("No predictions in this range", "Choose a longer range.")
    if not total.with_id:
        return Empty(
            "Requests have no client_request_id",
            "Labels are joined by it. Send a unique id with each request, one row per request, and write the same id "
            "to the label table.",
            HOW_TO_SEND,
        )
    return None if total.labelled else Empty("No labels yet", _waiting(source, job, total, days))


def _waiting(source: LabelSource, job: QualityJob, total: Counts, days: Sequence[Row]) -> str:
    words = [f"{total.with_id:,} predictions await labels."]
    if not job.labels:
        words.append(f"{source.table} has no labels.")
    elif job.newest_label is None:
        words.append(f"{source.table} has {job.labels:,} labels, but none for these ids.")
    else:
        words.append(
            f"{source.table} has {job.labels:,} labels, but none for these ids. The newest is from "
            f"{job.newest_label.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
        )
    asked = [row.day for row in days if row.day is not None and row.counts.with_id]
    if source.delay_days is not None and asked:
        first = min(asked) + timedelta(days=source.delay_days)
        words.append(f"The label delay is {source.delay_days} days: the first figures are expected on {first}.")
    return " ".join(words)


# -- charts ----------------------------------------------------------------------------------------


def _charts(days: Sequence[Row], metrics: Sequence[Metric], shown: TimeRange) -> list[Chart]:
    """The two most important metrics and the coverage, with a line for each version."""
    return [*(_chart(days, metric, shown) for metric in _foremost(metrics)), _coverage(days, shown)]


def _chart(days: Sequence[Row], metric: Metric, shown: TimeRange) -> Chart:
    series = []
    for version, rows in _lines(days).items():
        sure = {row.day: row.values[metric.key] for row in rows if not row.counts.has_few}
        unsure = {row.day: row.values[metric.key] for row in rows if row.counts.has_few and row.counts.labelled}
        series += [Series(f"version {version}", _points(sure))] if sure else []
        series += [Series(f"version {version}, {FEW}", _points(unsure))] if unsure else []
    return Chart(
        id=f"quality-{metric.key.replace('_', '-')}",
        title=f"{metric.label} by prediction day",
        series=series,
        start=midnight(shown.start.astimezone(UTC).date()),
        end=shown.end,
        empty="No labels in this range.",
    )


def _coverage(days: Sequence[Row], shown: TimeRange) -> Chart:
    shares = {
        version: {row.day: round(100 * (row.counts.coverage or 0.0), 2) for row in rows}
        for version, rows in _lines(days).items()
    }
    return Chart(
        id="quality-coverage",
        title="Labelled predictions",
        series=[Series(f"version {version}", _points(values)) for version, values in shares.items()],
        unit="%",
        max=100,
        thresholds=[(100 * FEW_SHARE, FEW)],
        start=midnight(shown.start.astimezone(UTC).date()),
        end=shown.end,
        empty="No predictions in this range.",
    )


def _lines(days: Sequence[Row]) -> dict[int, list[Row]]:
    newest = sorted({row.version for row in days}, reverse=True)[:MAX_VERSIONS]
    return {version: [row for row in days if row.version == version] for version in newest}


def _points(values: Mapping[date | None, float | None]) -> list[tuple[datetime, float | None]]:
    """One point for each day. Missing days are gaps."""
    known = [day for day in values if day is not None]
    first, last = min(known), max(known)
    every = [first + timedelta(days=index) for index in range((last - first).days + 1)]
    return [(midnight(day), values.get(day)) for day in every]


def _matrix(versions: Sequence[Row]) -> Matrix | None:
    """The matrix of the newest version that has labels and at most MAX_CLASSES classes."""
    for row in versions:
        found = row.counts.confusion
        if found.pairs and len(found.classes) <= MAX_CLASSES:
            names = found.classes
            cells = [(actual, [found.pairs.get((predicted, actual), 0) for predicted in names]) for actual in names]
            return Matrix(row.version, names, cells)
    return None


# -- CSV -------------------------------------------------------------------------------------------


def csv_columns(view: QualityView) -> tuple[str, ...]:
    return (*CSV_FIRST, *(metric.key for metric in view.metrics), "note")


def csv_rows(view: QualityView) -> list[tuple[object, ...]]:
    return [
        (
            row.day,
            row.version,
            row.counts.predictions,
            row.counts.labelled,
            row.counts.coverage,
            *row.values.values(),
            row.note,
        )
        for row in view.days
    ]
