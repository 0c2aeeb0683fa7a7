"""Judges quality from daily counts by the rule of the team. The results are not stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from django.conf import settings

from deployments.models import Deployment
from monitoring.quality.figures import FEW_LABELS, Counts, Metric, doubt, metrics_of
from monitoring.quality.models import RECOUNTED, LabelSource, QualityDay, QualityJob
from monitoring.watched.states import Standing
from monitoring.watched.versions import inference_table
from sketches.job import NO_TABLE

#: Labels for a smaller share of the predictions are not representative.
LEAST_COVERAGE = 0.01
NEAR = 0.05
DIGITS = 12
#: Number of missed counts after which the last one is stale.
MISSED_COUNTS = 3
NO_LABELS = "No label table is set."


@dataclass(frozen=True)
class QualityRule:
    """The watched metric and its limit."""

    metric: Metric
    #: Minimum of a share, maximum of an error, maximum absolute value of a bias.
    limit: float
    window_days: int

    @classmethod
    def of(cls, source: LabelSource) -> QualityRule | None:
        """None if no limit is set, or if the metric does not apply to the labels."""
        metric = next((one for one in metrics_of(source) if one.key == source.metric), None)
        return cls(metric, source.limit, source.window_days) if metric and source.limit is not None else None

    @property
    def margin(self) -> float:
        """Distance from the limit below which it is at risk. At most half the distance to 1, so that 1 passes."""
        near = NEAR * self.limit
        return round(near if self.metric.is_error else min(near, (self.metric.best - self.limit) / 2), DIGITS)

    @property
    def words(self) -> str:
        return f"{'at most' if self.metric.is_error else 'at least'} {self.limit:.4g}"

    def standing_of(self, value: float) -> Standing:
        """Failing beyond the limit, at risk within the margin, else passing."""
        # Rounding: 0.84 - 0.8 is slightly below 0.04 in floats.
        room = round(self.limit - abs(value) if self.metric.is_error else value - self.limit, DIGITS)
        if room < 0:
            return Standing.FAILING
        return Standing.AT_RISK if room < self.margin else Standing.PASSING

    def sentence(self) -> str:
        label = self.metric.label
        what = f"The absolute {label.lower()}" if self.metric.key == LabelSource.Metric.BIAS else label
        days = "day" if self.window_days == 1 else f"{self.window_days} days"
        return (
            f"{what} of the version with the most traffic must be {self.words}, over the last {days} with labels. "
            f"Failing beyond the limit, at risk within {self.margin:.2g} of it. Unknown with fewer than {FEW_LABELS} "
            f"labels, or with labels for less than {LEAST_COVERAGE:.0%} of the predictions."
        )


@dataclass(frozen=True)
class Quality:
    """The standing of quality."""

    standing: Standing
    reason: str
    rule: QualityRule | None = None
    version: int | None = None
    value: float | None = None
    #: The sum over ``days``.
    counts: Counts | None = None
    #: The first and the last judged day.
    days: tuple[date, date] | None = None
    counted_at: datetime | None = None


def judged(deployment: Deployment, now: datetime) -> Quality:
    """Judge the deployment by its stored label source. Two queries."""
    source = LabelSource.objects.filter(deployment=deployment).select_related("job").first()
    return judge(deployment, source, now)


def judge(deployment: Deployment, source: LabelSource | None, now: datetime) -> Quality:
    """Judge the deployment by ``source``, which has its job. One query."""
    if inference_table(deployment) is None:
        return Quality(Standing.UNKNOWN, "The inference table is off.")
    if source is None:
        return Quality(Standing.UNKNOWN, NO_LABELS)
    rule = QualityRule.of(source)
    if rule is None:
        return Quality(Standing.UNKNOWN, "No limit is set.")
    job: QualityJob | None = getattr(source, "job", None)
    if unknown := _uncounted(job, now):
        return Quality(Standing.UNKNOWN, unknown, rule)
    known = Quality(
        Standing.UNKNOWN, "No version of the model gets traffic.", rule, counted_at=job.counted_at if job else None
    )
    number = deployment.live_version
    if not number.isdecimal():
        return known
    known = replace(known, version=int(number))
    return _of_days(_due(deployment, source, int(number), now), known, source, now)


def _uncounted(job: QualityJob | None, now: datetime) -> str:
    """Why there are no current counts; "" if there are. A running job does not make the last counts invalid."""
    if job is not None and job.message:
        return f"The last count failed: {job.message.partition(chr(10))[0]}."
    if job is None or job.counted_at is None:
        return "Labels were never counted."
    if NO_TABLE in job.skipped:
        return f"Labels cannot be counted: {NO_TABLE}."
    if now - job.counted_at > stale_after():
        return counted_last(job.counted_at)
    return ""


def stale_after() -> timedelta:
    return timedelta(seconds=MISSED_COUNTS * settings.QUALITY_EVERY_S + settings.QUALITY_JOB_TIMEOUT_S)


def counted_last(moment: datetime) -> str:
    return f"Labels were last counted at {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC."


def _due(deployment: Deployment, source: LabelSource, version: int, now: datetime) -> list[QualityDay]:
    """The newest days of the version that have labels and whose label delay is over, newest first."""
    rows = QualityDay.objects.filter(deployment=deployment, version__version=version, labelled__gt=0)
    return list(rows.filter(date__lte=_last_due(source, now)).order_by("-date")[: source.window_days])


def _last_due(source: LabelSource, now: datetime) -> date:
    return now.astimezone(UTC).date() - timedelta(days=source.delay_days or 0)


def _of_days(rows: Sequence[QualityDay], known: Quality, source: LabelSource, now: datetime) -> Quality:
    """The standing from the judged days. ``known`` has the rule and the version."""
    if not rows:
        wait = f" for days up to {_last_due(source, now)}, whose label delay is over" if source.delay_days else ""
        return replace(known, reason=f"Version {known.version} has no labels yet{wait}.")
    counts = Counts.of(rows)
    found = replace(known, counts=counts, days=(rows[-1].date, rows[0].date))
    if rows[0].date < _last_due(source, now) - RECOUNTED:
        return replace(found, reason=f"No labels for predictions of version {known.version} since {rows[0].date}.")
    return _of_counts(found, counts, source)


def _of_counts(found: Quality, counts: Counts, source: LabelSource) -> Quality:
    rule, coverage = found.rule, counts.coverage or 0.0
    assert rule is not None
    value = rule.metric.value(counts)
    found = replace(found, value=value)
    if counts.labelled < FEW_LABELS:
        return replace(found, reason=f"Only {_told(found, counts)}; at least {FEW_LABELS} are needed.")
    if coverage < LEAST_COVERAGE:
        return replace(found, reason=f"Only {_told(found, counts)}; at least {LEAST_COVERAGE:.0%} is needed.")
    if misfit := doubt(source, counts):
        return replace(found, reason=f"These labels may not fit. {misfit}")
    if value is None:
        return replace(found, reason=f"{rule.metric.label} is undefined for {_told(found, counts)}.")
    told = f"{rule.metric.label} is {value:.4g}, must be {rule.words}: {_told(found, counts)}."
    return replace(found, standing=rule.standing_of(value), reason=told)


def _told(found: Quality, counts: Counts) -> str:
    first, last = found.days or (None, None)
    labels = "label" if counts.labelled == 1 else "labels"
    span = f"{first}" if first == last else f"{first} to {last}"
    share = f"{100 * (counts.coverage or 0.0):.3g} % of the predictions"
    return f"{counts.labelled:,} {labels} of version {found.version}, {span}, for {share}"
