"""Charts of drift: over time, against importance, and the distribution of a feature beside its baseline."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from deployments.models import Deployment
from monitoring.drift.judging import Judged
from monitoring.drift.models import Baseline, DriftDay, DriftWindow
from monitoring.watched.versions import columns_of
from sketches.judgement import DriftStatus, FeatureDrift, Rules, judge
from sketches.payloads import PREDICTION
from sketches.sketch import merge
from web.charts import Chart, Series
from web.ranges import TimeRange

#: Maximum points of a chart over time: a week of hours. Longer ranges use days, which are stored as sums.
MOST_POINTS = 168
#: The range of times that ``datetime`` can represent, in seconds since 1970.
FIRST_S, LAST_S = -6e10, 2.5e11
ONE_DAY = timedelta(days=1)
NARROWEST = (timedelta(hours=1), ONE_DAY, 2 * ONE_DAY, 7 * ONE_DAY)
#: If most points of a width have too few predictions, the next width is used.
WIDTHS = tuple(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12, 24))


@dataclass(frozen=True)
class Moment:
    """The results of one version in the bucket that starts at ``start``."""

    start: datetime
    version: int
    found: Mapping[str, FeatureDrift]


@dataclass(frozen=True)
class History:
    """Drift over time, judged by the current rules. Each version is compared with its own baseline."""

    moments: list[Moment]
    width: timedelta

    @classmethod
    def of(cls, deployment: Deployment, rules: Rules, shown: TimeRange) -> History:
        """Windows of the same version and bucket are added up. Two queries."""
        narrowest = next((width for width in NARROWEST if shown.width <= MOST_POINTS * width), NARROWEST[-1])
        rows = _counted(deployment, shown, narrowest)
        baselines = Baseline.objects.select_related("version").in_bulk({row.baseline_id for row in rows})
        width = _enough(rows, narrowest, {pk: rules.enough(one.data) for pk, one in baselines.items()})
        sums: dict[tuple[datetime, int], dict[str, Any]] = {}
        for window in rows:
            key = (_bucket(window.start, width), window.baseline_id)
            sums[key] = merge(sums[key], window.sketch) if key in sums else window.sketch
        moments = [
            Moment(
                start, baselines[pk].version.version, {one.name: one for one in judge(baselines[pk].data, total, rules)}
            )
            for (start, pk), total in sums.items()
            if pk in baselines
        ]
        return cls(sorted(moments, key=lambda moment: (moment.start, moment.version)), width)

    def values(self, feature: str) -> list[tuple[datetime, float | None]]:
        """The drift of ``feature``. The newest version in a bucket counts. Buckets without requests are gaps."""
        found: dict[datetime, float | None] = {}
        for moment in self.moments:
            one = moment.found.get(feature)
            found[moment.start] = None
            if one is not None and one.status in (DriftStatus.DRIFT, DriftStatus.OK):
                found[moment.start] = one.value
        if not found:
            return []
        times, last = [min(found)], max(found)
        while times[-1] < last:
            times.append(times[-1] + self.width)
        return [(time, found.get(time)) for time in times]

    def switches(self) -> list[tuple[datetime, str]]:
        """The times at which the version, and with it the baseline, changes."""
        newest = {moment.start: moment.version for moment in self.moments}
        return [
            (start, f"baseline of version {version}")
            for (_, before), (start, version) in pairwise(newest.items())
            if version != before
        ]


def _counted(deployment: Deployment, shown: TimeRange, width: timedelta) -> Sequence[DriftWindow | DriftDay]:
    since = shown.start - width
    if width >= ONE_DAY:
        days = DriftDay.objects.filter(deployment=deployment)
        return list(days.filter(date__gte=since.astimezone(UTC).date(), date__lte=shown.end.astimezone(UTC).date()))
    return list(DriftWindow.objects.filter(deployment=deployment, start__gte=since, start__lt=shown.end))


def _enough(rows: Sequence[DriftWindow | DriftDay], narrowest: timedelta, needed: Mapping[int, int]) -> timedelta:
    """The narrowest width, up to a day, at which most buckets have enough predictions ({baseline: ``needed``})."""
    wider = [width for width in WIDTHS if narrowest <= width]
    for width in wider:
        counted: Counter[tuple[datetime, int]] = Counter()
        for window in rows:
            counted[_bucket(window.start, width), window.baseline_id] += window.rows
        if 2 * sum(count >= needed.get(pk, 0) for (_, pk), count in counted.items()) > len(counted):
            return width
    return wider[-1] if wider else narrowest


def _bucket(start: datetime, width: timedelta) -> datetime:
    seconds, size = int(start.timestamp()), int(width.total_seconds())
    return datetime.fromtimestamp(seconds - seconds % size, UTC)


def over_time(
    history: History, feature: str, threshold: float, shown: TimeRange, link: Callable[[datetime, datetime], str]
) -> Chart:
    """``link`` returns the URL of a point from its start and end."""
    label = "Prediction" if feature == PREDICTION else feature
    points = [(time, value, "", link(time, time + history.width)) for time, value in history.values(feature)]
    series = [Series(label, points)]
    if feature != PREDICTION:
        series.append(Series("Prediction", history.values(PREDICTION)))
    return Chart(
        id="drift-over-time",
        title=f"Drift of {label} over time",
        series=series,
        markers=history.switches(),
        thresholds=[(threshold, f"threshold {threshold:g}")],
        start=shown.start,
        end=shown.end,
        empty="No window in this range has enough predictions.",
    )


def against_importance(points: Sequence[Sequence[Any]], baseline: Baseline | None) -> Chart:
    """``points`` are (importance, drift, name). Points with an unknown value are not drawn."""
    known = [point for point in points if None not in point[:2]]
    return Chart(
        id="drift-importance",
        title="Drift against importance",
        series=[Series("Drift", known)],
        kind="scatter",
        x="number",
        x_label="Importance",
        empty=_no_importance(baseline),
    )


def _no_importance(baseline: Baseline | None) -> str:
    if baseline is not None and baseline.importance is not None:
        return "No feature has enough predictions."
    note = baseline.importance_note if baseline is not None else ""
    why = f"is unknown: {note}." if note else "is measured by a job, once for each baseline."
    return f"The importance of features for this version {why}"


def distribution(found: Judged, feature: str) -> Chart:
    """The share of each bin, in the baseline and in the judged window."""
    assert found.baseline is not None
    data = found.baseline.data
    bins = data["features"][feature]
    is_time = found.version is not None and columns_of(found.version).get(feature) == "datetime"
    names = _numeric_bins(bins["edges"], is_time) if bins["kind"] == "numeric" else [*bins["categories"], "others"]
    names = _distinct(names)
    sides = [("Baseline", data["sketch"][feature]), ("This window", (found.sketch or {}).get(feature))]
    series = [Series(name, list(zip(names, _shares(entry), strict=True))) for name, entry in sides if entry]
    label = "Prediction" if feature == PREDICTION else feature
    return Chart(
        id="drift-distribution",
        title=f"Distribution of {label}",
        series=series,
        kind="bar",
        x="category",
        x_label=label,
        unit="%",
        categories=names,
        empty="No values to compare.",
    )


def _shares(entry: Mapping[str, Any]) -> list[float | None]:
    """Percent of values in each bin; None if there are no values."""
    total = sum(entry["counts"])
    return [round(100 * count / total, 3) if total else None for count in entry["counts"]]


def _numeric_bins(edges: list[float], is_time: bool) -> list[str]:
    text = [_edge(edge, is_time) for edge in edges]
    between = [
        one if math.nextafter(low, math.inf) == high else f"{one} to {other}"
        for low, high, one, other in zip(edges, edges[1:], text, text[1:], strict=False)
    ]
    return [f"below {text[0]}", *between, f"above {text[-1]}"]


def _edge(edge: float, is_time: bool) -> str:
    if is_time and FIRST_S < edge < LAST_S:
        return f"{datetime.fromtimestamp(0, UTC) + timedelta(seconds=edge):%Y-%m-%d %H:%M}"
    return f"{edge:.4g}"


def _distinct(names: Iterable[str]) -> list[str]:
    """Number names that occur twice: rounded edges may be equal, but each bin has its own bar."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
