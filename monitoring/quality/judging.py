"""From the counts of days to a standing, by the rule that a team has set. Nothing that is judged is kept."""

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

# Labels of a smaller share of the predictions say nothing about the rest.
LEAST_COVERAGE = 0.01
NEAR = 0.05
DIGITS = 12
# Counts that may be missed before what the last one said is old.
MISSED_COUNTS = 3
NO_LABELS = "Nobody has said where labels come from."


@dataclass(frozen=True)
class QualityRule:
    """``limit`` is the least of a share, the most of an error, and of a bias the most either way."""

    metric: Metric
    limit: float
    window_days: int

    @classmethod
    def of(cls, source: LabelSource) -> QualityRule | None:
        """None where nobody has set a limit for a figure that there is."""
        metric = next((one for one in metrics_of(source) if one.key == source.metric), None)
        return cls(metric, source.limit, source.window_days) if metric and source.limit is not None else None

    @property
    def margin(self) -> float:
        """Of a share at most half of what is left up to 1, so that the best ones pass."""
        near = NEAR * self.limit
        return round(near if self.metric.is_error else min(near, (self.metric.best - self.limit) / 2), DIGITS)

    @property
    def words(self) -> str:
        return f"{'at most' if self.metric.is_error else 'at least'} {self.limit:.4g}"

    def standing_of(self, value: float) -> Standing:
        """At the limit it is at risk, and not beyond, but where nothing could be better."""
        # 0.84 is 0.04 above 0.8, whatever floats make of it.
        room = round(self.limit - abs(value) if self.metric.is_error else value - self.limit, DIGITS)
        if room < 0:
            return Standing.FAILING
        return Standing.AT_RISK if room < self.margin else Standing.PASSING

    def sentence(self) -> str:
        label = self.metric.label
        what = f"The amount of {label}" if self.metric.key == LabelSource.Metric.BIAS else label
        days = "day" if self.window_days == 1 else f"{self.window_days} days"
        return (
            f"{what} of the version with most of the traffic is to be {self.words}, over the last {days} whose labels "
            f"have come. Failing beyond that, at risk within {self.margin:.2g} of it. Unknown below {FEW_LABELS} "
            f"labels, or labels for less than {LEAST_COVERAGE:.0%} of the predictions."
        )


@dataclass(frozen=True)
class Quality:
    """``days`` are the first and the last one judged, ``counts`` theirs together; both None where none are."""

    standing: Standing
    reason: str
    rule: QualityRule | None = None
    version: int | None = None
    value: float | None = None
    counts: Counts | None = None
    days: tuple[date, date] | None = None
    counted_at: datetime | None = None


def judged(deployment: Deployment, now: datetime) -> Quality:
    """Two queries."""
    source = LabelSource.objects.filter(deployment=deployment).select_related("job").first()
    return judge(deployment, source, now)


def judge(deployment: Deployment, source: LabelSource | None, now: datetime) -> Quality:
    """One query. ``source``: the deployment's, with its job."""
    if inference_table(deployment) is None:
        return Quality(Standing.UNKNOWN, "Requests are not kept: the endpoint has no inference table.")
    if source is None:
        return Quality(Standing.UNKNOWN, NO_LABELS)
    rule = QualityRule.of(source)
    if rule is None:
        return Quality(Standing.UNKNOWN, "Nobody has set a limit.")
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
    """Why nothing is known of the present; "" if something is. While a job runs, what the one before said holds."""
    if job is not None and job.message:
        return f"The last count failed: {job.message.partition(chr(10))[0]}."
    if job is None or job.counted_at is None:
        return "Labels were never counted."
    if NO_TABLE in job.skipped:
        return f"Nothing can be counted: {NO_TABLE}."
    if now - job.counted_at > stale_after():
        return counted_last(job.counted_at)
    return ""


def stale_after() -> timedelta:
    return timedelta(seconds=MISSED_COUNTS * settings.QUALITY_EVERY_S + settings.QUALITY_JOB_TIMEOUT_S)


def counted_last(moment: datetime) -> str:
    return f"Labels were last counted at {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC."


def _due(deployment: Deployment, source: LabelSource, version: int, now: datetime) -> list[QualityDay]:
    """The newest days of the version that have labels and wait for no more, the newest first."""
    rows = QualityDay.objects.filter(deployment=deployment, version__version=version, labelled__gt=0)
    return list(rows.filter(date__lte=_last_due(source, now)).order_by("-date")[: source.window_days])


def _last_due(source: LabelSource, now: datetime) -> date:
    return now.astimezone(UTC).date() - timedelta(days=source.delay_days or 0)


def _of_days(rows: Sequence[QualityDay], known: Quality, source: LabelSource, now: datetime) -> Quality:
    """``known``: the rule and the version."""
    if not rows:
        wait = f" for days up to {_last_due(source, now)}, when labels should have come" if source.delay_days else ""
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
        return replace(found, reason=f"Only {_told(found, counts)}: fewer than {FEW_LABELS} say nothing.")
    if coverage < LEAST_COVERAGE:
        return replace(found, reason=f"Only {_told(found, counts)}: less than {LEAST_COVERAGE:.0%} says nothing.")
    if misfit := doubt(source, counts):
        return replace(found, reason=f"These labels may not fit. {misfit}")
    if value is None:
        return replace(found, reason=f"{rule.metric.label} cannot be computed of {_told(found, counts)}.")
    told = f"{rule.metric.label} is {value:.4g}, to be {rule.words}: {_told(found, counts)}."
    return replace(found, standing=rule.standing_of(value), reason=told)


def _told(found: Quality, counts: Counts) -> str:
    first, last = found.days or (None, None)
    labels = "label" if counts.labelled == 1 else "labels"
    span = f"{first}" if first == last else f"{first} to {last}"
    share = f"{100 * (counts.coverage or 0.0):.3g} % of the predictions"
    return f"{counts.labelled:,} {labels} of version {found.version}, {span}, for {share}"
